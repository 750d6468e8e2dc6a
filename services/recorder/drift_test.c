// drift_test.c: a sender whose clock is not the capture's, through the spool into a file: its tone must stand at the capture's
// time to the sample from the first minute to the last, and the other side untouched.
#include <fcntl.h>
#include <math.h>
#include "manifest.h"
#include "media/drift.h"
#include "media/g711.h"
#include "render_kit.h"

#define PACKETS 30000u // ten minutes
#define HZ      440.0

static int64_t frames;
static int16_t *heard; // stereo, of the last cut

static struct world *world_open(void)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    kit_open(w, 64 << 20, 4096, 64);
    return w;
}

static void world_close(struct world *w)
{
    kit_close(w);
    free(heard);
    heard = NULL;
    free(w);
}

static int16_t tone(double sample)
{
    return (int16_t)lrint(8000 * sin(2 * M_PI * HZ * sample / 8000));
}

static void send_tone(struct world *w, uint32_t no, uint32_t ssrc, uint32_t i, int64_t at_us)
{
    uint32_t ts = 77777 + i * 160;
    uint8_t p[172] = {0x80, 0, (uint8_t)(i >> 8), (uint8_t)i};
    for (int k = 0; k < 4; k++)
        p[4 + k] = (uint8_t)(ts >> (24 - 8 * k));
    p[11] = (uint8_t)ssrc;
    for (uint32_t k = 0; k < 160; k++)
        p[12 + k] = g711_ulaw_encode(tone(i * 160.0 + k));
    kit_packet(w, no, at_us, p, sizeof(p));
}

static void cut(struct world *w)
{
    for (uint32_t i = 0; i < w->job.streams; i++) {
        struct job_stream *s = &w->job.stream[i];
        struct stream *st = streams_by_id(w->streams, &s->id);
        (void)streams_write(w->streams, st);
        s->known = true;
        s->head = st->head;
    }
    render_learn(w->render, &w->job, &w->res);
    assert_int_equal(w->res.verdict, RENDER_READY);
    assert_int_equal(render_write(w->render, &w->job, w->path, &w->res), 0);
    struct wav_info v;
    uint8_t head[WAV_HEADER_MAX];
    int fd = open(w->path, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read(fd, head, sizeof(head)) > 0 &&
                wav_read_header(span_of(head, sizeof(head)), &v));
    frames = (int64_t)v.frames;
    if (v.format == WAV_L16) {
        heard = calloc((size_t)frames, 4);
        assert_int_equal(pread(fd, heard, (size_t)frames * 4, (off_t)v.header_bytes), frames * 4);
    }
    close(fd);
}

// Both sides' tone; the caller's clock is `ppm` fast.
static void call(struct world *w, double ppm)
{
    (void)kit_stream(w, 1, 0);
    (void)kit_stream(w, 2, 1);
    for (uint32_t i = 0; i < PACKETS; i++) {
        send_tone(w, 1, 1, i, T0 + llround(i * 20000.0 / (1 + ppm / 1e6)));
        send_tone(w, 2, 2, i, T0 + i * 20000);
    }
    cut(w);
}

// The worst sample of the caller against a tone of the sender's true speed.
static int worst(double ppm)
{
    int most = 0;
    double end = PACKETS * 160 / (1 + ppm / 1e6);
    for (int64_t i = 200; i < (int64_t)end - 200; i++) {
        int off = abs(heard[2 * i] - tone((double)i * (1 + ppm / 1e6)));
        most = off > most ? off : most;
    }
    return most;
}

static void a_fast_side_stands_where_it_was_said(void **state)
{
    (void)state;
    static const double ppms[] = {500, -80};
    for (size_t k = 0; k < COUNT_OF(ppms); k++) {
        struct world *w = world_open();
        char json[MANIFEST_BYTES];
        call(w, ppms[k]);
        assert_int_equal(w->res.wav.format, WAV_L16);
        // Half a step of mu-law at this level is 128; the rest is a tenth of a sample in ten minutes.
        int off = worst(ppms[k]);
        if (off > 512)
            fail_msg("%.0f ppm: off by %d", ppms[k], off);
        // A side is anchored by the quickest packet of its first second, so a fast one stands half a millisecond early.
        int64_t later = k == 0 ? 4 : 0;
        for (int64_t i = 0; i < PACKETS * 160; i++)
            assert_int_equal(heard[2 * (i + later) + 1],
                             g711_ulaw_decode(g711_ulaw_encode(tone((double)i))));
        assert_int_equal(w->res.drifts, 1);
        assert_int_equal(w->res.drift[0].stream, 0);
        double told = -(double)w->res.drift[0].stretch * 1e6 / DRIFT_ONE;
        assert_true(fabs(told - ppms[k]) < 0.5);
        struct manifest m = {.job = &w->job,
                             .result = &w->res,
                             .window = &w->render->window,
                             .recorder = "lab/recorder"};
        assert_true(manifest_json(&m, json, sizeof(json)) > 0);
        assert_non_null(strstr(json, k == 0 ? "\"skew_ppm\":499." : "\"skew_ppm\":-80.0"));
        world_close(w);
    }
}

// Two taps with clocks of their own, each with holes; what one lacks the other fills, on the same stretched clock.
static void copies_fill_each_other_on_one_clock(void **state)
{
    (void)state;
    struct world *w = world_open();
    double ppm = 400;
    (void)kit_stream(w, 1, 0);
    (void)kit_stream(w, 3, 0);
    for (uint32_t i = 0; i < PACKETS; i++) {
        int64_t at = T0 + llround(i * 20000.0 / (1 + ppm / 1e6));
        if (i % 10 != 3)
            send_tone(w, 1, 1, i, at);
        if (i % 5 != 1)
            send_tone(w, 3, 1, i, at + 3701);
    }
    cut(w);
    assert_int_equal(w->res.channel[0].lost, 0);
    assert_int_equal(w->render->window.gaps_total, 1); // the callee, who said nothing
    // A run begins at a whole sample, and each hole ends one: up to a sample (2,764 of this tone) off, never more.
    int off = worst(ppm);
    if (off > 3300)
        fail_msg("off by %d", off);
    world_close(w);
}

static void a_small_drift_leaves_the_codes(void **state)
{
    (void)state;
    struct world *w = world_open();
    call(w, 30); // 18 ms in ten minutes
    assert_int_equal(w->res.wav.format, WAV_PCMU);
    assert_int_equal(w->res.wav.frames, PACKETS * 160);
    assert_int_equal(w->res.drifts, 0);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fast_side_stands_where_it_was_said),
        cmocka_unit_test(copies_fill_each_other_on_one_clock),
        cmocka_unit_test(a_small_drift_leaves_the_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

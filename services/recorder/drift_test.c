// drift_test.c: a sender whose clock is not the capture's, through the spool into a file: its tone must stand at the capture's
// time to the sample from the first minute to the last, and the other side untouched.
#include "tests/support/test.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/mono.h"
#include "manifest.h"
#include "media/drift.h"
#include "media/g711.h"
#include "render.h"
#include "streams.h"

#define T0      INT64_C(1700000000000000)
#define PACKETS 30000u // ten minutes
#define HZ      440.0

struct world {
    char dir[64], path[100];
    struct spool *spool;
    struct streams *streams;
    struct feeds *feeds;
    struct feed *feed;
    struct spool_reader *reader;
    struct render *render;
    struct job job;
    struct render_result res;
    uint64_t seq;
    int64_t frames;
    int16_t *sound; // stereo
};

static struct world *world_open(void)
{
    char err[200];
    static const uint8_t incarnation[16] = {9};
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/drift-test-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    struct spool_opts o = {w->dir, 64 << 20, 16 << 20, 0};
    assert_int_equal(spool_open(&w->spool, &o, err, sizeof(err)), 0);
    w->streams = streams_new(64, 64, w->spool);
    w->feeds = calloc(1, sizeof(*w->feeds));
    feeds_init(w->feeds);
    w->feed = feeds_bind(w->feeds, 1, "lab/capture", incarnation, "lab");
    w->reader = spool_reader_new(w->dir);
    w->render = calloc(1, sizeof(*w->render));
    assert_int_equal(render_init(w->render, w->reader, 4096, 64, 1000000, 20000), 0);
    (void)snprintf(w->path, sizeof(w->path), "%s/out.wav", w->dir);
    w->job.started_us = T0 - 1000000;
    w->job.ended_us = T0 + 3600 * US_PER_S;
    (void)snprintf(w->job.site, sizeof(w->job.site), "lab");
    return w;
}

static void world_close(struct world *w)
{
    char cmd[100];
    render_deinit(w->render);
    free(w->render);
    w->reader = spool_reader_free(w->reader);
    w->streams = streams_free(w->streams);
    w->spool = spool_close(w->spool);
    free(w->feeds);
    free(w->sound);
    (void)snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
    assert_int_equal(system(cmd), 0);
    free(w);
}

static void stream(struct world *w, uint32_t no, int side)
{
    struct job_stream *s = &w->job.stream[w->job.streams++];
    s->id = uuid_v7_derived(T0, span_of(&no, sizeof(no)));
    s->side = (uint8_t)(side + 1);
    streams_set_id(w->streams, streams_add(w->streams, w->feed->key, 1, no), &s->id);
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
    struct spool_record rec = {at_us, sizeof(p), 0};
    struct stream *st = streams_by_no(w->streams, w->feed->key, 1, no);
    assert_int_equal(
        streams_put(w->streams, st, w->feed, ++w->seq, 0, rec, span_of(p, sizeof(p)), 0), 0);
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
    w->frames = (int64_t)v.frames;
    if (v.format == WAV_L16) {
        w->sound = calloc((size_t)w->frames, 4);
        assert_int_equal(pread(fd, w->sound, (size_t)w->frames * 4, (off_t)v.header_bytes),
                         w->frames * 4);
    }
    close(fd);
}

// Both sides' tone; the caller's clock is `ppm` fast.
static void call(struct world *w, double ppm)
{
    stream(w, 1, 0);
    stream(w, 2, 1);
    for (uint32_t i = 0; i < PACKETS; i++) {
        send_tone(w, 1, 1, i, T0 + llround(i * 20000.0 / (1 + ppm / 1e6)));
        send_tone(w, 2, 2, i, T0 + i * 20000);
    }
    cut(w);
}

// The worst sample of the caller against a tone of the sender's true speed.
static int worst(const struct world *w, double ppm)
{
    int most = 0;
    double end = PACKETS * 160 / (1 + ppm / 1e6);
    for (int64_t i = 200; i < (int64_t)end - 200; i++) {
        int off = abs(w->sound[2 * i] - tone((double)i * (1 + ppm / 1e6)));
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
        int off = worst(w, ppms[k]);
        if (off > 512)
            fail_msg("%.0f ppm: off by %d", ppms[k], off);
        // A side is anchored by the quickest packet of its first second, so a fast one stands half a millisecond early.
        int64_t later = k == 0 ? 4 : 0;
        for (int64_t i = 0; i < PACKETS * 160; i++)
            assert_int_equal(w->sound[2 * (i + later) + 1],
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
    stream(w, 1, 0);
    stream(w, 3, 0);
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
    int off = worst(w, ppm);
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

// voice_test.c: calls with other codecs than G.711, through the spool into a file: rate, place, losses, changes, SRTP.
#include <fcntl.h>
#include <math.h>
#include "media/g711.h"
#include "render_kit.h"

#define FRAMES 64000u

static int16_t heard[2][FRAMES]; // of the last cut

static struct world *world_open(void)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    kit_open(w, 64 << 20, 4096, 1024);
    memset(heard, 0, sizeof(heard));
    return w;
}

static void world_close(struct world *w)
{
    kit_close(w);
    free(w);
}

static void send_rtp(struct world *w, uint32_t no, uint8_t pt, uint16_t seq, uint32_t ts,
                     int64_t at_us, const uint8_t *payload, size_t n)
{
    uint8_t p[2000] = {0x80, pt, (uint8_t)(seq >> 8), (uint8_t)seq, 0, 0, 0, 0, 0,
                       0,    0,  (uint8_t)no};
    for (int i = 0; i < 4; i++)
        p[4 + i] = (uint8_t)(ts >> (24 - 8 * i));
    memcpy(p + 12, payload, n);
    kit_packet(w, no, at_us, p, 12 + n);
}

// 20 ms of a tone at 8 kHz as A-law, from sample pos on.
static void say_alaw(struct world *w, uint32_t no, uint32_t i, double hz, uint32_t ts)
{
    uint8_t p[160];
    for (uint32_t k = 0; k < 160; k++)
        p[k] = g711_alaw_encode((int16_t)lrint(8000 * sin(2 * M_PI * hz * (i * 160 + k) / 8000)));
    send_rtp(w, no, 8, (uint16_t)i, ts, T0 + i * 20000, p, sizeof(p));
}

// The same as L16 at any rate.
static void say_linear(struct world *w, uint32_t no, uint8_t pt, uint32_t rate, uint32_t i,
                       double hz)
{
    uint8_t p[2000];
    uint32_t n = rate / 50;
    for (uint32_t k = 0; k < n; k++) {
        int16_t v = (int16_t)lrint(8000 * sin(2 * M_PI * hz * (i * n + k) / rate));
        p[2 * k] = (uint8_t)((uint16_t)v >> 8);
        p[2 * k + 1] = (uint8_t)v;
    }
    send_rtp(w, no, pt, (uint16_t)i, i * n, T0 + i * 20000, p, 2u * n);
}

static void cut(struct world *w)
{
    for (uint32_t i = 0; i < w->job.streams; i++) {
        struct job_stream *s = &w->job.stream[i];
        struct stream *st = streams_by_id(w->streams, &s->id);
        (void)streams_write(w->streams, st);
        s->known = st->packets > 0;
        s->head = st->head;
        s->packets = st->packets;
    }
    render_learn(w->render, &w->job, &w->res);
    if (w->res.verdict != RENDER_READY)
        return;
    assert_int_equal(render_write(w->render, &w->job, w->path, &w->res), 0);
    static uint8_t file[FRAMES * 4 + 64];
    int fd = open(w->path, O_RDONLY);
    ssize_t n = read(fd, file, sizeof(file));
    close(fd);
    struct wav_info info;
    assert_true(wav_read_header(span_of(file, (size_t)n), &info));
    assert_int_equal(info.format, WAV_L16);
    assert_int_equal(info.sample_rate, w->res.wav.sample_rate);
    assert_int_equal((size_t)n, info.header_bytes + info.frames * 4);
    for (size_t i = 0; i < info.frames; i++) {
        const uint8_t *p = file + info.header_bytes + 4 * i;
        heard[0][i] = (int16_t)(uint16_t)(p[0] | p[1] << 8);
        heard[1][i] = (int16_t)(uint16_t)(p[2] | p[3] << 8);
    }
}

// How far frames [from, to) are from the tone they were made of; 1.0: as loud as the tone itself.
static double error_of(const int16_t *pcm, size_t from, size_t to, double rate, double hz)
{
    double sum = 0;
    for (size_t i = from; i < to; i++) {
        double e = pcm[i] - 8000 * sin(2 * M_PI * hz * (double)i / rate);
        sum += e * e;
    }
    return sqrt(sum / (double)(to - from)) / 8000 * sqrt(2);
}

static double loudness(const int16_t *pcm, size_t from, size_t to)
{
    double sum = 0;
    for (size_t i = from; i < to; i++)
        sum += (double)pcm[i] * pcm[i];
    return sqrt(sum / (double)(to - from));
}

static void two_rates_share_the_higher(void **state)
{
    (void)state;
    static const uint32_t rates[] = {16000, 44100, 48000};
    for (size_t k = 0; k < COUNT_OF(rates); k++) {
        struct world *w = world_open();
        kit_stream(w, 1, 0);
        struct job_stream *wide = kit_stream(w, 2, 1);
        wide->maps = 1;
        wide->map[0] = (struct job_codec){97, "L16", rates[k], 1, 0};
        for (uint32_t i = 0; i < 100; i++) {
            say_alaw(w, 1, i, 700, i * 160);
            say_linear(w, 2, 97, rates[k], i, 1500);
        }
        cut(w);
        assert_int_equal(w->res.verdict, RENDER_READY);
        assert_int_equal(w->res.wav.sample_rate, 16000);
        assert_int_equal(w->res.wav.frames, 32000);
        assert_true(error_of(heard[0], 100, 31900, 16000, 700) < 0.03);
        // Half a sample of 16 kHz is what the rounding of its filter's delay may cost.
        assert_true(error_of(heard[1], 100, 31900, 16000, 1500) < (k == 0 ? 0.01 : 0.3));
        assert_int_equal(w->res.channel[0].packets, 100);
        assert_int_equal(w->res.channel[1].packets, 100);
        assert_string_equal(w->res.channel[0].codec, "PCMA");
        assert_string_equal(w->res.channel[1].codec, "L16");
        assert_int_equal(w->render->window.gaps_total, 0);
        world_close(w);
    }
}

static void a_pause_and_a_loss_at_another_rate(void **state)
{
    (void)state;
    struct world *w = world_open();
    kit_stream(w, 1, 0);
    struct job_stream *wide = kit_stream(w, 2, 1);
    wide->maps = 1;
    wide->map[0] = (struct job_codec){97, "L16", 16000, 1, 0};
    for (uint32_t i = 0; i < 100; i++) {
        if (i != 50 && (i < 70 || i >= 80)) // one lost, ten not captured either
            say_alaw(w, 1, i, 700, i * 160);
        say_linear(w, 2, 97, 16000, i, 1500);
    }
    cut(w);
    assert_int_equal(w->res.verdict, RENDER_READY);
    assert_int_equal(w->render->window.gaps_total, 2);
    static const int64_t at[2][2] = {{50 * 320, 51 * 320}, {70 * 320, 80 * 320}};
    for (int i = 0; i < 2; i++) {
        const struct gap *g = &w->render->window.gaps[i];
        assert_int_equal(g->reason, GAP_LOSS);
        assert_int_equal(g->from, at[i][0]);
        assert_int_equal(g->to, at[i][1]);
        assert_true(loudness(heard[0], (size_t)at[i][0], (size_t)at[i][1]) < 1);
    }
    assert_int_equal(w->res.channel[0].lost, 11);
    // Each run begins and ends where it did.
    assert_true(error_of(heard[0], 51 * 320 + 16, 70 * 320 - 16, 16000, 700) < 0.03);
    assert_true(error_of(heard[0], 80 * 320 + 16, 32000 - 16, 16000, 700) < 0.03);
    world_close(w);
}

// AMR frames of any sound: no encoder is needed to see where its concealment goes.
static void a_concealed_loss_stays_a_gap(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct job_stream *s = kit_stream(w, 1, 0);
    s->maps = 1;
    s->map[0] = (struct job_codec){98, "AMR", 8000, 1, CODEC_OCTET_ALIGN};
    uint8_t frame[33] = {0xF0, 0x3C}; // 12.2 kbit/s
    struct rnd r = {7};
    for (uint32_t i = 0; i < 50; i++) {
        for (size_t k = 2; k < sizeof(frame); k++)
            frame[k] = (uint8_t)rnd_u64(&r);
        if (i != 25)
            send_rtp(w, 1, 98, (uint16_t)i, i * 160, T0 + i * 20000, frame, sizeof(frame));
    }
    cut(w);
    assert_int_equal(w->res.verdict, RENDER_READY);
    assert_int_equal(w->res.wav.sample_rate, 8000);
    assert_int_equal(w->res.wav.frames, 8000);
    assert_int_equal(w->res.channel[0].lost, 1);
    assert_int_equal(w->render->window.gaps_total, 2); // and the other side
    const struct gap *g = &w->render->window.gaps[1];
    assert_int_equal(g->reason, GAP_LOSS);
    assert_int_equal(g->from, 4000);
    assert_int_equal(g->to, 4160);
    assert_true(loudness(heard[0], 4000, 4160) > 10);
    world_close(w);
}

static void a_codec_change_within_a_stream(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct job_stream *s = kit_stream(w, 1, 0);
    s->maps = 1;
    s->map[0] = (struct job_codec){97, "L16", 16000, 1, 0};
    for (uint32_t i = 0; i < 100; i++) {
        if (i < 50)
            say_alaw(w, 1, i, 700, i * 160);
        else
            say_linear(w, 1, 97, 16000, i, 700);
    }
    cut(w);
    assert_int_equal(w->res.verdict, RENDER_READY);
    assert_string_equal(w->res.channel[0].codec, "PCMA,L16");
    assert_int_equal(w->res.wav.sample_rate, 16000);
    assert_int_equal(w->res.wav.frames, 32000);
    assert_int_equal(w->render->window.gaps_total, 1); // the other side
    assert_true(error_of(heard[0], 16, 15980, 16000, 700) < 0.03);
    assert_true(error_of(heard[0], 16020, 31980, 16000, 700) < 0.03);
    world_close(w);
}

static void srtp_is_never_noise(void **state)
{
    (void)state;
    struct world *w = world_open();
    kit_stream(w, 1, 0)->srtp = true;
    kit_stream(w, 2, 1);
    for (uint32_t i = 0; i < 50; i++)
        say_alaw(w, 1, i, 700, i * 160);
    cut(w);
    assert_int_equal(w->res.verdict, RENDER_FAILED);
    assert_string_equal(w->res.reason, "SRTP without keys");
    assert_int_equal(w->res.undecodable, 50); // kept as .rtp
    // Only one side is encrypted: the other is heard.
    uint8_t frame[160];
    memset(frame, 0x12, sizeof(frame));
    for (uint32_t i = 0; i < 50; i++)
        send_rtp(w, 2, 9, (uint16_t)i, i * 160, T0 + i * 20000, frame, sizeof(frame));
    cut(w);
    assert_int_equal(w->res.verdict, RENDER_READY);
    assert_string_equal(w->res.reason, "SRTP without keys");
    assert_true(loudness(heard[0], 0, 16000) < 1);
    assert_int_equal(w->render->window.gaps[0].reason, GAP_CODEC);
    world_close(w);
}

static void a_payload_that_is_none(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct job_stream *s = kit_stream(w, 1, 0);
    s->maps = 1;
    s->map[0] = (struct job_codec){98, "opus", 48000, 2, 0};
    static const uint8_t silk[] = {0x08, 0xFF, 0xFE}, bad[] = {0x03};
    for (uint32_t i = 0; i < 50; i++)
        send_rtp(w, 1, 98, (uint16_t)i, i * 960, T0 + i * 20000, i == 20 ? bad : silk,
                 i == 20 ? 1 : 3);
    cut(w);
    assert_int_equal(w->res.verdict, RENDER_READY);
    assert_string_equal(w->res.reason, "1 packets are no payload of their codec");
    assert_int_equal(w->res.channel[0].packets, 49);
    assert_int_equal(w->res.channel[0].other, 1);
    assert_int_equal(w->res.wav.frames, 16000);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_rates_share_the_higher),
        cmocka_unit_test(a_pause_and_a_loss_at_another_rate),
        cmocka_unit_test(a_concealed_loss_stays_a_gap),
        cmocka_unit_test(a_codec_change_within_a_stream),
        cmocka_unit_test(srtp_is_never_noise),
        cmocka_unit_test(a_payload_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tone_kit.h"

#include <errno.h>
#include <opus/opus.h>

#define RATE 48000
#define N    (RATE * 2)
static int16_t in[N], out[N];

static OpusEncoder *encoder(int ms, int *ret_lookahead)
{
    int err;
    OpusEncoder *e = opus_encoder_create(RATE, 1, OPUS_APPLICATION_VOIP, &err);
    assert_non_null(e);
    assert_int_equal(opus_encoder_ctl(e, OPUS_SET_BITRATE(32000)), OPUS_OK);
    assert_int_equal(opus_encoder_ctl(e, OPUS_GET_LOOKAHEAD(ret_lookahead)), OPUS_OK);
    assert_true(ms > 0);
    return e;
}

static void a_tone_comes_out(void **state)
{
    (void)state;
    static const int frames_ms[] = {10, 20, 40, 60};
    for (size_t k = 0; k < COUNT_OF(frames_ms); k++) {
        int lookahead, frame = RATE * frames_ms[k] / 1000;
        struct codec_decoder d;
        uint8_t packet[1500];
        size_t n = 0;
        OpusEncoder *e = encoder(frames_ms[k], &lookahead);
        tone_open(&d, "OPUS", 48000, 2, 0);
        assert_int_equal(d.rate, 16000);
        tone_make(in, N, RATE, 1000, RATE / 4);
        for (int at = 0; at + frame <= N; at += frame) {
            int bytes = opus_encode(e, in + at, frame, packet, sizeof(packet));
            assert_true(bytes > 0);
            n += tone_decode(&d, 48000, packet, (size_t)bytes, out + n);
        }
        tone_check(out, n, 16000, 1000, 4000, 40, (size_t)lookahead / 3 + 80);
        codec_close(&d);
        opus_encoder_destroy(e);
    }
}

static void a_lost_packet_is_concealed(void **state)
{
    (void)state;
    int lookahead;
    struct codec_decoder d;
    uint8_t packet[1500];
    OpusEncoder *e = encoder(20, &lookahead);
    tone_open(&d, "opus", 48000, 2, 0);
    tone_make(in, N, RATE, 400, 0);
    for (int i = 0; i < 20; i++) {
        int bytes = opus_encode(e, in + i * 960, 960, packet, sizeof(packet));
        (void)tone_decode(&d, 48000, packet, (size_t)bytes, out);
    }
    assert_int_equal(codec_conceal(&d, out, 320), 320);
    assert_true(tone_rms(out, 320) > TONE_LEVEL / 4);
    assert_int_equal(codec_conceal(&d, out, 50), 40); // steps of 2.5 ms
    assert_int_equal(codec_conceal(&d, out, 39), 0);
    codec_close(&d);
    opus_encoder_destroy(e);
}

static void what_is_no_packet_is_refused(void **state)
{
    (void)state;
    struct codec_decoder d;
    tone_open(&d, "opus", 48000, 2, 0);
    static const uint8_t none[] = {0x03};                // code 3 without its count
    static const uint8_t long_one[] = {0x1B, 0x3F, 1};   // 63 frames of 60 ms
    static const uint8_t frames0[] = {0x03, 0x00, 1, 1}; // no frames
    assert_int_equal(codec_decode(&d, span_of(none, 1), out), -EBADMSG);
    assert_int_equal(codec_decode(&d, span_of(long_one, 3), out), -EBADMSG);
    assert_int_equal(codec_decode(&d, span_of(frames0, 4), out), -EBADMSG);
    assert_int_equal(codec_decode(&d, span_of(none, 0), out), -EBADMSG);
    codec_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tone_comes_out),
        cmocka_unit_test(a_lost_packet_is_concealed),
        cmocka_unit_test(what_is_no_packet_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tone_kit.h"

#include <errno.h>
#include "media/g711.h"
#include "media/resample.h"

#define N 16000
static int16_t in[3 * N], out[3 * N];

static void g711_and_linear(void **state)
{
    (void)state;
    static uint8_t bytes[4 * N];
    static const struct {
        const char *name;
        uint32_t clock;
        uint8_t channels;
    } cases[] = {{"PCMU", 8000, 1},
                 {"pcma", 8000, 0},
                 {"L16", 8000, 1},
                 {"L16", 44100, 2},
                 {"L16", 16000, 1}};
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        struct codec_decoder d;
        size_t got = 0, bytes_n = 0;
        tone_open(&d, cases[k].name, cases[k].clock, cases[k].channels, 0);
        assert_int_equal(d.rate, cases[k].clock);
        tone_make(in, N, d.rate, 1000, d.rate / 10);
        for (size_t i = 0; i < N; i++) {
            if (k < 2) {
                bytes[bytes_n++] = k == 0 ? g711_ulaw_encode(in[i]) : g711_alaw_encode(in[i]);
                continue;
            }
            for (int c = 0; c < cases[k].channels; c++) {
                bytes[bytes_n++] = (uint8_t)((uint16_t)in[i] >> 8);
                bytes[bytes_n++] = (uint8_t)in[i];
            }
        }
        size_t frame = k < 2 ? 1 : 2u * cases[k].channels;
        for (size_t at = 0; at + 320 * frame <= bytes_n; at += 320 * frame)
            got += tone_decode(&d, cases[k].clock, bytes + at, 320 * frame, out + got);
        assert_int_equal(got, N);
        tone_check(out, got, d.rate, 1000, d.rate / 10, 0, d.rate / 500);
        if (k >= 2)
            assert_memory_equal(in, out, N * sizeof(in[0]));
        assert_int_equal(codec_decode(&d, span_of(bytes, k < 2 ? 8001 : 3), out), -EBADMSG);
        codec_close(&d);
    }
}

static void what_there_is_no_decoder_for(void **state)
{
    (void)state;
    static const struct codec_params none[] = {
        {"G729", 8000, 1, 0},  {"L16", 12345, 1, 0}, {"L16", 8000, 3, 0},  {"opus", 16000, 2, 0},
        {"G722", 16000, 1, 0}, {"", 8000, 1, 0},     {"PCMU", 16000, 1, 0}};
    for (size_t i = 0; i < COUNT_OF(none); i++)
        assert_null(codec_find(&none[i]));
    uint32_t clock;
    size_t n = 0;
    while (codec_name(n, &clock))
        n++;
    assert_true(n >= 15);
}

// A run in pieces is what it is in one, at its place; the end is there too, and a new run knows nothing of it.
static void resampled_sound_stays_at_its_place(void **state)
{
    (void)state;
    static const uint32_t from[] = {8000, 11025, 22050, 44100, 48000};
    for (size_t k = 0; k < COUNT_OF(from); k++) {
        struct resample r;
        assert_int_equal(resample_open(&r, from[k], 16000), 0);
        for (int round = 0; round < 2; round++) {
            size_t n = from[k] / 2, at = 0, got = 0, step = from[k] / 50;
            tone_make(in, n, from[k], 1000, from[k] / 10);
            for (; at < n; at += step) {
                size_t part = n - at < step ? n - at : step;
                got += resample_run(&r, in + at, part, out + got, COUNT_OF(out) - got);
            }
            got += resample_flush(&r, out + got, COUNT_OF(out) - got);
            assert_true(got >= 7998 && got <= 8002);
            tone_check(out, got, 16000, 1000, 1600, 8, 16);
            // The last cycle stands: the flush gave it back.
            assert_true(tone_rms(out + 7900, 80) > TONE_LEVEL / 2);
            resample_restart(&r);
        }
        resample_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g711_and_linear),
        cmocka_unit_test(what_there_is_no_decoder_for),
        cmocka_unit_test(resampled_sound_stays_at_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

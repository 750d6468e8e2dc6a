#include "tone_kit.h"

#include <errno.h>
#include <spandsp.h>

#define N 16000 // one second of 16 kHz, two of 8
static int16_t in[N], out[N];
static uint8_t coded[N];

// Packets of `bytes`, all of them; how many samples came out.
static size_t through(struct codec_decoder *d, size_t coded_n, size_t bytes)
{
    size_t n = 0;
    for (size_t at = 0; at + bytes <= coded_n; at += bytes)
        n += tone_decode(d, 8000, coded + at, bytes, out + n);
    return n;
}

static void g722_has_16_khz(void **state)
{
    (void)state;
    static const double tones[] = {440, 1000, 3000, 6000}; // the last is what 8 kHz cannot hold
    for (size_t i = 0; i < COUNT_OF(tones); i++) {
        struct codec_decoder d;
        g722_encode_state_t *e = g722_encode_init(NULL, 64000, 0);
        tone_open(&d, "G722", 8000, 1, 0);
        tone_make(in, N, 16000, tones[i], 4000);
        int bytes = g722_encode(e, coded, in, N);
        assert_int_equal(bytes, N / 2);
        size_t n = through(&d, (size_t)bytes, 160);
        assert_int_equal(n, N);
        tone_check(out, n, 16000, tones[i], 4000, 0, 96); // two filters of 24 taps, and it adapts
        codec_close(&d);
        (void)g722_encode_free(e);
    }
}

static void g726_in_all_rates_and_packings(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int rate, packing;
        size_t bytes; // of 20 ms
    } cases[] = {
        {"G726-16", 16000, G726_PACKING_RIGHT, 40},
        {"G726-24", 24000, G726_PACKING_RIGHT, 60},
        {"G726-32", 32000, G726_PACKING_RIGHT, 80},
        {"G726-40", 40000, G726_PACKING_RIGHT, 100},
        {"AAL2-G726-24", 24000, G726_PACKING_LEFT, 60},
        {"AAL2-G726-32", 32000, G726_PACKING_LEFT, 80},
        {"AAL2-G726-40", 40000, G726_PACKING_LEFT, 100},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct codec_decoder d;
        g726_state_t *e = g726_init(NULL, cases[i].rate, G726_ENCODING_LINEAR, cases[i].packing);
        tone_open(&d, cases[i].name, 8000, 1, 0);
        tone_make(in, N, 8000, 1000, 4000);
        int bytes = g726_encode(e, coded, in, N);
        size_t n = through(&d, (size_t)bytes, cases[i].bytes);
        assert_int_equal(n, N);
        if (cases[i].rate > 16000)
            tone_check(out, n, 8000, 1000, 4000, 0, 24);
        else
            assert_true(tone_share(out + 5000, N - 5000, 8000, 1000) > 0.8);
        codec_close(&d);
        (void)g726_free(e);
    }
}

// RFC 3551 4.5.4: the first sample stands in the low bits of the first byte; AAL2: in the high ones.
static void g726_packings_are_not_the_same(void **state)
{
    (void)state;
    static const uint8_t one[] = {0x07}, other[] = {0x70};
    int16_t a[2], b[2];
    struct codec_decoder d;
    tone_open(&d, "G726-32", 8000, 1, 0);
    assert_int_equal(codec_decode(&d, span_of(one, 1), a), 2);
    codec_close(&d);
    tone_open(&d, "AAL2-G726-32", 8000, 1, 0);
    assert_int_equal(codec_decode(&d, span_of(other, 1), b), 2);
    codec_close(&d);
    assert_memory_equal(a, b, sizeof(a));
    tone_open(&d, "AAL2-G726-32", 8000, 1, 0);
    assert_int_equal(codec_decode(&d, span_of(one, 1), b), 2);
    codec_close(&d);
    assert_memory_not_equal(a, b, sizeof(a));
}

static void gsm_full_rate(void **state)
{
    (void)state;
    struct codec_decoder d;
    gsm0610_state_t *e = gsm0610_init(NULL, GSM0610_PACKING_VOIP);
    tone_open(&d, "gsm", 8000, 1, 0);
    tone_make(in, N, 8000, 600, 4000);
    int bytes = gsm0610_encode(e, coded, in, N);
    assert_int_equal(bytes, N / 160 * 33);
    size_t n = through(&d, (size_t)bytes, 66);
    tone_check(out, n, 8000, 600, 4000, 16, 80);
    assert_int_equal(codec_conceal(&d, out, 160), 0); // it cannot
    assert_int_equal(codec_decode(&d, span_of(coded, 32), out), -EBADMSG);
    assert_int_equal(codec_decode(&d, span_of(coded + 1, 33), out), -EBADMSG); // no signature
    codec_close(&d);
    (void)gsm0610_free(e);
}

static void what_is_too_long_or_odd_is_refused(void **state)
{
    (void)state;
    struct codec_decoder d;
    static int16_t pcm[CODEC_PCM_MAX];
    memset(coded, 0x55, sizeof(coded));
    tone_open(&d, "G726-16", 8000, 1, 0);
    assert_int_equal(codec_decode(&d, span_of(coded, 2000), pcm), 8000);
    assert_int_equal(codec_decode(&d, span_of(coded, 2001), pcm), -EBADMSG);
    codec_close(&d);
    tone_open(&d, "G726-40", 8000, 1, 0);
    assert_int_equal(codec_decode(&d, span_of(coded, 100), pcm), 160);
    assert_int_equal(codec_decode(&d, span_of(coded, 101), pcm), -EBADMSG); // no whole group
    codec_close(&d);
    tone_open(&d, "G722", 8000, 1, 0);
    assert_int_equal(codec_decode(&d, span_of(coded, 8000), pcm), 16000);
    assert_int_equal(codec_decode(&d, span_of(coded, 8001), pcm), -EBADMSG);
    assert_int_equal(codec_conceal(&d, pcm, 160), 0); // it cannot
    codec_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g722_has_16_khz),
        cmocka_unit_test(g726_in_all_rates_and_packings),
        cmocka_unit_test(g726_packings_are_not_the_same),
        cmocka_unit_test(gsm_full_rate),
        cmocka_unit_test(what_is_too_long_or_odd_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

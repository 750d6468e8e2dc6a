// What a payload is, and the messages: each one byte shorter at every length, and each field that may not be so.
#include "apart.h"

#include <errno.h>
#include "media/codec.h"
#include "tests/support/test.h"

static void samples_by_length_and_head(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum apart_codec codec;
        size_t n;
        uint8_t first;
        uint32_t samples;
    } cases[] = {
        {"nothing", APART_G729, 0, 0, 0},
        {"one frame", APART_G729, 10, 1, 80},
        {"two, and comfort noise", APART_G729, 22, 1, 240},
        {"comfort noise alone", APART_G729, 2, 1, 80},
        {"cut off", APART_G729, 19, 1, 0},
        {"a second", APART_G729, 1000, 1, 8000},
        {"over a second", APART_G729, 1010, 1, 0},
        {"6.3 kbit/s", APART_G723, 24, 0, 240},
        {"two at 6.3", APART_G723, 48, 0, 480},
        {"5.3 kbit/s", APART_G723, 20, 1, 240},
        {"its comfort noise", APART_G723, 4, 2, 240},
        {"reserved", APART_G723, 4, 3, 0},
        {"6.3 cut off", APART_G723, 23, 0, 0},
        {"20 ms", APART_ILBC, 38, 7, 160},
        {"30 ms", APART_ILBC, 50, 7, 240},
        {"two of 20 ms", APART_ILBC, 76, 7, 320},
        {"two of 30 ms", APART_ILBC, 100, 7, 480},
        {"between", APART_ILBC, 49, 7, 0},
        {"more than a packet has", APART_ILBC, APART_PAYLOAD_MAX + 1, 7, 0},
    };
    static uint8_t bytes[APART_PAYLOAD_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        memset(bytes, 0, sizeof bytes);
        if (cases[i].n == 48 || cases[i].n < 24)
            bytes[0] = cases[i].first;
        uint32_t got = apart_samples(cases[i].codec, span_of(bytes, cases[i].n));
        if (got != cases[i].samples)
            fail_msg("%s: %u", cases[i].name, got);
    }
}

// Bits of frames, written one after the other.
struct pen {
    uint8_t bytes[64];
    size_t at;
};

static void put(struct pen *p, uint32_t v, unsigned n)
{
    for (; n > 0; n--, p->at++)
        if (v >> (n - 1) & 1u)
            p->bytes[p->at / 8] |= (uint8_t)(0x80u >> p->at % 8);
}

static size_t frames(const struct pen *p)
{
    return apart_speex_frames(span_of(p->bytes, (p->at + 7) / 8));
}

static void speex_frames_by_their_bits(void **state)
{
    (void)state;
    struct pen p = {0};
    assert_int_equal(frames(&p), 0);
    put(&p, 3, 5); // narrowband, 160 bits
    p.at = 160;
    assert_int_equal(frames(&p), 1);
    put(&p, 1 << 3 | 2, 4); // its layer of wideband, 112 bits
    p.at = 160 + 112;
    assert_int_equal(frames(&p), 1);
    put(&p, 14 << 4 | 2, 9); // said to the other end, 4 bits
    put(&p, 5, 4);
    put(&p, 13 << 4 | 1, 9); // 13 bits of a user's own
    put(&p, 0x1FFF, 13);
    put(&p, 1, 5); // 43 bits
    p.at += 38;
    assert_int_equal(frames(&p), 2);
    put(&p, 0x0F, 5); // the end, and rubbish
    put(&p, 0x7F, 7);
    assert_int_equal(frames(&p), 2);
    for (size_t n = 1; n < 160 / 8; n++) // every one that is cut off
        assert_int_equal(apart_speex_frames(span_of(p.bytes, n)), 0);
    static const uint8_t none[] = {0x48, 0x80}; // mode 9, a layer without a frame
    for (size_t i = 0; i < sizeof none; i++)
        assert_int_equal(apart_speex_frames(span_of(&none[i], 1)), 0);
    static const uint8_t silence[APART_PAYLOAD_MAX + 1]; // frames of 5 bits: over a second
    assert_int_equal(apart_samples(APART_SPEEX_8, span_of(silence, 31)), 49 * 160);
    assert_int_equal(apart_samples(APART_SPEEX_32, span_of(silence, 31)), 49 * 640);
    assert_int_equal(apart_samples(APART_SPEEX_8, span_of(silence, 33)), 0);
    assert_int_equal(apart_speex_frames(span_of(silence, sizeof silence)), 0);
}

static void asks(void **state)
{
    (void)state;
    static uint8_t buf[APART_ASK_MAX + 1], payload[APART_PAYLOAD_MAX + 1];
    struct apart_ask got,
        a = {APART_DECODE, APART_ILBC, 127, 0x80000001, span_of(payload, APART_PAYLOAD_MAX)};
    size_t n = apart_put_ask(&a, buf);
    assert_int_equal(n, APART_ASK_MAX);
    assert_true(apart_parse_ask(span_of(buf, n), &got));
    assert_int_equal(got.order, APART_DECODE);
    assert_int_equal(got.codec, APART_ILBC);
    assert_int_equal(got.slot, 127);
    assert_int_equal(got.number, 0x80000001);
    assert_int_equal(got.payload.n, APART_PAYLOAD_MAX);
    assert_false(apart_parse_ask(span_of(buf, n + 1), &got));
    assert_true(apart_parse_ask(span_of(buf, 8), &got));
    for (size_t k = 0; k < 8; k++)
        assert_false(apart_parse_ask(span_of(buf, k), &got));
    static const uint8_t bad[4] = {3, APART_CODECS, APART_SLOTS, 1};
    for (size_t k = 0; k < 4; k++) {
        uint8_t was = buf[k];
        buf[k] = bad[k];
        assert_false(apart_parse_ask(span_of(buf, n), &got));
        buf[k] = was;
    }
    a.payload.n++;
    assert_int_equal(apart_put_ask(&a, buf), 0);
}

static void answers(void **state)
{
    (void)state;
    static uint8_t buf[APART_ANSWER_MAX];
    static int16_t pcm[8001], got[8000];
    int n;
    struct apart_ask a = {APART_DECODE, APART_G729, 5, 77, {NULL, 0}}, other = a;
    for (int i = 0; i < 8000; i++)
        pcm[i] = (int16_t)(i * 7 - 20000);
    size_t size = apart_put_answer(&a, 8000, pcm, buf);
    assert_int_equal(size, 8 + 16000);
    assert_true(apart_parse_answer(span_of(buf, size), &a, 8000, got, &n));
    assert_int_equal(n, 8000);
    assert_memory_equal(got, pcm, sizeof got);
    assert_false(apart_parse_answer(span_of(buf, size), &a, 7999, got, &n)); // too many
    assert_int_equal(apart_put_answer(&a, 8001, pcm, buf), 0);
    size = apart_put_answer(&a, 3, pcm, buf);
    for (size_t k = 0; k < size; k++)
        assert_false(apart_parse_answer(span_of(buf, k), &a, 8000, got, &n));
    assert_false(apart_parse_answer(span_of(buf, size + 1), &a, 8000, got, &n));
    other.number = 78; // of the ask before
    assert_false(apart_parse_answer(span_of(buf, size), &other, 8000, got, &n));
    other = a;
    other.slot = 6;
    assert_false(apart_parse_answer(span_of(buf, size), &other, 8000, got, &n));
    buf[0] = 1; // bad, with samples
    assert_false(apart_parse_answer(span_of(buf, size), &a, 8000, got, &n));
    static const int whys[] = {-EBADMSG, -ENOMEM, 0};
    for (size_t i = 0; i < COUNT_OF(whys); i++) {
        size = apart_put_answer(&a, whys[i], pcm, buf);
        assert_true(apart_parse_answer(span_of(buf, size), &a, 8000, got, &n));
        assert_int_equal(n, whys[i]);
    }
}

static void the_first_word(void **state)
{
    (void)state;
    uint8_t buf[APART_HELLO_BYTES + 1] = {0};
    uint32_t codecs = 0;
    apart_put_hello(0x2B, buf);
    assert_true(apart_parse_hello(span_of(buf, APART_HELLO_BYTES), &codecs));
    assert_int_equal(codecs, 0x2B);
    for (size_t k = 0; k < APART_HELLO_BYTES; k++)
        assert_false(apart_parse_hello(span_of(buf, k), &codecs));
    assert_false(apart_parse_hello(span_of(buf, sizeof buf), &codecs));
    apart_put_hello(1u << APART_CODECS, buf);
    assert_false(apart_parse_hello(span_of(buf, APART_HELLO_BYTES), &codecs));
    apart_put_hello(1, buf);
    buf[3]++;
    assert_false(apart_parse_hello(span_of(buf, APART_HELLO_BYTES), &codecs));
}

static void not_found_among_those_of_this_process(void **state)
{
    (void)state;
    static const struct codec_params p[] = {{"G729", 8000, 1, 0},   {"g723", 8000, 0, 0},
                                            {"iLBC", 8000, 1, 0},   {"SPEEX", 8000, 1, 0},
                                            {"Speex", 16000, 1, 0}, {"speex", 32000, 1, 0}};
    for (size_t i = 0; i < COUNT_OF(p); i++) {
        assert_null(codec_find(&p[i]));
        const struct codec_impl *c = codec_find_apart(&p[i]);
        assert_non_null(c);
        assert_int_equal(codec_apart(c), i);
        assert_int_equal(codec_rate(c, &p[i]), p[i].clock);
    }
    struct codec_params stereo = {"speex", 8000, 2, 0}, here = {"PCMU", 8000, 1, 0};
    assert_int_equal(codec_ticks(codec_find_apart(&stereo), &stereo, SPAN_LIT("0123456789")), 0);
    assert_null(codec_find_apart(&here));
    assert_int_equal(codec_apart(codec_find(&here)), -1);
    struct codec_decoder d;
    int16_t pcm[80];
    assert_int_equal(codec_open(&d, codec_find_apart(&p[0]), &p[0]), 0);
    assert_int_equal(codec_decode(&d, SPAN_LIT("0123456789"), pcm), -EBADMSG); // nobody was named
    codec_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_by_length_and_head),
        cmocka_unit_test(speex_frames_by_their_bits),
        cmocka_unit_test(asks),
        cmocka_unit_test(answers),
        cmocka_unit_test(the_first_word),
        cmocka_unit_test(not_found_among_those_of_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

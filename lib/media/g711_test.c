#include "tests/support/test.h"

#include "media/g711.h"

// ITU-T G.711 table 2a/2b as a formula: sign, segment, mantissa; 14-bit values times 4.
static int ulaw_of(int code)
{
    int inverted = ~code & 0xFF, segment = inverted >> 4 & 7, mantissa = inverted & 15;
    int magnitude = ((2 * mantissa + 33) << segment) - 33; // 0 .. 8031
    return (inverted & 0x80 ? -magnitude : magnitude) * 4;
}

// Table 1a/1b: 13-bit values (0 .. 4032), times 8.
static int alaw_of(int code)
{
    int even = code ^ 0x55, segment = even >> 4 & 7, mantissa = even & 15;
    int magnitude = segment == 0 ? 2 * mantissa + 1 : (2 * mantissa + 33) << (segment - 1);
    return (even & 0x80 ? magnitude : -magnitude) * 8;
}

static void all_codes_decode_by_the_formula(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        assert_int_equal(g711_ulaw_decode((uint8_t)c), ulaw_of(c));
        assert_int_equal(g711_alaw_decode((uint8_t)c), alaw_of(c));
    }
    assert_int_equal(g711_ulaw_decode(G711_ULAW_SILENCE), 0);
    assert_int_equal(g711_alaw_decode(G711_ALAW_SILENCE), 8);
}

static void all_codes_come_back(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        // 0x7F is the negative zero of mu-law: it decodes to 0, which encodes to the positive one.
        int want = c == 0x7F ? 0xFF : c;
        assert_int_equal(g711_ulaw_encode(g711_ulaw_decode((uint8_t)c)), want);
        assert_int_equal(g711_alaw_encode(g711_alaw_decode((uint8_t)c)), c);
    }
}

static int distance(int a, int b)
{
    return a > b ? a - b : b - a;
}

static void each_linear_value_is_within_half_a_step(void **state)
{
    (void)state;
    for (int v = -32768; v <= 32767; v++) {
        uint8_t u = g711_ulaw_encode((int16_t)v), a = g711_alaw_encode((int16_t)v);
        int u_step = 8 << (~u >> 4 & 7), a_segment = (a ^ 0x55) >> 4 & 7,
            a_step = 16 << (a_segment > 0 ? a_segment - 1 : 0);
        int clipped = v > 32635 ? 32635 : v < -32635 ? -32635 : v; // the largest that mu-law has
        assert_in_range(distance(ulaw_of(u), clipped), 0, u_step / 2);
        assert_in_range(distance(alaw_of(a), v), 0, a_step / 2);
        // The sign survives, and louder never becomes quieter.
        assert_true(v == 0 || (ulaw_of(u) >= 0) == (v > 0) || ulaw_of(u) == 0);
        assert_int_equal(alaw_of(a) > 0, v >= 0);
        if (v > 0) {
            assert_true(ulaw_of(u) >= ulaw_of(g711_ulaw_encode((int16_t)(v - 1))));
            assert_true(alaw_of(a) >= alaw_of(g711_alaw_encode((int16_t)(v - 1))));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_codes_decode_by_the_formula),
        cmocka_unit_test(all_codes_come_back),
        cmocka_unit_test(each_linear_value_is_within_half_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

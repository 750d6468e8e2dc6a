#include "base/span.h"

#include "tests/support/test.h"

static void compare_and_find(void **state)
{
    (void)state;
    assert_true(span_ieq(SPAN_LIT("Call-ID"), SPAN_LIT("cALL-id")));
    assert_false(span_ieq(SPAN_LIT("Call-ID"), SPAN_LIT("Call-I")));
    assert_false(span_ieq(SPAN_LIT("@"), SPAN_LIT("`"))); // 0x20 apart, not letters
    assert_true(span_istarts(SPAN_LIT("SIP/2.0 200"), SPAN_LIT("sip/2.0")));
    assert_false(span_istarts(SPAN_LIT("SI"), SPAN_LIT("SIP")));
    assert_true(span_eq(span_trim(SPAN_LIT(" \t\r\na b \n")), SPAN_LIT("a b")));
    assert_int_equal(span_trim(SPAN_LIT(" \t ")).n, 0);
    assert_int_equal(span_find(SPAN_LIT("abc"), 'c'), 2);
    assert_int_equal(span_find(SPAN_LIT("abc"), 'x'), 3);
    assert_int_equal(span_find((struct span){NULL, 0}, 'x'), 0);
    assert_int_equal(span_find_span(SPAN_LIT("a\r\n\r\nb"), SPAN_LIT("\r\n\r\n")), 1);
    assert_int_equal(span_find_span(SPAN_LIT("a\r\n"), SPAN_LIT("\r\n\r\n")), 3);
    assert_int_equal(span_sub(SPAN_LIT("abc"), 1, SIZE_MAX).n, 2);
    assert_int_equal(span_sub(SPAN_LIT("abc"), 9, 1).n, 0);
}

static void numbers(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool good;
        uint64_t value;
    } cases[] = {
        {"0", 9, true, 0},
        {"65535", 65535, true, 65535},
        {"65536", 65535, false, 0},
        {"", 9, false, 0},
        {"+1", 9, false, 0},
        {"-1", 9, false, 0},
        {" 1", 9, false, 0},
        {"1x", 99, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
        {"0000000000000000000000000007", 9, true, 7},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t v = 4711;
        assert_int_equal(span_u64(span_str(cases[i].text), cases[i].max, &v), cases[i].good);
        assert_int_equal(v, cases[i].good ? cases[i].value : 4711);
    }
}

static void copies_are_cut(void **state)
{
    (void)state;
    char b[4];
    assert_int_equal(span_copy(SPAN_LIT("abcdef"), b, sizeof(b)), 3);
    assert_string_equal(b, "abc");
    assert_int_equal(span_copy(SPAN_LIT("abc"), b, 0), 0);
}

static void wire_bytes_become_text(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain\ttext", "plain\ttext"},
        {"M\xC3\xBCller", "M\xC3\xBCller"},
        {"M\xFCller", "M\xEF\xBF\xBDller"},
        {"a\r\nb", "a\xEF\xBF\xBD\xEF\xBF\xBD"
                   "b"},
        {"\x1B[31m", "\xEF\xBF\xBD[31m"},
        {"\x7F", "\xEF\xBF\xBD"},
        {"\xC2\x85", "\xEF\xBF\xBD"},                             // C1 control
        {"\xC2\xA0", "\xC2\xA0"},                                 // no-break space
        {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                 // overlong
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, // surrogate
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"\xF0\x9F\x98", "\xEF\xBF\xBD"}, // cut off
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xE2\x82x", "\xEF\xBF\xBDx"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[64];
        size_t n = span_utf8(span_str(cases[i].in), out, sizeof(out));
        assert_string_equal(out, cases[i].out);
        assert_int_equal(n, strlen(out));
    }
}

static void text_is_cut_between_characters(void **state)
{
    (void)state;
    char b[6];
    assert_int_equal(span_utf8(SPAN_LIT("abc\xE2\x82\xAC"), b, sizeof(b)), 3);
    assert_string_equal(b, "abc");
    assert_int_equal(span_utf8(SPAN_LIT("ab\xE2\x82\xAC"), b, sizeof(b)), 5);
    assert_int_equal(span_utf8(SPAN_LIT("x"), b, 1), 0);
    assert_string_equal(b, "");
}

// Eight bytes are looked at together: each byte there is, at each place, cut at each length.
static void each_byte_at_each_place(void **state)
{
    (void)state;
    const char plain[] = "sip:alice@example.org~";
    for (size_t at = 0; at < sizeof(plain) - 1; at++)
        for (int v = 0; v < 256; v++) {
            char in[sizeof(plain)], want[sizeof(plain) + 3], out[sizeof(plain) + 3];
            memcpy(in, plain, sizeof(in));
            in[at] = (char)v;
            bool good = v == '\t' || (v >= 0x20 && v < 0x7F);
            size_t bad = good ? 0 : 3;
            memcpy(want, in, at + 1);
            if (bad)
                memcpy(want + at, "\xEF\xBF\xBD", 3);
            memcpy(want + at + (good ? 1 : 3), in + at + 1, sizeof(plain) - at - 1);
            for (size_t cap = 1; cap <= sizeof(out); cap++) {
                size_t n = span_utf8(span_of(in, sizeof(in) - 1), out, cap);
                size_t whole = strlen(plain) + (good ? 0 : 2),
                       fits = cap - 1 < whole ? cap - 1 : whole;
                if (!good && fits > at && fits < at + 3)
                    fits = at; // not in the middle of a character
                assert_int_equal(n, fits);
                assert_memory_equal(out, want, fits);
                assert_int_equal(out[fits], 0);
            }
        }
}

static void cursor_never_passes_the_end(void **state)
{
    (void)state;
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    // One byte shorter at every length: the group below needs all 15.
    for (size_t n = 0; n <= sizeof(data); n++) {
        struct cur c = cur_of(span_of(data, n));
        uint8_t a = cur_u8(&c);
        uint16_t b = cur_u16be(&c);
        uint32_t d = cur_u32be(&c);
        struct cur part = cur_part(&c, 4);
        uint32_t e = cur_u32le(&part);
        struct span rest = cur_take(&c, 4);
        assert_int_equal(c.failed, n < sizeof(data));
        assert_true(c.p <= data + n);
        if (n < sizeof(data))
            continue;
        assert_int_equal(a, 1);
        assert_int_equal(b, 0x0203);
        assert_int_equal(d, 0x04050607);
        assert_int_equal(e, 0x0B0A0908);
        assert_int_equal(rest.p[3], 15);
        assert_int_equal(cur_u8(&part), 0);
        assert_true(part.failed);
    }
    struct cur c = cur_of(span_of(data, 4));
    cur_skip(&c, SIZE_MAX); // a length from the wire
    assert_true(c.failed);
    assert_int_equal(cur_u8(&c), 0); // sticky
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare_and_find),
        cmocka_unit_test(numbers),
        cmocka_unit_test(copies_are_cut),
        cmocka_unit_test(wire_bytes_become_text),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(each_byte_at_each_place),
        cmocka_unit_test(cursor_never_passes_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

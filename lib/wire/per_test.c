#include "tests/support/test.h"
#include "wire/per.h"
#include "wire/wire_testing.h"

static void bits_and_octets(void **state)
{
    (void)state;
    struct per p = per_of(SPAN_LIT("\xa5\x01\x02\x81\x00"));
    assert_true(per_bool(&p));
    assert_int_equal(per_bits(&p, 3), 2);
    assert_int_equal(per_u16(&p), 0x102); // aligned: the rest of the first octet is passed
    assert_int_equal(per_length(&p), 0x100);
    assert_false(p.failed);
    assert_int_equal(per_bits(&p, 1), 0); // past the end: zero, and it stays failed
    assert_true(p.failed);
    assert_int_equal(per_u8(&p), 0);
    assert_int_equal(per_octets(&p, 0).n, 0);
}

static void lengths(void **state)
{
    (void)state;
    struct per p = per_of(SPAN_LIT("\x02xy\x7f"));
    assert_span(per_open(&p), "xy");
    assert_int_equal(per_open(&p).n, 0); // 127 octets are not there
    assert_true(p.failed);
    p = per_of(SPAN_LIT("\xc1xxxxx")); // fragmented
    assert_int_equal(per_length(&p), 0);
    assert_true(p.failed);
}

static void choices_and_additions(void **state)
{
    (void)state;
    bool extended;
    struct per p = per_of(SPAN_LIT("\x30")); // 0 011 0000
    assert_int_equal(per_choice(&p, 3, &extended), 3);
    assert_false(extended);
    p = per_of(SPAN_LIT("\x82")); // 1 0 000010
    assert_int_equal(per_choice(&p, 3, &extended), 2);
    assert_true(extended);
    p = per_of(SPAN_LIT("\xc0")); // 1 1: an index of 64 and more
    (void)per_choice(&p, 3, &extended);
    assert_true(p.failed);
    // Three additions (0 000010), the first and the third there (1 0 1): "a" and nothing.
    struct per_extensions ext;
    p = per_of(SPAN_LIT("\x05\x40\x01"
                        "a"
                        "\x00"));
    per_extensions(&p, true, &ext);
    assert_false(p.failed);
    assert_int_equal(ext.n, 3);
    assert_span(ext.at[0], "a");
    assert_int_equal(ext.at[1].n + ext.at[2].n, 0);
    per_extensions(&p, false, &ext);
    assert_int_equal(ext.n, 0);
}

// The index of the last of 64 additions fits; of 65 it does not, and nothing is taken.
static void additions_are_bounded(void **state)
{
    (void)state;
    struct per_extensions ext;
    struct bytes b = {.n = 0};
    put(&b, SPAN_LIT("\x7f")); // 0 111111: 64 of them; the first one's bit
    for (int i = 0; i < 7; i++)
        put8(&b, 0xff);
    put8(&b, 0xfe);
    for (unsigned i = 0; i < PER_EXTENSIONS_MAX; i++) {
        put8(&b, 1);
        put8(&b, i);
    }
    struct span s = guard_new(bytes_span(&b));
    struct per p = per_of(s);
    per_extensions(&p, true, &ext);
    assert_false(p.failed);
    assert_int_equal(ext.n, PER_EXTENSIONS_MAX);
    assert_int_equal(ext.at[PER_EXTENSIONS_MAX - 1].p[0], PER_EXTENSIONS_MAX - 1);
    guard_free(s);
    b.b[0] |= 0x80; // 1: larger than six bits hold
    p = per_of(bytes_span(&b));
    per_extensions(&p, true, &ext);
    assert_true(p.failed);
    assert_int_equal(ext.n, 0);
}

// Whatever comes, nothing is read outside and all reading ends.
static void noise(void **state)
{
    (void)state;
    struct rnd r = {7};
    for (int i = 0; i < 2000; i++) {
        uint8_t b[40];
        size_t n = rnd_below(&r, sizeof b);
        for (size_t k = 0; k < n; k++)
            b[k] = (uint8_t)rnd_u64(&r);
        struct span s = guard_new(span_of(b, n));
        struct per p = per_of(s);
        struct per_extensions ext;
        bool extended;
        for (int k = 0; k < 20; k++) {
            (void)per_choice(&p, 4, &extended);
            struct span open = per_open(&p);
            assert_true(open.n <= n);
            per_extensions(&p, true, &ext);
            assert_true(ext.n <= PER_EXTENSIONS_MAX && p.bit <= n * 8);
        }
        guard_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_and_octets),
        cmocka_unit_test(lengths),
        cmocka_unit_test(choices_and_additions),
        cmocka_unit_test(additions_are_bounded),
        cmocka_unit_test(noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

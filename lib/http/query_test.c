#include "tests/support/test.h"

#include "http/query.h"

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t us;
    } cases[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"2026-11-20T20:00:00Z", true, INT64_C(1795204800000000)},
        {"2026-11-20T20:00:00.123Z", true, INT64_C(1795204800123000)},
        {"2026-11-20T20:00:00.1234567Z", true, INT64_C(1795204800123456)},
        {"2026-11-20T21:30:00+01:30", true, INT64_C(1795204800000000)},
        {"2026-11-20T21:30:00 01:30", true,
         INT64_C(1795204800000000)}, // a plus that was not encoded
        {"2026-11-20T12:00:00-08:00", true, INT64_C(1795204800000000)},
        {"2026-11-20t20:00:00z", true, INT64_C(1795204800000000)},
        {"2024-02-29T00:00:00Z", true, INT64_C(1709164800000000)},
        {"2026-11-20", false, 0},
        {"2026-11-20T20:00:00", false, 0},
        {"2026-11-20T20:00Z", false, 0},
        {"2026-13-20T20:00:00Z", false, 0},
        {"2026-00-20T20:00:00Z", false, 0},
        {"2026-11-32T20:00:00Z", false, 0},
        {"2026-11-20T24:00:00Z", false, 0},
        {"2026-11-20T20:60:00Z", false, 0},
        {"2026-11-20T20:00:00.Z", false, 0},
        {"2026-11-20T20:00:00Zx", false, 0},
        {"2026-11-20T20:00:00+0130", false, 0},
        {"1969-12-31T23:59:59Z", false, 0},
        {"yesterday", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t us = 0;
        bool good = query_time(span_str(cases[i].text), &us);
        if (good != cases[i].good || (good && us != cases[i].us))
            fail_msg("%s: %d, %lld", cases[i].text, good, (long long)us);
    }
    const char *whole = "2026-11-20T20:00:00.123+01:00";
    for (size_t n = 0; n < strlen(whole); n++) { // one byte shorter at every length
        int64_t us;
        assert_false(query_time(span_of(whole, n), &us));
    }
}

static void lists(void **state)
{
    (void)state;
    static const char *const words[] = {"busy", "answered"};
    struct span rest = span_str(" a,, b ,c,"), v;
    char got[16] = "";
    while (query_list_next(&rest, &v))
        strncat(got, (const char *)v.p, v.n);
    assert_string_equal(got, "abc");
    assert_true(query_words_known(span_str("busy,answered"), words, 2));
    assert_true(query_words_known(span_str(""), words, 2));
    assert_false(query_words_known(span_str("busy,bus"), words, 2));
    assert_false(query_words_known(span_str("BUSY"), words, 2));
}

static void etags(void **state)
{
    (void)state;
    struct span tag = SPAN_LIT("\"abc\"");
    assert_true(query_etag_match(span_str("\"abc\""), tag, false));
    assert_true(query_etag_match(span_str("\"x\", \"abc\""), tag, true));
    assert_true(query_etag_match(span_str("W/\"abc\""), tag, true));
    assert_false(query_etag_match(span_str("W/\"abc\""), tag, false));
    assert_true(query_etag_match(span_str("*"), tag, true));
    assert_false(query_etag_match(span_str("abc"), tag, true));
    assert_false(query_etag_match(span_str(""), tag, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(times), cmocka_unit_test(lists),
                                       cmocka_unit_test(etags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

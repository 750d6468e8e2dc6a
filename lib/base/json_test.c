#include "base/json.h"

#include <math.h>

#include "tests/support/test.h"

static void values_and_commas(void **state)
{
    (void)state;
    char b[512];
    struct json j;
    struct uuid u = {{0x01, 0x7f}};
    json_init(&j, b, sizeof(b));
    json_obj(&j);
    json_kstr(&j, "s", "x");
    json_kstr(&j, "none", NULL);
    json_kint(&j, "i", INT64_MIN);
    json_kuint(&j, "u", UINT64_MAX);
    json_kreal(&j, "r", 1.25, 1);
    json_kreal(&j, "nan", NAN, 1);
    json_kreal(&j, "inf", INFINITY, 1);
    json_kreal(&j, "big", 1e300, 3);
    json_kbool(&j, "b", true);
    json_ktime(&j, "t", INT64_C(951782400123456));
    json_ktime(&j, "t0", 0);
    json_kuuid(&j, "id", &u);
    json_key(&j, "a");
    json_arr(&j);
    json_arr_end(&j);
    json_key(&j, "o");
    json_arr(&j);
    json_obj(&j);
    json_obj_end(&j);
    json_raw(&j, SPAN_LIT("[1]"));
    json_bool(&j, false);
    json_arr_end(&j);
    json_knull(&j, "n");
    json_obj_end(&j);
    assert_false(j.overflow);
    assert_string_equal(
        b, "{\"s\":\"x\",\"none\":null,\"i\":-9223372036854775808,\"u\":18446744073709551615,"
           "\"r\":1.2,\"nan\":null,\"inf\":null,\"big\":1.0000000000000001e+300,\"b\":true,"
           "\"t\":\"2000-02-29T00:00:00.123Z\",\"t0\":null,"
           "\"id\":\"017f0000-0000-0000-0000-000000000000\",\"a\":[],\"o\":[{},[1],false],"
           "\"n\":null}");
}

static void strings_are_escaped(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\r\n\t", "\"\\r\\n\\t\""},
        {"\x01x\x1f\x7f", "\"\\u0001x\\u001f\\u007f\""},
        {"M\xC3\xBCller \xF0\x9F\x98\x80", "\"M\xC3\xBCller \xF0\x9F\x98\x80\""},
        {"ab\xFF\xFEz", "\"ab\xEF\xBF\xBD\xEF\xBF\xBDz\""},
        {"\xE2\x82", "\"\xEF\xBF\xBD\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char b[64];
        struct json j;
        json_init(&j, b, sizeof(b));
        json_span(&j, span_str(cases[i].in));
        assert_false(j.overflow);
        assert_string_equal(b, cases[i].out);
    }
    char b[16];
    struct json j;
    json_init(&j, b, sizeof(b));
    json_span(&j, span_of("a\0b", 3));
    assert_string_equal(b, "\"a\\u0000b\"");
}

static void overflow_writes_nothing_more(void **state)
{
    static const char whole[] = "{\"key\":\"va\\nlue\",\"n\":12}";
    (void)state;
    for (size_t cap = 0; cap <= sizeof(whole); cap++) {
        char b[64];
        struct json j;
        memset(b, '#', sizeof(b));
        json_init(&j, b, cap);
        json_obj(&j);
        json_kstr(&j, "key", "va\nlue");
        json_kint(&j, "n", 12);
        json_obj_end(&j);
        assert_int_equal(j.overflow, cap < sizeof(whole));
        for (size_t i = cap; i < sizeof(b); i++)
            assert_int_equal(b[i], '#');
        if (cap > 0) {
            assert_int_equal(strlen(b), j.n);
            assert_memory_equal(b, whole, j.n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_commas),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(overflow_writes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Small JSON bodies, good and bad.
#include "tests/support/test.h"

#include "body.h"

static void bodies(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool good;
        const char *a, *b;
    } cases[] = {
        {"{\"a\":\"x\",\"b\":\"y\"}", true, "x", "y"},
        {" { \"b\" : \"\\u00e9\\ud83d\\ude00\\n\\\"\" , \"c\":1.5e3, \"d\":null, \"e\":\"z\", "
         "\"a\":\"\" } ",
         false, "", ""}, // \n is a control
        {" { \"b\" : \"\\u00e9\\ud83d\\ude00\\\"\" , \"c\":1.5e3, \"d\":null, \"e\":\"z\", "
         "\"a\":\"\" } ",
         true, "", "\xC3\xA9\xF0\x9F\x98\x80\""},
        {"{}", false, "", ""},
        {"{\"a\":\"x\"}", false, "", ""},
        {"{\"a\":\"x\",\"b\":\"y\",}", false, "", ""},
        {"{\"a\":\"x\",\"b\":\"y\"}x", false, "", ""},
        {"{\"a\":\"x\",\"a\":\"x\",\"b\":\"y\"}", false, "", ""},
        {"{\"a\":1,\"b\":\"y\"}", false, "", ""},
        {"{\"a\":\"x\",\"b\":[]}", false, "", ""},
        {"{\"a\":\"x\",\"b\":\"\\u0000\"}", false, "", ""},
        {"{\"a\":\"x\",\"b\":\"\\ud800\"}", false, "", ""},
        {"{\"a\":\"x\",\"b\":\"\xFF\"}", false, "", ""},
        {"{\"a\":\"0123456789abcdef\",\"b\":\"y\"}", false, "", ""}, // does not fit
        {"[\"a\"]", false, "", ""},
        {"", false, "", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char a[16], b[16];
        struct body_field f[] = {{"a", a, sizeof(a), false}, {"b", b, sizeof(b), false}};
        bool good = body_read(span_str(cases[i].json), f, 2);
        if (good != cases[i].good ||
            (good && (strcmp(a, cases[i].a) != 0 || strcmp(b, cases[i].b) != 0)))
            fail_msg("%s: %d", cases[i].json, good);
    }
    const char *whole = cases[2].json;
    for (size_t n = 0; n + 1 < strlen(whole); n++) {
        char a[16], b[16];
        struct body_field f[] = {{"a", a, sizeof(a), false}, {"b", b, sizeof(b), false}};
        assert_false(body_read(span_of(whole, n), f, 2));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bodies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

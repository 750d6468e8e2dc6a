// s3_text_test.c: encoding and the values out of XML, good and bad.
#include "tests/support/test.h"

#include "depot/s3_text.h"

static void encodes(void **state)
{
    (void)state;
    char buf[64];
    assert_true(s3_encode("a/b c+d=e:f~", true, buf, sizeof(buf)));
    assert_string_equal(buf, "a/b%20c%2Bd%3De%3Af~");
    assert_true(s3_encode("a/\xC3\xA4%", false, buf, sizeof(buf)));
    assert_string_equal(buf, "a%2F%C3%A4%25");
    for (size_t cap = 0; cap < 13; cap++)
        assert_int_equal(s3_encode("ab%%%yz", true, buf, cap + 1), cap >= 13);
    assert_true(s3_encode("ab%%%yz", true, buf, 14));
}

static void finds(void **state)
{
    (void)state;
    static const char xml[] =
        "<R><Part><PartNumber>1</PartNumber><Size>5</Size></Part><Part><PartNumber>2"
        "</PartNumber></Part></R>";
    struct span all = span_of(xml, sizeof(xml) - 1), part, v;
    size_t at = 0, n = 0;
    while (s3_xml_next(all, "Part", &at, &part)) {
        size_t in = 0;
        n++;
        assert_true(s3_xml_next(part, "PartNumber", &in, &v));
        assert_true(span_eq(v, n == 1 ? SPAN_LIT("1") : SPAN_LIT("2")));
        in = 0;
        assert_int_equal(s3_xml_next(part, "Size", &in, &v), n == 1);
    }
    assert_int_equal(n, 2);
    for (size_t len = 0; len < all.n; len++) { // cut anywhere: fewer, never beyond
        at = 0;
        n = 0;
        while (s3_xml_next(span_sub(all, 0, len), "Part", &at, &part) && n < 9)
            n++;
        assert_true(n <= 2 && at <= len);
    }
}

static void etags(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {{" \"abc\"\r\n", "abc"}, {"&quot;a-2&quot;", "a-2"},
                 {"abc", "abc"},          {"", NULL},
                 {"\"\"", NULL},          {"a<b", NULL},
                 {"a b", NULL},           {"0123456789abcdef", NULL}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char buf[16];
        bool ok = s3_etag(span_str(cases[i].in), buf, sizeof(buf));
        assert_int_equal(ok, cases[i].out != NULL);
        if (ok)
            assert_string_equal(buf, cases[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes),
        cmocka_unit_test(finds),
        cmocka_unit_test(etags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// RFC 4180 texts become JSON; what is wrong is said with its line; every cut of a good text is either good or refused, never more.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "csv_read.h"

static const char *const columns[] = {"name", "team", "value"};

static const struct {
    const char *csv, *json; // json NULL: refused
    size_t line;
    const char *why;
} cases[] = {
    {"name\nAnn\n", "[{\"name\":\"Ann\"}]", 0, 0},
    {"name\nAnn", "[{\"name\":\"Ann\"}]", 0, 0},
    {"\xef\xbb\xbfvalue,name\r\n1,Ann\r\n\r\n2,Bo\r\n",
     "[{\"value\":\"1\",\"name\":\"Ann\"},{\"value\":\"2\",\"name\":\"Bo\"}]", 0, 0},
    {"name,team\n\"Berg, Bo\",\"a \"\"b\"\"\nc\"\n",
     "[{\"name\":\"Berg, Bo\",\"team\":\"a \\\"b\\\"\\nc\"}]", 0, 0},
    {"name , team\n Ann ,\n", "[{\"name\":\"Ann\",\"team\":\"\"}]", 0, 0},
    {"name,team\nAnn\n", "[{\"name\":\"Ann\"}]", 0, 0}, // fewer cells: the rest is not told
    {"name\n", "[]", 0, 0},
    {"", NULL, 1, "the header has a column that is not known"},
    {"name,colour\nA,red\n", NULL, 1, "the header has a column that is not known"},
    {"name,name\nA,B\n", NULL, 1, "the header has a column twice"},
    {"name\nA\nB,C\n", NULL, 3, "a line has more cells than the header"},
    {"name\n\"A\n", NULL, 2, "a quoted cell has no end"},
    {"name\n\"A\"x\n", NULL, 2, "a quoted cell ends before its comma"},
    {"name\nA\"x\n", NULL, 2, "a quote stands within a cell that is not quoted"},
};

static void reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        struct json j;
        size_t rows = 0, line = 0;
        const char *why = NULL;
        json_init(&j, text, sizeof text);
        bool good = csv_read(span_str(cases[i].csv), columns, 3, &j, &rows, &line, &why);
        assert_int_equal(good, cases[i].json != NULL);
        if (good) {
            assert_int_equal(j.n, strlen(cases[i].json));
            assert_memory_equal(j.buf, cases[i].json, j.n);
        } else {
            assert_int_equal(line, cases[i].line);
            assert_string_equal(why, cases[i].why);
        }
    }
}

static void bounds(void **state)
{
    (void)state;
    char text[64], csv[400] = "name\n";
    struct json j;
    size_t rows = 0, line = 0;
    const char *why = NULL;
    memset(csv + 5, 'x', 257);
    char big[1024];
    json_init(&j, big, sizeof big);
    assert_false(csv_read(span_of(csv, 262), columns, 3, &j, &rows, &line, &why));
    assert_string_equal(why, "a cell is longer than 256 bytes");
    json_init(&j, big, sizeof big);
    assert_true(csv_read(span_of(csv, 261), columns, 3, &j, &rows, &line, &why));
    json_init(&j, text, sizeof text); // no room for the answer
    assert_false(csv_read(span_of(csv, 261), columns, 3, &j, &rows, &line, &why));
    assert_string_equal(why, "too much in one piece");
    const char *good = "name,team\r\n\"A, \"\"B\"\"\",\"x\"\r\nC,\r\n";
    for (size_t n = 0; n <= strlen(good); n++) {
        json_init(&j, big, sizeof big);
        if (csv_read(span_of(good, n), columns, 3, &j, &rows, &line, &why))
            assert_false(j.overflow);
        assert_true(rows <= 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

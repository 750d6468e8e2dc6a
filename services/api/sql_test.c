// Numbers as people type them, and questions put together.
#include "tests/support/test.h"

#include "numbers.h"

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *digits;
    } cases[] = {
        {"+49 30 1234", "49301234"},
        {"0049301234", "49301234"},
        {"(030) 12-34", "0301234"},
        {"49301234", "49301234"},
        {"0", "0"},
        {"00", "00"},
        {"001", "1"},
        {"alice", ""},
        {"", ""},
        {"+", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char d[40];
        size_t n = number_digits(span_str(cases[i].typed), d, sizeof(d));
        assert_string_equal(d, cases[i].digits);
        assert_int_equal(n, strlen(d));
    }
    char longer[200], d[40];
    memset(longer, '7', sizeof(longer));
    assert_int_equal(number_digits(span_of(longer, sizeof(longer)), d, sizeof(d)), sizeof(d) - 1);
}

static void sql_pieces(void **state)
{
    (void)state;
    static struct sql s;
    sql_init(&s);
    sql_add(&s, "a = ?");
    store_arg_int(&s.args, 1);
    sql_add(&s, " AND b IN (?, ?)");
    assert_string_equal(s.text, "a = $1 AND b IN ($2, $3)");
    for (int i = 0; i < 1000; i++)
        sql_add(&s, " and more");
    assert_true(s.overflow);
    char c[64];
    struct uuid u = uuid_v7_derived(1700000000000000, SPAN_LIT("x"));
    page_cursor(c, sizeof(c), 1700000000000000, &u);
    assert_true(strncmp(c, "60a24181e4000.", 14) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(sql_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

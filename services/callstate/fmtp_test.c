#include "tests/support/test.h"

#include "fmtp.h"

static void what_a_line_says(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        uint8_t want;
    } cases[] = {{"", 0},
                 {"0-15", 0},
                 {"octet-align=1", 1},
                 {"mode-set=0,2; Octet-Align=1 ;robust-sorting=0", 1},
                 {"octet-align=0", 0},
                 {"x-octet-align=1", 0},
                 {"mode-set=7;octet-align=1;interleaving=30", 3},
                 {"crc=1", 2},
                 {";;robust-sorting=1;", 2}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(fmtp_flags(span_str(cases[i].line)), cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_a_line_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

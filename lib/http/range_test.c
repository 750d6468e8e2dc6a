#include "tests/support/test.h"

#include "http/range.h"

static void ranges(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        uint64_t size;
        enum range_kind kind;
        uint64_t first, last;
    } cases[] = {
        {"bytes=0-0", 10, RANGE_PART, 0, 0},
        {"bytes=0-9", 10, RANGE_PART, 0, 9},
        {"bytes=0-10", 10, RANGE_PART, 0, 9},
        {"bytes=9-", 10, RANGE_PART, 9, 9},
        {"bytes=10-", 10, RANGE_NONE, 0, 0},
        {"bytes=-1", 10, RANGE_PART, 9, 9},
        {"bytes=-10", 10, RANGE_PART, 0, 9},
        {"bytes=-11", 10, RANGE_PART, 0, 9},
        {"bytes=-0", 10, RANGE_NONE, 0, 0},
        {"bytes=0-", 0, RANGE_NONE, 0, 0},
        {"bytes=-5", 0, RANGE_NONE, 0, 0},
        {"BYTES = 0-1", 10, RANGE_WHOLE, 0, 0}, // no white space before '='
        {"Bytes= 2 - 3 ", 10, RANGE_PART, 2, 3},
        {"bytes=3-2", 10, RANGE_WHOLE, 0, 0},
        {"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 0},
        {"bytes=", 10, RANGE_WHOLE, 0, 0},
        {"bytes=-", 10, RANGE_WHOLE, 0, 0},
        {"bytes=a-b", 10, RANGE_WHOLE, 0, 0},
        {"bytes=0x1-2", 10, RANGE_WHOLE, 0, 0},
        {"lines=0-1", 10, RANGE_WHOLE, 0, 0},
        {"", 10, RANGE_WHOLE, 0, 0},
        {"bytes=18446744073709551615-", 10, RANGE_NONE, 0, 0},
        {"bytes=18446744073709551616-", 10, RANGE_WHOLE, 0, 0}, // more than 64 bits: not understood
        {"bytes=0-18446744073709551615", 10, RANGE_PART, 0, 9},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t first = 0, last = 0;
        enum range_kind k = range_parse(span_str(cases[i].header), cases[i].size, &first, &last);
        if (k != cases[i].kind || first != cases[i].first || last != cases[i].last)
            fail_msg("%s of %u: kind %d, %u-%u", cases[i].header, (unsigned)cases[i].size, (int)k,
                     (unsigned)first, (unsigned)last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

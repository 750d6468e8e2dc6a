// Single use, in time, for one call; full.
#include "tests/support/test.h"

#include <sodium.h>

#include "base/mono.h"
#include "tickets.h"

static void ticket_rules(void **state)
{
    (void)state;
    static struct tickets t;
    struct uuid a = uuid_v7_derived(1, SPAN_LIT("a")), b = uuid_v7_derived(1, SPAN_LIT("b"));
    char x[TICKET_TEXT], y[TICKET_TEXT];
    int64_t now = 1000 * US_PER_S;
    assert_true(tickets_give(&t, &a, now, x));
    assert_true(tickets_give(&t, &a, now, y));
    assert_string_not_equal(x, y);
    assert_true(tickets_use(&t, x, &a, now + 1));
    assert_false(tickets_use(&t, x, &a, now + 2)); // once
    assert_false(tickets_use(&t, y, &b, now + 3)); // of another call: spent all the same
    assert_false(tickets_use(&t, y, &a, now + 4));
    assert_true(tickets_give(&t, &a, now, x));
    assert_false(tickets_use(&t, x, &a, now + TICKET_US)); // too late
    assert_false(tickets_use(&t, "", &a, now));
    assert_false(tickets_use(&t, "00000000000000000000000000000000", &a, now));
    now += 10 * TICKET_US; // fill it, pass it, drain it by time
    for (int i = 0; i < TICKETS; i++)
        assert_true(tickets_give(&t, &a, now, x));
    assert_false(tickets_give(&t, &a, now, y));
    assert_true(tickets_use(&t, x, &a, now));
    assert_true(tickets_give(&t, &a, now, y));
    assert_true(tickets_give(&t, &a, now + TICKET_US, y));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ticket_rules)};
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

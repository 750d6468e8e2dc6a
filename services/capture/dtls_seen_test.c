#include "dtls_seen.h"
#include "tests/support/test.h"

static struct endpoint at(unsigned host, uint16_t port)
{
    return (struct endpoint){{{10, 0, (uint8_t)(host >> 8), (uint8_t)host}, 4}, port};
}

static void both_directions_for_a_while(void **state)
{
    (void)state;
    static struct dtls_seen d;
    struct endpoint a = at(1, 4000), b = at(2, 6000), other = at(2, 6001);
    int64_t now_us = 1000;
    assert_false(dtls_seen_between(&d, &a, &b, now_us));
    dtls_seen_note(&d, &a, &b, now_us);
    assert_true(dtls_seen_between(&d, &a, &b, now_us));
    assert_true(dtls_seen_between(&d, &b, &a, now_us + DTLS_SEEN_AGE_US - 1)); // counts anew
    assert_false(dtls_seen_between(&d, &a, &other, now_us));
    now_us += DTLS_SEEN_AGE_US;
    assert_true(dtls_seen_between(&d, &a, &b, now_us));
    assert_false(dtls_seen_between(&d, &a, &b, now_us + DTLS_SEEN_AGE_US));
}

static void full(void **state)
{
    (void)state;
    static struct dtls_seen d;
    struct endpoint b = at(0, 6000);
    for (unsigned i = 0; i < 4 * DTLS_SEEN_SLOTS; i++) {
        struct endpoint a = at(i, 4000);
        dtls_seen_note(&d, &a, &b, 1000);
        assert_true(dtls_seen_between(&d, &a, &b, 1000)); // the newest is always there
    }
    assert_in_range(d.overwritten, 3 * DTLS_SEEN_SLOTS, 4 * DTLS_SEEN_SLOTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_for_a_while),
        cmocka_unit_test(full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

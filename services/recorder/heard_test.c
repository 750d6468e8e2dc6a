#include "tests/support/test.h"

#include "heard.h"

static void each_packet_once(void **state)
{
    (void)state;
    struct heard_once h = {0};
    assert_true(heard_first(&h, 7, 65534));
    assert_false(heard_first(&h, 7, 65534)); // the other tap's
    assert_true(heard_first(&h, 7, 65535));
    assert_true(heard_first(&h, 7, 1)); // 0 is missing here
    assert_false(heard_first(&h, 7, 65535));
    assert_true(heard_first(&h, 7, 0)); // and comes from the other
    assert_false(heard_first(&h, 7, 0));
    assert_true(heard_first(&h, 7, 200)); // a jump
    assert_true(heard_first(&h, 7, 137)); // 63 back: not seen
    assert_false(heard_first(&h, 7, 137));
    assert_true(heard_first(&h, 7, 100)); // further back: anew
    assert_true(heard_first(&h, 7, 101));
    assert_true(heard_first(&h, 8, 101)); // another stream
    assert_false(heard_first(&h, 8, 101));
}

// Two taps, one behind the other by some packets, each with losses: all that either has, once.
static void two_taps(void **state)
{
    (void)state;
    struct heard_once h = {0};
    uint32_t sent[3000] = {0};
    for (int i = 0; i < 3000; i++) {
        int late = i - 9;
        if (i % 7 && heard_first(&h, 1, (uint16_t)(64000 + i)))
            sent[i]++;
        if (late >= 0 && late % 5 && heard_first(&h, 1, (uint16_t)(64000 + late)))
            sent[late]++;
    }
    for (int i = 0; i < 2990; i++)
        assert_int_equal(sent[i], i % 7 || i % 5 ? 1 : 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_packet_once),
                                       cmocka_unit_test(two_taps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

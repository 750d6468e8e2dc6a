#include "tests/support/test.h"

#include "media/rtpseq.h"

struct step {
    uint16_t seq;
    enum rtpseq_verdict verdict;
    uint32_t gap;
};

static void run(const struct step *steps, size_t n, struct rtpseq *s)
{
    rtpseq_init(s);
    for (size_t i = 0; i < n; i++) {
        uint64_t ext = 0;
        uint32_t gap = 99;
        assert_int_equal(rtpseq_on(s, steps[i].seq, &ext, &gap), steps[i].verdict);
        assert_int_equal(gap, steps[i].gap);
        assert_int_equal((uint16_t)ext, steps[i].seq);
    }
}

#define RUN(s, ...)                                                                                \
    do {                                                                                           \
        static const struct step steps_[] = {__VA_ARGS__};                                         \
        run(steps_, sizeof(steps_) / sizeof(steps_[0]), (s));                                      \
    } while (0)

static void wrap_is_no_loss(void **state)
{
    (void)state;
    struct rtpseq s;
    RUN(&s, {65534, RTPSEQ_FIRST, 0}, {65535, RTPSEQ_NEXT, 0}, {0, RTPSEQ_NEXT, 0},
        {1, RTPSEQ_NEXT, 0});
    assert_int_equal(rtpseq_lost(&s), 0);
    assert_int_equal(s.newest - s.first, 3);
}

static void order_doubles_and_holes(void **state)
{
    (void)state;
    struct rtpseq s;
    RUN(&s, {10, RTPSEQ_FIRST, 0}, {13, RTPSEQ_NEXT, 2}, {12, RTPSEQ_LATE, 0}, {12, RTPSEQ_DUP, 0},
        {13, RTPSEQ_DUP, 0}, {14, RTPSEQ_NEXT, 0});
    assert_int_equal(rtpseq_lost(&s), 1); // 11
    assert_int_equal(s.duplicates, 2);
    assert_int_equal(s.late, 1);
}

static void one_before_the_first_counts(void **state)
{
    (void)state;
    struct rtpseq s;
    RUN(&s, {0, RTPSEQ_FIRST, 0}, {65535, RTPSEQ_LATE, 0}, {1, RTPSEQ_NEXT, 0});
    assert_int_equal(rtpseq_lost(&s), 0);
    assert_int_equal(s.received, 3);
}

static void jumps_begin_a_new_run_without_loss(void **state)
{
    (void)state;
    struct rtpseq s;
    RUN(&s, {100, RTPSEQ_FIRST, 0}, {102, RTPSEQ_NEXT, 1}, {40000, RTPSEQ_JUMP, 0},
        {40001, RTPSEQ_NEXT, 0}, {30000, RTPSEQ_JUMP, 0});
    assert_int_equal(rtpseq_lost(&s), 1);
    assert_int_equal(s.jumps, 2);
    RUN(&s, {100, RTPSEQ_FIRST, 0}, {3100, RTPSEQ_NEXT, 2999}, {6101, RTPSEQ_JUMP, 0});
    RUN(&s, {5000, RTPSEQ_FIRST, 0}, {3977, RTPSEQ_LATE, 0},
        {3976, RTPSEQ_JUMP, 0}); // 1,023 and 1,024 back
}

// The window forgets what it passes: a number that comes again a cycle later is new.
static void window_is_clean_after_a_cycle(void **state)
{
    (void)state;
    struct rtpseq s;
    rtpseq_init(&s);
    uint64_t ext;
    uint32_t gap;
    for (uint32_t i = 0; i < 200000; i++) {
        enum rtpseq_verdict v = rtpseq_on(&s, (uint16_t)i, &ext, &gap);
        assert_int_equal(v, i == 0 ? RTPSEQ_FIRST : RTPSEQ_NEXT);
    }
    assert_int_equal(s.received, 200000);
    assert_int_equal(rtpseq_lost(&s), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrap_is_no_loss),
        cmocka_unit_test(order_doubles_and_holes),
        cmocka_unit_test(one_before_the_first_counts),
        cmocka_unit_test(jumps_begin_a_new_run_without_loss),
        cmocka_unit_test(window_is_clean_after_a_cycle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

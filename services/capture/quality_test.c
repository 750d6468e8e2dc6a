#include "quality.h"

#include "tests/support/test.h"

// A stream of 8 kHz, 20 ms: packet i has sequence number first + i and comes at i * 20 ms.
static void feed(struct quality *q, uint16_t first, const uint16_t *steps, unsigned n)
{
    quality_init(q, (uint16_t)(first + steps[0]), steps[0] * 160u, steps[0] * 20000);
    quality_set_clock(q, 8000);
    for (unsigned i = 0; i < n; i++)
        quality_packet(q, (uint16_t)(first + steps[i]), steps[i] * 160u, i * INT64_C(20000), 160,
                       true);
}

struct order_case {
    const char *name;
    uint16_t first;
    uint16_t steps[8];
    unsigned n;
    uint64_t lost;
    uint32_t duplicates, out_of_order;
};

static void loss_order_duplicates(void **state)
{
    (void)state;
    static const struct order_case cases[] = {
        {"in order", 100, {0, 1, 2, 3, 4, 5, 6, 7}, 8, 0, 0, 0},
        {"begins with 0", 0, {0, 1, 2, 3}, 4, 0, 0, 0},
        {"wraps", 65533, {0, 1, 2, 3, 4, 5, 6, 7}, 8, 0, 0, 0},
        {"one lost", 100, {0, 1, 3, 4}, 4, 1, 0, 0},
        {"lost over the wrap", 65534, {0, 1, 4, 5}, 4, 2, 0, 0},
        {"swapped", 100, {0, 2, 1, 3}, 4, 0, 0, 1},
        {"doubled", 100, {0, 1, 1, 2, 2}, 5, 0, 2, 0},
        {"doubled late", 100, {0, 1, 2, 3, 1}, 5, 0, 1, 0},
        {"the first comes second", 100, {1, 0, 2}, 3, 0, 0, 1},
        {"late over the wrap", 65535, {0, 2, 1, 3}, 4, 0, 0, 1},
        {"one alone", 7, {0}, 1, 0, 0, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct order_case *c = &cases[i];
        struct quality q;
        feed(&q, c->first, c->steps, c->n);
        if (quality_lost(&q) != c->lost || q.duplicates != c->duplicates ||
            q.out_of_order != c->out_of_order || q.packets != c->n)
            fail_msg("%s: lost %llu duplicates %u out of order %u packets %u", c->name,
                     (unsigned long long)quality_lost(&q), q.duplicates, q.out_of_order, q.packets);
    }
}

static void a_jump_begins_a_new_range(void **state)
{
    (void)state;
    struct quality q;
    static const uint16_t steps[] = {0, 1, 2, 30000, 30001, 30002};
    feed(&q, 1000, steps, 6);
    assert_int_equal(quality_lost(&q), 0);
    assert_int_equal(q.strays, 0);
    // onto 0: the range begins at 65535
    static const uint16_t onto_zero[] = {0, 1, 25535, 25536, 25537};
    feed(&q, 40000, onto_zero, 5);
    assert_int_equal(quality_lost(&q), 0);
}

static void a_stray_is_in_no_range(void **state)
{
    (void)state;
    struct quality q;
    static const uint16_t steps[] = {0, 1, 30000, 2, 4};
    feed(&q, 1000, steps, 5);
    assert_int_equal(quality_lost(&q), 1); // 3 is missing; the stray does not fill it
    assert_int_equal(q.strays, 1);
}

static void jitter_is_that_of_rfc_3550(void **state)
{
    (void)state;
    struct quality q;
    double want = 0, last_transit = 0;
    quality_init(&q, 1, 0, 0);
    quality_set_clock(&q, 8000);
    for (int i = 0; i < 200; i++) {
        int64_t at_us = i * INT64_C(20000) + (i * 7919) % 9000; // up to 9 ms late
        quality_packet(&q, (uint16_t)(1 + i), (uint32_t)i * 160u, at_us, 160, true);
        double transit = (double)at_us - i * 20000.0;
        if (i) {
            double d = transit - last_transit;
            want += ((d < 0 ? -d : d) - want) / 16;
        }
        last_transit = transit;
    }
    assert_float_equal((double)q.jitter_us, want, 0.5);
    assert_true(q.jitter_max_us >= q.jitter_us);
    assert_int_equal(quality_ptime_us(&q), 20000);
}

// RFC 4733: the stamp stands while the key is down; that is no jitter.
static void events_are_no_jitter(void **state)
{
    (void)state;
    struct quality q;
    quality_init(&q, 1, 0, 0);
    quality_set_clock(&q, 8000);
    for (uint16_t i = 0; i < 100; i++) {
        bool event = i >= 20 && i < 60;
        quality_packet(&q, (uint16_t)(1 + i), event ? 3200 : i * 160u, i * INT64_C(20000), 4,
                       !event);
    }
    assert_true(q.jitter_max_us < 1);
    assert_int_equal(quality_lost(&q), 0);
}

static void gaps_and_bytes(void **state)
{
    (void)state;
    struct quality q;
    quality_init(&q, 1, 0, 1000);
    quality_packet(&q, 1, 0, 1000, 160, true);
    quality_packet(&q, 2, 160, 513000, 160, true);
    quality_packet(&q, 3, 320, 500000, 0, true); // the clock of the capture stepped back
    assert_int_equal(q.delta_max_us, 512000);
    assert_int_equal(q.bytes, 320);
    assert_true(q.jitter_us == 0); // no clock, no jitter
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_order_duplicates),  cmocka_unit_test(a_jump_begins_a_new_range),
        cmocka_unit_test(a_stray_is_in_no_range), cmocka_unit_test(jitter_is_that_of_rfc_3550),
        cmocka_unit_test(events_are_no_jitter),   cmocka_unit_test(gaps_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include "media/timeline.h"

#define T0      INT64_C(1700000000000000)
#define PACKETS 90000u // half an hour

// A sender: how its packets' capture time differs from their RTP time, in us, before jitter.
typedef double (*delay_fn)(uint32_t i);

struct world {
    struct timeline t;
    struct timeline_segment segment[64];
    double worst_us; // sound stands off the sender's true clock
    int64_t first_off;
    uint64_t rnd;
};

static uint32_t jitter(struct world *w, uint32_t below)
{
    w->rnd = w->rnd * 6364136223846793005u + 1442695040888963407u;
    return below == 0 ? 0 : (uint32_t)((w->rnd >> 33) % below);
}

static struct timeline_packet packet(struct world *w, uint32_t i, delay_fn delay,
                                     uint32_t jitter_us)
{
    return (struct timeline_packet){.key = i + 1,
                                    .at_us = T0 + (int64_t)i * 20000 + lrint(delay(i)) +
                                             (i == 3 ? 0 : jitter(w, jitter_us)),
                                    .ssrc = 7,
                                    .timestamp = 4294000000u + i * 160,
                                    .seq = (uint16_t)i,
                                    .audio = true,
                                    .clock = 8000,
                                    .duration = 160};
}

// Both passes; how far each packet's place is from where the sender's true clock has it.
static void run(struct world *w, uint32_t n, delay_fn delay, uint32_t jitter_us)
{
    memset(w, 0, sizeof(*w));
    timeline_init(&w->t, w->segment, COUNT_OF(w->segment));
    w->rnd = 5;
    for (uint32_t i = 0; i < n; i++) {
        struct timeline_packet p = packet(w, i, delay, jitter_us);
        (void)timeline_learn(&w->t, &p);
    }
    timeline_learnt(&w->t, 20000);
    timeline_rewind(&w->t);
    w->rnd = 5;
    int64_t before = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct timeline_packet p = packet(w, i, delay, jitter_us);
        struct timeline_place place;
        assert_int_equal(timeline_place(&w->t, &p, T0, &place), TIMELINE_PLACED);
        double off = (double)place.pos * 125 - (double)i * 20000 - delay(i) + delay(0);
        w->worst_us = fabs(off) > w->worst_us ? fabs(off) : w->worst_us;
        // No break between packets whatever the pieces.
        if (i > 0 && (w->t.n == 1 || w->segment[w->t.at].joined))
            assert_in_range(place.pos - before, 157, 163);
        before = place.pos;
    }
}

static double none(uint32_t i)
{
    (void)i;
    return 0;
}

static double fast_500(uint32_t i)
{
    return -500e-6 * i * 20000;
}

static double slow_90(uint32_t i)
{
    return 90e-6 * i * 20000;
}

static double slow_10(uint32_t i)
{
    return 10e-6 * i * 20000;
}

static double ppm(const struct timeline_segment *s)
{
    return (double)s->stretch * 1e6 / DRIFT_ONE;
}

static void a_clock_is_told(void **state)
{
    (void)state;
    static const struct {
        delay_fn delay;
        double ppm;
    } cases[] = {{fast_500, -500}, {slow_90, 90}};
    struct world w;
    for (size_t k = 0; k < COUNT_OF(cases); k++) {
        for (uint32_t jitter_us = 0; jitter_us <= 60000; jitter_us += 30000) {
            run(&w, PACKETS, cases[k].delay, jitter_us);
            assert_int_equal(w.t.n, 1);
            if (fabs(ppm(w.segment) - cases[k].ppm) > 2 || w.worst_us > 3000)
                fail_msg("%.2f ppm for %.2f, sound %.0f us off, jitter %u us", ppm(w.segment),
                         cases[k].ppm, w.worst_us, jitter_us);
        }
    }
}

static void small_drift_touches_nothing(void **state)
{
    (void)state;
    struct world w;
    static const delay_fn delays[] = {none, slow_10};
    for (size_t k = 0; k < COUNT_OF(delays); k++) {
        run(&w, PACKETS, delays[k], 40000);
        assert_int_equal(w.t.n, 1);
        assert_int_equal(w.segment[0].stretch, 0);
        assert_true(w.worst_us < 20000);
        assert_int_equal(timeline_end(&w.t, T0), (int64_t)PACKETS * 160);
    }
}

// Ten minutes right, then 300 ppm, then right again.
static double bends(uint32_t i)
{
    double s = i * 0.02;
    return s < 600 ? 0 : s < 1200 ? (s - 600) * 300 : 180000;
}

static void a_clock_that_changes_is_followed(void **state)
{
    (void)state;
    struct world w;
    run(&w, PACKETS, bends, 10000);
    assert_in_range(w.t.n, 3, 12);
    for (size_t i = 1; i < w.t.n; i++)
        assert_true(w.segment[i].joined);
    for (size_t i = 0; i < w.t.n; i++)
        print_message("%zu key %lu ppm %.2f joined %d\n", i, w.segment[i].key, ppm(&w.segment[i]),
                      w.segment[i].joined);
    if (w.worst_us > 25000)
        fail_msg("%.0f us off", w.worst_us);
}

// The way through the network becomes 120 ms longer for good after five minutes, or for two minutes.
static double longer_way(uint32_t i)
{
    return i < 15000 ? 0 : 120000;
}

static double busy_way(uint32_t i)
{
    return i >= 15000 && i < 21000 ? 120000 : 0;
}

static void delay_of_the_network_moves_no_sound(void **state)
{
    (void)state;
    struct world w;
    static const delay_fn delays[] = {longer_way, busy_way};
    for (size_t k = 0; k < COUNT_OF(delays); k++) {
        run(&w, PACKETS, delays[k], 8000);
        assert_int_equal(w.t.n, 1);
        assert_int_equal(w.segment[0].stretch, 0);
    }
}

// The clock is still seen behind such a change.
static double longer_way_and_fast(uint32_t i)
{
    return longer_way(i) + fast_500(i);
}

static void drift_goes_on_behind_a_longer_way(void **state)
{
    (void)state;
    struct world w;
    run(&w, PACKETS, longer_way_and_fast, 8000);
    for (size_t i = 0; i < w.t.n; i++) {
        if (fabs(ppm(&w.segment[i]) + 500) > 20)
            fail_msg("piece %zu of %zu: %.2f ppm", i, w.t.n, ppm(&w.segment[i]));
    }
    assert_true(w.worst_us < 130000);
}

// No telephone's clock: 2 %. It is cut as before, never stretched by more than a clock can be.
static double no_clock(uint32_t i)
{
    return 0.02 * i * 20000;
}

static void what_is_no_clock_is_cut(void **state)
{
    (void)state;
    struct world w;
    memset(&w, 0, sizeof(w));
    timeline_init(&w.t, w.segment, COUNT_OF(w.segment));
    for (uint32_t i = 0; i < 6000; i++) {
        struct timeline_packet p = packet(&w, i, no_clock, 0);
        (void)timeline_learn(&w.t, &p);
    }
    timeline_learnt(&w.t, 20000);
    assert_in_range(w.t.n, 9, 11); // 2.4 s, 250 ms each
    for (size_t i = 0; i < w.t.n; i++)
        assert_int_equal(w.segment[i].stretch, 0);
}

// Full: the clock that changes finds no place, the last line stays, and it is counted.
static void full_table_keeps_the_line(void **state)
{
    (void)state;
    struct world w;
    memset(&w, 0, sizeof(w));
    timeline_init(&w.t, w.segment, 1);
    for (uint32_t i = 0; i < PACKETS; i++) {
        struct timeline_packet p = packet(&w, i, bends, 0);
        (void)timeline_learn(&w.t, &p);
    }
    timeline_learnt(&w.t, 20000);
    assert_int_equal(w.t.n, 1);
    assert_true(w.t.refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_is_told),
        cmocka_unit_test(small_drift_touches_nothing),
        cmocka_unit_test(a_clock_that_changes_is_followed),
        cmocka_unit_test(delay_of_the_network_moves_no_sound),
        cmocka_unit_test(drift_goes_on_behind_a_longer_way),
        cmocka_unit_test(what_is_no_clock_is_cut),
        cmocka_unit_test(full_table_keeps_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

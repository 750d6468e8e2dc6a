// Bursts and gaps against the words of RFC 3611 4.7.2, taken literally over the whole sequence.
#include "burst.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include "tests/support/test.h"

#define N 4000

struct literal {
    uint32_t lost, runs, bursts, burst_packets, burst_lost;
};

// "the longest sequence that (a) starts with a lost or discarded packet, (b) does not contain any occurrences of Gmin or
// more consecutively received (and not discarded) packets, and (c) ends with a lost or discarded packet". One loss alone is
// a loss in a gap.
static struct literal by_the_words(const bool *lost, uint32_t n)
{
    struct literal l = {0};
    for (uint32_t i = 0; i < n; i++) {
        l.lost += lost[i];
        l.runs += lost[i] && (i == 0 || !lost[i - 1]);
    }
    for (uint32_t i = 0; i < n;) {
        if (!lost[i]) {
            i++;
            continue;
        }
        uint32_t end = i, received = 0, losses = 0;
        for (uint32_t k = i; k < n && received < BURST_GMIN; k++) {
            received = lost[k] ? 0 : received + 1;
            losses += lost[k];
            end = lost[k] ? k : end;
        }
        if (losses >= 2) {
            l.bursts++;
            l.burst_packets += end - i + 1;
            l.burst_lost += losses;
        }
        i = end + 1;
    }
    return l;
}

static void check(const bool *lost, uint32_t n, uint32_t from)
{
    struct burst b = {0};
    for (uint32_t i = 0; i < n;) {
        uint32_t k = i;
        while (k < n && lost[k])
            k++;
        if (k > i)
            burst_lose(&b, from + i, k - i);
        i = k + 1;
    }
    struct literal l = by_the_words(lost, n);
    struct burst_figures f = burst_figures(&b, n);
    assert_int_equal(b.lost, l.lost);
    assert_int_equal(b.runs, l.runs);
    assert_int_equal(f.bursts, l.bursts);
    double density = l.burst_packets ? (double)l.burst_lost / l.burst_packets : 0;
    uint32_t gap = n - l.burst_packets;
    assert_true(fabs(f.burst_density - density) < 1e-12);
    assert_true(fabs(f.gap_density - (gap ? (double)(l.lost - l.burst_lost) / gap : 0)) < 1e-12);
    assert_true(fabs(f.burst_packets * l.bursts - l.burst_packets) < 1e-9);
    assert_true(fabs(f.gap_packets * (l.bursts + 1) - gap) < 1e-9);
}

static void literal_cases(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "x",
        "xx",
        "x...............x",  // 15 received: one burst
        "x................x", // 16: two losses in a gap
        "...x..x................x.x................................",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ".................................................",
        "x................xx................x...............x",
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool lost[128];
        uint32_t n = 0;
        for (const char *p = cases[i]; *p; p++)
            lost[n++] = *p == 'x';
        check(lost, n, 64);
        check(lost, n, UINT32_MAX - 10); // places wrap
    }
}

static void random_sequences(void **state)
{
    (void)state;
    static bool lost[N];
    srandom(1);
    for (int round = 0; round < 300; round++) {
        long one_in = 2 + random() % 60, stays = random() % 100;
        for (uint32_t i = 0; i < N; i++) // two states: losses come in runs
            lost[i] = i && lost[i - 1] ? random() % 100 < stays : random() % one_in == 0;
        check(lost, N, (uint32_t)random());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(literal_cases),
                                       cmocka_unit_test(random_sequences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

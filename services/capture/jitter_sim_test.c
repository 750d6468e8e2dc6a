// The buffers, which keep a bit a packet, against a simulation that keeps everything.
#include "jitter_sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tests/support/test.h"

#define N        3000
#define PTIME_US 20000
#define TICKS    160

struct arrival {
    int64_t at_us;
    uint32_t n; // sequence number
    bool marker, timed;
};

static int by_time(const void *a, const void *b)
{
    const struct arrival *x = a, *y = b;
    return x->at_us != y->at_us ? (x->at_us < y->at_us ? -1 : 1) : x->n < y->n ? -1 : 1;
}

// What comes, in the order in which it comes. jump: from that packet on the time stamps stood still for a second.
struct pattern {
    int loss_pct, jitter_us, spike_in, spike_us, untimed_in, drift_ppm;
    uint32_t jump;
};

static uint32_t timestamp_of(const struct pattern *t, uint32_t n)
{
    return n * TICKS - (t->jump && n >= t->jump ? 50 * TICKS : 0);
}

static size_t make(const struct pattern *t, struct arrival *a)
{
    size_t count = 0;
    for (uint32_t i = 0; i < N; i++) {
        int64_t late = i && t->jitter_us ? random() % t->jitter_us : 0;
        if (i && t->spike_in && random() % t->spike_in == 0)
            late += t->spike_us;
        if (i && random() % 100 < t->loss_pct)
            continue;
        a[count++] = (struct arrival){
            .at_us = (int64_t)i * PTIME_US + (int64_t)i * PTIME_US / 1000000 * t->drift_ppm + late,
            .n = i,
            .marker = random() % 300 == 0,
            .timed = !t->untimed_in || random() % t->untimed_in,
        };
    }
    a[0].timed = true;
    qsort(a, count, sizeof *a, by_time);
    return count;
}

// ---- all kept

struct naive {
    bool played[PLAY_BUFFERS][N];
    uint32_t late[PLAY_BUFFERS], positions;
    double delay_sum_us;
};
struct seen { // one timed packet
    unsigned turn, era;
    int64_t transit, excess;
};

static int64_t least_transit(const struct seen *s, size_t n, unsigned era, unsigned era_turn,
                             unsigned turn)
{
    int64_t least =
        turn - era_turn <= 1 ? 0 : INT64_MAX; // the packet of the anchor stands for both windows
    for (size_t i = 0; i < n; i++)
        if (s[i].era == era && s[i].turn + 1 >= turn && s[i].transit < least)
            least = s[i].transit;
    return least;
}

static int64_t worst_excess(const struct seen *s, size_t n, unsigned turn)
{
    int64_t worst = 0;
    for (size_t i = 0; i < n; i++)
        if (s[i].turn + 1 >= turn && s[i].turn <= turn && s[i].excess > worst &&
            s[i].excess <= PLAY_MOST_US)
            worst = s[i].excess;
    return worst;
}

static void simulate(const struct pattern *t, const struct arrival *a, size_t n, struct naive *r)
{
    static struct seen seen[N];
    size_t seens = 0;
    unsigned turn = 0, era = 0, era_turn = 0, over = 0;
    int64_t delay = PLAY_FIRST_US, anchor_us = a[0].at_us, newest = -1;
    uint32_t anchor_ts = 0;
    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < n; i++) {
        int64_t step = (int64_t)a[i].n - newest, excess = 0;
        bool in_time[PLAY_BUFFERS] = {true, true, true};
        if (a[i].timed) {
            uint32_t ts = timestamp_of(t, a[i].n);
            int64_t transit = a[i].at_us - anchor_us - (int64_t)(int32_t)(ts - anchor_ts) * 125;
            int64_t least = least_transit(seen, seens, era, era_turn, turn);
            excess = least < INT64_MAX && transit > least ? transit - least : 0;
            over = excess > PLAY_F2_US ? over + 1 : 0;
            if (over && (over >= PLAY_RUN || (a[i].marker && step > 0))) {
                era++;
                era_turn = turn;
                over = 0;
                anchor_us = a[i].at_us;
                anchor_ts = ts;
                transit = excess = 0;
            }
            seen[seens++] = (struct seen){turn, era, transit, excess};
            in_time[0] = excess <= PLAY_F1_US;
            in_time[1] = excess <= PLAY_F2_US;
            in_time[2] = excess <= delay;
            if (excess > delay && excess <= PLAY_MOST_US)
                delay =
                    excess + PLAY_MARGIN_US < PLAY_MOST_US ? excess + PLAY_MARGIN_US : PLAY_MOST_US;
        }
        for (int b = 0; b < PLAY_BUFFERS; b++) {
            r->late[b] += !in_time[b];
            r->played[b][a[i].n] = in_time[b] && step > -64;
        }
        if (step <= 0)
            continue;
        r->delay_sum_us += (double)delay * (double)step;
        int64_t before = newest + 1;
        newest = a[i].n;
        if (before / PLAY_WINDOW == (newest + 1) / PLAY_WINDOW)
            continue;
        int64_t want = worst_excess(seen, seens, turn) + PLAY_MARGIN_US;
        want = want < PLAY_LEAST_US ? PLAY_LEAST_US : want;
        delay -= want < delay ? (delay - want) / 2 : 0;
        turn++;
    }
    r->positions = (uint32_t)(newest + 1);
}

// ---- ours

static struct play run(const struct pattern *t, const struct arrival *a, size_t n)
{
    struct play p;
    int64_t newest = -1;
    play_init(&p, a[0].at_us);
    p.codec = emodel_codec("PCMU");
    for (size_t i = 0; i < n; i++) {
        int64_t step = (int64_t)a[i].n - newest;
        play_step(&p, &(struct play_packet){a[i].at_us, timestamp_of(t, a[i].n), (int32_t)step, 125,
                                            a[i].timed, a[i].marker});
        newest = step > 0 ? a[i].n : newest;
    }
    play_end(&p);
    return p;
}

static void compare(const struct pattern *t, unsigned which)
{
    static struct arrival a[N];
    static struct naive r;
    size_t n = make(t, a);
    simulate(t, a, n, &r);
    struct play p = run(t, a, n);
    struct play_figures f = play_figures(&p);
    assert_int_equal(f.packets, r.positions);
    for (int b = 0; b < PLAY_BUFFERS; b++) {
        uint32_t lost = 0, runs = 0;
        for (uint32_t i = 0; i < r.positions; i++) {
            lost += !r.played[b][i];
            runs += !r.played[b][i] && (i == 0 || r.played[b][i - 1]);
        }
        if (p.late[b] != r.late[b] || p.burst[b].lost != lost || p.burst[b].runs != runs)
            fail_msg("pattern %u buffer %d: late %u %u lost %u %u runs %u %u", which, b, p.late[b],
                     r.late[b], p.burst[b].lost, lost, p.burst[b].runs, runs);
    }
    double sum = r.delay_sum_us + 64.0 * p.delay_us; // play_end
    assert_true(fabs((double)p.delay_sum_us - sum) < 1);
}

static void as_if_all_were_kept(void **state)
{
    (void)state;
    static const struct pattern fixed[] = {
        {0},
        {.loss_pct = 5},
        {.jitter_us = 45000},
        {.jitter_us = 120000},
        {.loss_pct = 10, .jitter_us = 400000},
        {.jitter_us = 10000, .spike_in = 50, .spike_us = 300000},
        {.jitter_us = 10000, .spike_in = 200, .spike_us = 2500000}, // comes behind 64 others
        {.loss_pct = 2, .jitter_us = 30000, .jump = 700},
        {.loss_pct = 60, .jitter_us = 30000, .untimed_in = 3},
        {.loss_pct = 97},
    };
    srandom(7);
    for (unsigned i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        compare(&fixed[i], i);
    for (unsigned i = 0; i < 200; i++) {
        struct pattern t = {
            .loss_pct = (int)(random() % 30),
            .jitter_us = (int)(random() % 300000),
            .spike_in = (int)(random() % 100),
            .spike_us = (int)(random() % 1500000),
            .untimed_in = random() % 3 ? 0 : 1 + (int)(random() % 20),
            .jump = random() % 3 ? 0 : (uint32_t)(random() % N),
        };
        compare(&t, 100 + i);
    }
}

static struct play_figures figures(const struct pattern *t)
{
    static struct arrival a[N];
    struct play p = run(t, a, make(t, a));
    return play_figures(&p);
}

static void mos_falls_with_loss_and_jitter(void **state)
{
    (void)state;
    struct play_figures last = figures(&(struct pattern){0});
    assert_true(last.rated && last.mos[PLAY_F1] > 4.35 && last.mos[PLAY_F2] < last.mos[PLAY_F1]);
    assert_true(last.mos_avg > 4.35 && last.mos_min > 4.3 && last.mos_min <= last.mos_avg);
    for (int loss = 3; loss <= 40; loss += 4) {
        struct play_figures f = figures(&(struct pattern){.loss_pct = loss});
        for (int b = 0; b < PLAY_BUFFERS; b++)
            assert_true(f.mos[b] < last.mos[b]);
        assert_true(f.mos_min <= f.mos_avg && f.burst.bursts > 0 && f.late[PLAY_F1] == 0);
        last = f;
    }
    struct play_figures f = figures(&(struct pattern){.jitter_us = 150000});
    assert_true(f.late[PLAY_F1] > N / 3 && f.late[PLAY_F2] == 0);
    assert_true(f.late[PLAY_ADAPTIVE] < N / 50);
    assert_true(f.mos[PLAY_F1] < 2.5 && f.mos[PLAY_F2] > 4);
}

static void skew(void **state)
{
    (void)state;
    static const int ppm[] = {-900, -100, 0, 50, 500};
    for (unsigned i = 0; i < sizeof ppm / sizeof ppm[0]; i++) {
        struct play p;
        play_init(&p, 0);
        for (uint32_t n = 0; n < N; n++) { // a sender whose clock is fast by ppm sends early
            int64_t at = (int64_t)((double)n * PTIME_US / (1 + ppm[i] * 1e-6)) + random() % 5000;
            play_step(&p, &(struct play_packet){at, n * TICKS, 1, 125, true, false});
        }
        struct play_figures f = play_figures(&p);
        assert_true(f.skew_known && fabs(f.skew_ppm - ppm[i]) < 15);
    }
}

static void short_or_unknown(void **state)
{
    (void)state;
    struct play p;
    play_init(&p, 0);
    p.codec = emodel_codec("PCMU");
    for (uint32_t n = 0; n < PLAY_LEAST_RATED; n++) {
        assert_false(play_figures(&p).rated);
        play_step(&p, &(struct play_packet){n * PTIME_US, n * TICKS, 1, 125, true, false});
    }
    play_end(&p);
    struct play_figures f = play_figures(&p);
    assert_true(f.rated && !f.skew_known && f.packets == PLAY_LEAST_RATED);
    assert_true(f.mos_min > 4 && f.mos_avg > 4);
    p.codec = NULL;
    assert_false(play_figures(&p).rated);
}

// A second range of sequence numbers settles the first and adds to it; huge steps cost no more than small ones.
static void restart_and_far_steps(void **state)
{
    (void)state;
    struct play p;
    play_init(&p, 0);
    int64_t at = 0;
    for (int round = 0; round < 3; round++) {
        for (uint32_t n = 0; n < 100; n++, at += PTIME_US)
            play_step(&p, &(struct play_packet){at, (uint32_t)round * 99999 + n * TICKS,
                                                n == 0 && round ? 2 : 1, 125, true, false});
        if (round < 2)
            play_restart(&p);
    }
    play_end(&p);
    assert_int_equal(play_figures(&p).packets, 302);
    assert_int_equal(p.burst[0].lost, 2);
    static const uint32_t far[] = {2, 62, 63, 64, 65, 66, 128, 129, 2999};
    for (unsigned i = 0; i < sizeof far / sizeof far[0]; i++) {
        play_init(&p, 0);
        play_step(&p, &(struct play_packet){0, 0, 1, 125, true, false});
        play_step(&p, &(struct play_packet){1, 0, (int32_t)far[i], 0, true, false});
        play_end(&p);
        assert_int_equal(play_figures(&p).packets, 1 + far[i]);
        assert_int_equal(p.burst[0].lost, far[i] - 1);
        assert_int_equal(p.burst[0].runs, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_if_all_were_kept),
        cmocka_unit_test(mos_falls_with_loss_and_jitter),
        cmocka_unit_test(skew),
        cmocka_unit_test(short_or_unknown),
        cmocka_unit_test(restart_and_far_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

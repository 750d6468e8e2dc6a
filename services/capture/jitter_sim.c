#include "jitter_sim.h"
#include <math.h>

#define BITS           64
#define SKEW_LEAST_US  10000000 // shorter streams tell jitter, not drift
#define SKEW_POINTS    8
#define DELAY_FIRST_MS (PLAY_FIRST_US / 1000.0)

void play_init(struct play *p, int64_t at_us)
{
    *p = (struct play){
        // What was before the first packet counts as played and leaves the window unseen.
        .window = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
        .delay_us = PLAY_FIRST_US,
        .ptime_us = 20000,
        .unseen = BITS,
    };
    p->interval.at_us = at_us;
}

static uint32_t settled(const struct play *p)
{
    uint32_t n = p->packets > p->unseen ? p->packets - p->unseen : 0;
    return n > p->settled_least ? n : p->settled_least;
}

// The oldest n bits leave the window; those not played are losses, told in runs. The place of the oldest is packets.
static void window_leave(struct play *p, int buffer, uint32_t n)
{
    uint64_t w = p->window[buffer];
    uint32_t at = 0;
    while (at < n) {
        uint32_t played = ~w ? (uint32_t)__builtin_clzll(~w) : BITS;
        at += played;
        if (at >= n)
            return;
        w <<= played;
        uint32_t lost = w ? (uint32_t)__builtin_clzll(w) : BITS;
        lost = lost < n - at ? lost : n - at;
        burst_lose(&p->burst[buffer], p->packets + at, lost);
        at += lost;
        w = lost < BITS ? w << lost : 0;
    }
}

// Sequence numbers go on by n; the newest is played where played says so, those between have not come (yet).
static void window_shift(struct play *p, uint32_t n, const bool *played)
{
    for (int b = 0; b < PLAY_BUFFERS; b++) {
        window_leave(p, b, n < BITS ? n : BITS);
        if (n > BITS) // these passed the whole window without coming
            burst_lose(&p->burst[b], p->packets + BITS, n - BITS);
        p->window[b] = (n < BITS ? p->window[b] << n : 0) | played[b];
    }
    p->packets += n;
}

// ---- each 64 packets

static struct emodel_in heard(uint32_t packets, uint32_t lost, uint32_t runs, double delay_ms)
{
    double loss = packets ? (double)lost / packets : 0;
    double run = runs ? (double)lost / runs : 1;
    return (struct emodel_in){
        .loss = loss, .burst_r = run * (1 - loss), .delay_ms = delay_ms}; // random: 1 / (1 - loss)
}

static double adaptive_ms(uint64_t sum_us, uint32_t packets)
{
    return packets ? (double)sum_us / packets / 1000 : DELAY_FIRST_MS;
}

// Of the open interval; 0: too short.
static double interval_mos(const struct play *p)
{
    uint32_t n = settled(p) - p->interval.packets;
    const struct burst *b = &p->burst[PLAY_ADAPTIVE];
    if (n < PLAY_LEAST_RATED || !p->codec)
        return 0;
    double delay =
        adaptive_ms(p->delay_sum_us - p->interval.delay_sum_us, p->packets - p->interval.steps) +
        p->ptime_us / 1000.0;
    struct emodel_in in = heard(n, b->lost - p->interval.lost, b->runs - p->interval.runs, delay);
    return emodel_mos(emodel_r(p->codec, &in));
}

static void interval_close(struct play *p, int64_t at_us)
{
    if (settled(p) - p->interval.packets < PLAY_LEAST_RATED)
        return; // goes on
    double mos = interval_mos(p);
    if (mos > 0) {
        p->mos_least = p->intervals && p->mos_least < (float)mos ? p->mos_least : (float)mos;
        p->mos_sum += (float)mos;
        p->intervals++;
    }
    p->interval.at_us = at_us;
    p->interval.delay_sum_us = p->delay_sum_us;
    p->interval.steps = p->packets;
    p->interval.packets = settled(p);
    p->interval.lost = p->burst[PLAY_ADAPTIVE].lost;
    p->interval.runs = p->burst[PLAY_ADAPTIVE].runs;
}

static void skew_begin(struct play *p)
{
    p->skew_n = p->skew_x = p->skew_y = p->skew_xx = p->skew_xy = 0;
    p->skew_least_us = INT32_MAX;
}

// One point of the least squares line: the fastest of 64 packets.
static void skew_point(struct play *p, int64_t at_us)
{
    if (p->skew_least_us == INT32_MAX)
        return;
    if (p->skew_n <= 0)
        p->skew_from_us = at_us;
    double x = (double)(at_us - p->skew_from_us) / 1e6, y = p->skew_least_us;
    p->skew_n++;
    p->skew_x += x;
    p->skew_y += y;
    p->skew_xx += x * x;
    p->skew_xy += x * y;
    p->skew_least_us = INT32_MAX;
}

static void window_turn(struct play *p)
{
    p->least_before_us = p->least_us;
    p->least_us = INT32_MAX;
    int32_t worst = p->excess_us > p->excess_before_us ? p->excess_us : p->excess_before_us;
    p->excess_before_us = p->excess_us;
    p->excess_us = 0;
    int32_t want = worst + PLAY_MARGIN_US;
    if (want < PLAY_LEAST_US)
        want = PLAY_LEAST_US;
    if (want < p->delay_us)
        p->delay_us -= (p->delay_us - want) / 2;
}

static void now_and_then(struct play *p, uint32_t before, int64_t at_us)
{
    if (p->begun) {
        skew_point(p, at_us);
        if (before / PLAY_WINDOW != p->packets / PLAY_WINDOW)
            window_turn(p);
    }
    if (at_us - p->interval.at_us >= PLAY_INTERVAL_US)
        interval_close(p, at_us);
}

// ---- each packet

static void anchor(struct play *p, const struct play_packet *k)
{
    p->anchor_us = k->at_us;
    p->ticks = 0;
    p->us_per_tick = k->us_per_tick;
    p->least_us = p->least_before_us = 0;
    p->over = 0;
    p->begun = true;
    skew_begin(p);
}

// How much later than the fastest it is. Moves the least transit, begins anew where the time stamps have jumped.
static int32_t lateness(struct play *p, const struct play_packet *k)
{
    if (!p->begun || k->us_per_tick != p->us_per_tick)
        anchor(p, k);
    else
        p->ticks += (int32_t)(k->timestamp - p->last_timestamp);
    p->last_timestamp = k->timestamp;
    double t = (double)(k->at_us - p->anchor_us) - (double)p->ticks * (double)p->us_per_tick;
    if (t < -1e9 || t > 1e9) { // a quarter of an hour
        anchor(p, k);
        t = 0;
    }
    int32_t transit = (int32_t)t;
    int32_t least = p->least_us < p->least_before_us ? p->least_us : p->least_before_us;
    if (least != INT32_MAX && transit - least > PLAY_F2_US) {
        if (++p->over >= PLAY_RUN || (k->marker && k->step > 0)) {
            anchor(p, k);
            transit = least = 0;
        }
    } else {
        p->over = 0;
    }
    if (transit < p->least_us)
        p->least_us = transit;
    if (transit < p->skew_least_us)
        p->skew_least_us = transit;
    return transit > least ? transit - least : 0;
}

// Fills which buffers play it.
static void judge(struct play *p, int32_t excess, bool *played)
{
    const int32_t delay[PLAY_BUFFERS] = {PLAY_F1_US, PLAY_F2_US, p->delay_us};
    for (int b = 0; b < PLAY_BUFFERS; b++) {
        played[b] = excess <= delay[b];
        p->late[b] += !played[b];
    }
    if (excess > PLAY_MOST_US)
        return; // no buffer waits for such a one
    if (excess > p->excess_us)
        p->excess_us = excess;
    if (!played[PLAY_ADAPTIVE]) {
        int32_t want = excess + PLAY_MARGIN_US;
        p->delay_us = want < PLAY_MOST_US ? want : PLAY_MOST_US;
    }
}

void play_step(struct play *p, const struct play_packet *k)
{
    bool played[PLAY_BUFFERS] = {true, true, true};
    if (k->timed && k->us_per_tick > 0) {
        int32_t excess = lateness(p, k);
        // Nearly always: in time for all, next in order, and nothing lost among the three that leave the window.
        if (__builtin_expect(excess <= p->delay_us && excess <= PLAY_F1_US && k->step == 1 &&
                                 (int64_t)(p->window[0] & p->window[1] & p->window[2]) < 0,
                             1)) {
            if (excess > p->excess_us)
                p->excess_us = excess;
            for (int b = 0; b < PLAY_BUFFERS; b++)
                p->window[b] = p->window[b] << 1 | 1;
            p->delay_sum_us += (uint64_t)p->delay_us;
            if (__builtin_expect((++p->packets & (BITS - 1)) == 0, 0))
                now_and_then(p, p->packets - 1, k->at_us);
            return;
        }
        judge(p, excess, played);
    }
    if (k->step <= 0) { // came behind its turn: it may still be in time
        uint32_t behind = (uint32_t)-k->step;
        for (int b = 0; b < PLAY_BUFFERS && behind < BITS; b++)
            p->window[b] |= (uint64_t)played[b] << behind;
        return;
    }
    uint32_t before = p->packets;
    window_shift(p, (uint32_t)k->step, played);
    p->delay_sum_us += (uint64_t)p->delay_us * (uint32_t)k->step;
    if (before / BITS != p->packets / BITS)
        now_and_then(p, before, k->at_us);
}

static void settle(struct play *p)
{
    static const bool none[PLAY_BUFFERS];
    uint32_t packets = p->packets;
    window_shift(p, BITS, none);
    for (int b = 0; b < PLAY_BUFFERS; b++)
        p->window[b] = UINT64_MAX;
    p->delay_sum_us += (uint64_t)p->delay_us * (p->packets - packets);
}

void play_restart(struct play *p)
{
    settle(p);
    p->settled_least = settled(p);
    p->unseen += BITS;
    p->begun = false;
}

void play_end(struct play *p)
{
    if (!p->ended)
        settle(p);
    p->ended = true;
}

// ---- figures

struct play_figures play_figures(const struct play *p)
{
    struct play_figures f = {.packets = settled(p)};
    for (int b = 0; b < PLAY_BUFFERS; b++) {
        f.late[b] = p->late[b];
        f.loss[b] = f.packets ? (double)p->burst[b].lost / f.packets : 0;
    }
    f.burst = burst_figures(&p->burst[PLAY_ADAPTIVE], f.packets);
    double d = p->skew_n * p->skew_xx - p->skew_x * p->skew_x;
    // n points at the distance x: their mean is half the length of a line without holes.
    if (p->skew_n >= SKEW_POINTS && 2e6 * p->skew_x / p->skew_n > SKEW_LEAST_US && d > 0) {
        f.skew_known = true;
        f.skew_ppm = (p->skew_x * p->skew_y - p->skew_n * p->skew_xy) / d;
    }
    if (!p->codec || f.packets < PLAY_LEAST_RATED)
        return f;
    f.rated = true;
    double delay[PLAY_BUFFERS] = {PLAY_F1_US / 1000.0, PLAY_F2_US / 1000.0,
                                  adaptive_ms(p->delay_sum_us, p->packets)};
    for (int b = 0; b < PLAY_BUFFERS; b++) {
        struct emodel_in in =
            heard(f.packets, p->burst[b].lost, p->burst[b].runs, delay[b] + p->ptime_us / 1000.0);
        double r = emodel_r(p->codec, &in);
        f.mos[b] = emodel_mos(r);
        if (b == PLAY_ADAPTIVE)
            f.r_adaptive = r;
    }
    double open = interval_mos(p);
    uint32_t n = p->intervals + (open > 0);
    f.mos_min = open > 0 && (!p->intervals || open < (double)p->mos_least) ? open
                : p->intervals                                             ? (double)p->mos_least
                                                                           : f.mos[PLAY_ADAPTIVE];
    f.mos_avg = n ? ((double)p->mos_sum + open) / n : f.mos[PLAY_ADAPTIVE];
    return f;
}

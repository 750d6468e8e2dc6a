#include "base/wheel.h"

#include "tests/support/test.h"

#define TICK  1000
#define COUNT 300

struct model {
    struct wheel *w;
    struct rnd r;
    struct wheel_timer timers[COUNT];
    int64_t at[COUNT]; // -1: not armed
    bool late[COUNT];  // armed by a handler in this advance
    int64_t now, last_tick;
    uint64_t fired;
    bool rearm;
};

static int64_t tick_up(int64_t us)
{
    return us <= 0 ? 0 : (us + TICK - 1) / TICK;
}

static void on_fire(void *ctx, struct wheel_timer *t)
{
    struct model *m = ctx;
    size_t i = (size_t)(t - m->timers);
    assert_in_range(i, 0, COUNT - 1);
    assert_false(wheel_armed(t));
    assert_true(m->at[i] >= 0 && !m->late[i]);
    assert_true(tick_up(m->at[i]) <= m->now / TICK);
    assert_true(tick_up(m->at[i]) >= m->last_tick); // in time order
    m->last_tick = tick_up(m->at[i]);
    m->at[i] = -1;
    m->fired++;
    if (!m->rearm || rnd_below(&m->r, 3))
        return;
    // A handler arms itself or another, for the past or for later, and disarms a third.
    size_t k = rnd_below(&m->r, 2) ? i : rnd_below(&m->r, COUNT);
    int64_t at = m->now - 5000 + (int64_t)rnd_below(&m->r, 100000);
    at = at < 0 ? 0 : at;
    wheel_arm(m->w, &m->timers[k], at);
    m->at[k] = at;
    m->late[k] = true;
    size_t d = rnd_below(&m->r, COUNT);
    wheel_disarm(m->w, &m->timers[d]);
    m->at[d] = -1;
    m->late[d] = false;
}

static void advance(struct model *m, int64_t to)
{
    m->now = to > m->now ? to : m->now;
    m->last_tick = 0;
    uint64_t before = m->fired;
    uint64_t n = wheel_advance(m->w, to, on_fire, m);
    assert_int_equal(n, m->fired - before);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(wheel_armed(&m->timers[i]), m->at[i] >= 0);
        // Nothing due is left but what the handlers armed just now.
        assert_true(m->at[i] < 0 || m->late[i] || tick_up(m->at[i]) > m->now / TICK);
        m->late[i] = false;
    }
}

// spans: how far timers and jumps reach.
static void against_model(uint64_t start, int64_t now, uint64_t span_us, bool rearm)
{
    static struct model m;
    memset(&m, 0, sizeof(m));
    m.w = wheel_new(TICK, now);
    m.r.state = start;
    m.now = now;
    m.rearm = rearm;
    for (size_t i = 0; i < COUNT; i++)
        m.at[i] = -1;
    for (int step = 0; step < 3000; step++) {
        for (uint64_t k = rnd_below(&m.r, 20); k > 0; k--) {
            size_t i = rnd_below(&m.r, COUNT);
            if (rnd_below(&m.r, 4) == 0) {
                wheel_disarm(m.w, &m.timers[i]);
                m.at[i] = -1;
                continue;
            }
            int64_t at = m.now - (int64_t)(span_us / 16) + (int64_t)rnd_below(&m.r, span_us);
            m.at[i] = at < 0 ? 0 : at;
            wheel_arm(m.w, &m.timers[i], m.at[i]);
        }
        advance(&m, m.now - 3000 + (int64_t)rnd_below(&m.r, span_us / 8));
    }
    m.rearm = false;
    m.fired = 0;
    advance(&m, INT64_MAX / 2);
    for (size_t i = 0; i < COUNT; i++)
        assert_false(wheel_armed(&m.timers[i]));
    wheel_free(m.w);
}

static void random_operations(void **state)
{
    (void)state;
    against_model(1, 0, 100000, false);
    against_model(2, INT64_C(1163000000000000), 5000000, true);
    against_model(3, INT64_C(1795000000000000), UINT64_C(3600000000), true);
    against_model(4, INT64_C(63999000), UINT64_C(40) * 365 * 86400 * 1000000,
                  true); // decades at a time
}

static void count(void *ctx, struct wheel_timer *t)
{
    (void)t;
    ++*(uint64_t *)ctx;
}

static void edges(void **state)
{
    (void)state;
    struct wheel *w = wheel_new(TICK, 5000);
    struct wheel_timer a = {0}, b = {0}, c = {0};
    uint64_t n = 0;
    assert_false(wheel_armed(&a));
    wheel_disarm(w, &a);
    wheel_arm(w, &a, 5000); // now: the next advance, even to the same time
    assert_int_equal(wheel_advance(w, 5000, count, &n), 1);
    wheel_arm(w, &a, 5001); // rounded up, never early
    assert_int_equal(wheel_advance(w, 5999, count, &n), 0);
    assert_int_equal(wheel_advance(w, 6000, count, &n), 1);
    wheel_arm(w, &a, -7);
    wheel_arm(w, &b, INT64_MAX);
    wheel_arm(w, &c, INT64_MAX - TICK);
    assert_int_equal(wheel_advance(w, 0, count, &n), 1); // never backwards
    assert_int_equal(wheel_advance(w, INT64_MAX, count, &n), 1);
    assert_true(wheel_armed(&b)); // its tick, rounded up, is beyond what int64_t can say
    wheel_arm(w, &b, INT64_MAX - TICK);
    assert_int_equal(wheel_advance(w, INT64_MAX, count, &n), 1);
    wheel_free(w);
}

struct again {
    struct wheel *w;
    uint64_t fired;
};

static void arm_again(void *ctx, struct wheel_timer *t)
{
    struct again *g = ctx;
    g->fired++;
    wheel_arm(g->w, t, t->at_us + TICK); // every tick, for ever
}

static void a_jump_of_decades_is_bounded(void **state)
{
    (void)state;
    struct again g = {wheel_new(TICK, 0), 0};
    struct wheel_timer t = {0};
    wheel_arm(g.w, &t, TICK);
    assert_int_equal(wheel_advance(g.w, INT64_C(1795000000000000), arm_again, &g), 1);
    assert_int_equal(wheel_advance(g.w, INT64_C(1795000000000000), arm_again, &g), 1);
    assert_int_equal(g.fired, 2);
    wheel_free(g.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(edges),
        cmocka_unit_test(a_jump_of_decades_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "flows.h"

#include "tests/support/test.h"

#define SLOTS   8
#define IDLE_US INT64_C(60000000)
#define S       INT64_C(1000000)

struct seen {
    unsigned due, ended, by_reason[4];
    uint32_t last_ended_no;
    bool keep;
};

static bool on_due(void *ctx, struct stream *s, struct stream_cold *c)
{
    (void)s, (void)c;
    struct seen *seen = ctx;
    seen->due++;
    return seen->keep;
}

static void on_end(void *ctx, struct stream *s, struct stream_cold *c, enum flow_end why)
{
    (void)c;
    struct seen *seen = ctx;
    seen->ended++;
    seen->by_reason[why]++;
    seen->last_ended_no = s->no;
}

static struct flows *table(struct seen *seen)
{
    *seen = (struct seen){.keep = true};
    struct flows *f = flows_new(&(struct flows_opts){
        .streams = SLOTS, .idle_us = IDLE_US, .on_due = on_due, .on_end = on_end, .ctx = seen});
    assert_non_null(f);
    return f;
}

static struct flow_key key(uint32_t ssrc, uint8_t family)
{
    struct ip_addr src = {.b = {10, 0, 0, 1}, .family = family};
    struct ip_addr dst = {.b = {10, 0, 0, 2}, .family = family};
    struct flow_key k;
    flow_key_set(&k, &src, 4000, &dst, 5000, ssrc);
    return k;
}

static struct stream *add(struct flows *f, uint32_t ssrc, int64_t at_us, bool confirm)
{
    struct flow_key k = key(ssrc, 4);
    struct stream *s = flows_add(f, &k, flow_key_hash(&k), at_us);
    if (!s)
        return NULL;
    quality_init(&s->q, 1, 0, at_us);
    if (confirm)
        flows_confirm(f, s, at_us);
    return s;
}

static struct stream *find(struct flows *f, uint32_t ssrc)
{
    struct flow_key k = key(ssrc, 4);
    return flows_find(f, &k, flow_key_hash(&k));
}

static void found_by_its_whole_key(void **state)
{
    (void)state;
    struct seen seen;
    struct flows *f = table(&seen);
    struct stream *s = add(f, 7, 0, true);
    assert_ptr_equal(find(f, 7), s);
    assert_null(find(f, 8));
    struct flow_key six = key(7, 6);
    assert_null(flows_find(f, &six, flow_key_hash(&six)));
    struct stream *s6 = flows_add(f, &six, flow_key_hash(&six), 0);
    assert_non_null(s6);
    assert_ptr_equal(flows_find(f, &six, flow_key_hash(&six)), s6);
    struct endpoint src = stream_src(s6), dst = stream_dst(s6);
    assert_int_equal(src.ip.family, 6);
    assert_int_equal(src.port, 4000);
    assert_int_equal(dst.ip.b[3], 2);
    dst = stream_dst(s);
    assert_int_equal(dst.ip.b[3], 2);
    assert_int_equal(dst.port, 5000);
    assert_true(s->no != s6->no);
    flows_free(f);
}

static struct stream *expected(struct flows *f, uint32_t ssrc)
{
    struct flow_key k = key(ssrc, 4);
    return flows_expected(f, &k);
}

// Six streams that take turns: from the third round on each is expected. One that has ended never is, nor what has its place.
static void who_takes_turns_is_expected(void **state)
{
    (void)state;
    struct seen seen;
    struct flows *f = table(&seen);
    struct stream *s[6];
    for (uint32_t i = 0; i < 6; i++)
        s[i] = add(f, i, 0, true);
    for (int round = 0; round < 4; round++)
        for (uint32_t i = 0; i < 6; i++) {
            assert_ptr_equal(expected(f, i), round < 2 && !expected(f, i) ? NULL : s[i]);
            assert_null(expected(f, (i + 1) % 6)); // not its turn
            flows_spoke(f, s[i]);
        }
    assert_ptr_equal(expected(f, 0), s[0]);
    flows_advance(f, 30 * S + IDLE_US); // all end
    assert_int_equal(flows_stat(f).used, 0);
    assert_null(expected(f, 0));
    for (uint32_t i = 0; i < 6; i++)
        (void)add(f, 100 + i, 40 * S, true);
    for (uint32_t i = 0; i < 6; i++)
        assert_null(expected(f, i));
    flows_free(f);
}

static void looked_at_each_second_until_idle(void **state)
{
    (void)state;
    struct seen seen;
    struct flows *f = table(&seen);
    struct stream *s = add(f, 1, 0, true);
    for (int64_t t = 0; t <= 20 * S; t += S / 5) {
        s->q.last_at_us = t;
        flows_advance(f, t);
    }
    assert_int_equal(seen.due, 20);
    flows_advance(f, 20 * S + IDLE_US - 1);
    assert_int_equal(seen.ended, 0);
    flows_advance(f, 30 * S + IDLE_US);
    assert_int_equal(seen.ended, 1);
    assert_int_equal(seen.by_reason[FLOW_END_IDLE], 1);
    assert_null(find(f, 1));
    assert_int_equal(flows_stat(f).used, 0);
    flows_free(f);
}

static void probation_ends(void **state)
{
    (void)state;
    struct seen seen;
    struct flows *f = table(&seen);
    add(f, 1, 0, false);
    flows_advance(f, 3 * S - 1);
    assert_int_equal(seen.ended, 0);
    flows_advance(f, 3 * S);
    assert_int_equal(seen.by_reason[FLOW_END_IDLE], 1);
    struct stream *s = add(f, 2, 10 * S, false);
    s->q.last_at_us = 13 * S;
    seen.keep = false;
    flows_advance(f, 13 * S);
    assert_int_equal(seen.by_reason[FLOW_END_REJECTED], 1);
    flows_free(f);
}

// Full: first who is on probation, then who is idle, else the newcomer is refused.
static void fill(void **state)
{
    (void)state;
    struct seen seen;
    struct flows *f = table(&seen);
    for (uint32_t i = 0; i < SLOTS; i++)
        add(f, i, 0, i != 3 && i != 5);
    assert_int_equal(flows_stat(f).used, SLOTS);
    assert_non_null(add(f, 100, S / 2, true)); // takes the place of 3
    assert_null(find(f, 3));
    assert_non_null(add(f, 101, S / 2, true)); // of 5
    assert_null(find(f, 5));
    assert_null(add(f, 102, S / 2, true)); // none idle for a second
    assert_int_equal(flows_stat(f).refused, 1);
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct stream *s = find(f, i);
        if (s)
            s->q.last_at_us = (i == 6 ? 1 : 2) * S;
    }
    find(f, 100)->q.last_at_us = find(f, 101)->q.last_at_us = 2 * S;
    assert_non_null(add(f, 103, 3 * S, true)); // 6 is idle longest
    assert_null(find(f, 6));
    assert_int_equal(flows_stat(f).evicted, 3);
    assert_int_equal(seen.by_reason[FLOW_END_EVICTED], 3);
    assert_int_equal(flows_stat(f).used, SLOTS);
    flows_end_all(f);
    assert_int_equal(flows_stat(f).used, 0);
    assert_int_equal(seen.by_reason[FLOW_END_INPUT], SLOTS);
    // and drained it fills again
    for (uint32_t i = 0; i < SLOTS; i++)
        assert_non_null(add(f, i, 9 * S, true));
    flows_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_its_whole_key),
        cmocka_unit_test(who_takes_turns_is_expected),
        cmocka_unit_test(looked_at_each_second_until_idle),
        cmocka_unit_test(probation_ends),
        cmocka_unit_test(fill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

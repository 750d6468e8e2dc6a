// Rules of alerts on a real PostgreSQL, with given times: what each kind measures, hysteresis, hold times, rules that go, the bound of the queue.
#include "alerts.h"
#include <stdio.h>
#include <string.h>
#include "base/mono.h"
#include "stats.h"
#include "store/schema.h"
#include "tests/support/pg_throwaway.h"
#include "tests/support/test.h"

#define T0 (INT64_C(1790000000) * US_PER_S)

static struct pg_throwaway pg;
static struct store *db;

static int setup(void **state)
{
    (void)state;
    char folder[512], err[256] = "";
    if (pg_throwaway_start(&pg, __FILE__, 2))
        return -1;
    struct store_opts o = {.dsn = pg.dsn, .app = "alerts_test", .timeout_us = 20 * US_PER_S};
    db = store_new(&o);
    return db && schema_apply(db, pg_throwaway_schema(&pg, folder, sizeof folder), err,
                              sizeof err) == SCHEMA_OK
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    db = store_free(db);
    pg_throwaway_end(&pg);
    return 0;
}

static void script(const char *sql)
{
    if (store_script(db, sql) != STORE_OK)
        fail_msg("%s: %s", sql, store_error(db));
}

static int64_t ask(const char *sql)
{
    struct store_result *r = NULL;
    if (store_query(db, sql, NULL, &r) != STORE_OK)
        fail_msg("%s: %s", sql, store_error(db));
    int64_t n = store_int(r, 0, 0);
    store_result_free(r);
    return n;
}

static void begin(void)
{
    script("DELETE FROM site_keys; DELETE FROM calls; DELETE FROM streams; DELETE FROM losses; "
           "DELETE FROM harvesters; "
           "DELETE FROM sites; DELETE FROM alerts; "
           "DELETE FROM alert_watch; DELETE FROM alert_rules");
}

// n calls of a site that began at T0 + at_s and were over after `seconds`.
static void calls(const char *site, int n, int at_s, double seconds, const char *set)
{
    static int serial;
    char sql[900];
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO calls (site, started_at, id, revision, state, answered_at, ended_at) SELECT "
        "'%s', at, md5('%d-' || i)::uuid, 1, 'ended', at, at + "
        "interval '%f s' FROM (SELECT i, to_timestamp(%lld) AS at FROM generate_series(1, %d) i) x",
        site, ++serial, seconds, (long long)(T0 / US_PER_S + at_s), n);
    script(sql);
    (void)snprintf(sql, sizeof sql,
                   "UPDATE calls SET %s WHERE id IN (SELECT md5('%d-' || i)::uuid FROM "
                   "generate_series(1, %d) i)",
                   set, serial, n);
    script(sql);
}

static void look(int at_s, struct ring *told)
{
    int r = alerts_look(db, T0 + at_s * US_PER_S, told);
    if (r)
        fail_msg("%s", store_error(db));
}

static int64_t up(void)
{
    return ask("SELECT count(*) FROM alerts WHERE cleared_at IS NULL");
}

static void hysteresis_and_hold(void **state)
{
    (void)state;
    begin();
    script("INSERT INTO alert_rules (name, kind, raise_at, clear_at, window_s, hold_s, least) "
           "VALUES ('f', 'failed_share', 30, 20, 300, 60, 10)");
    struct ring *told = ring_new(8, sizeof(struct alert));
    struct alert a;
    calls("s", 6, 0, 30, "result = 'answered'");
    calls("s", 3, 0, 0, "result = 'failed'");
    look(40, told);
    assert_int_equal(ask("SELECT count(*) FROM alert_watch"), 0); // nine calls are fewer than ten
    calls("s", 1, 1, 0, "result = 'failed'");
    look(41, told); // 40 %
    assert_int_equal(up(), 0);
    look(100, told);
    assert_int_equal(up(), 0); // 59 s of 60
    look(101, told);
    assert_int_equal(up(), 1);
    assert_true(ring_pop(told, &a));
    assert_string_equal(a.rule, "f");
    assert_string_equal(a.kind, "failed_share");
    assert_string_equal(a.site, "s");
    assert_true(a.value > 39.9 && a.value < 40.1 && a.threshold == 30 && a.cleared_us == 0);
    assert_int_equal(a.raised_us, T0 + 101 * US_PER_S);
    look(110, told); // not twice
    assert_int_equal(ask("SELECT count(*) FROM alerts"), 1);
    calls("s", 6, 2, 30, "result = 'answered'");
    look(111, told); // 25 %: between the two
    look(180, told);
    assert_int_equal(up(), 1);
    calls("s", 5, 3, 30, "result = 'answered'");
    look(181, told); // 19 %
    look(240, told);
    assert_int_equal(up(), 1);
    look(241, told);
    assert_int_equal(up(), 0);
    assert_true(ring_pop(told, &a));
    assert_int_equal(a.cleared_us, T0 + 241 * US_PER_S);
    assert_false(ring_pop(told, &a));
    assert_int_equal(ask("SELECT count(*) FROM alert_watch"), 0);
    ring_free(told);
}

// A moment below the threshold begins the hold time anew.
static void flapping(void **state)
{
    (void)state;
    begin();
    script("INSERT INTO alert_rules (name, kind, raise_at, clear_at, window_s, hold_s) VALUES "
           "('m', 'recordings_missing', 2, 2, 100, 30)");
    calls("s", 2, 0, 5, "recording_state = 'failed'");
    look(10, NULL);
    look(39, NULL);
    script("UPDATE calls SET recording_state = 'ready'");
    look(40, NULL);
    script("UPDATE calls SET recording_state = 'failed'");
    look(41, NULL);
    look(70, NULL);
    assert_int_equal(up(), 0);
    look(71, NULL);
    assert_int_equal(up(), 1);
    look(101, NULL); // out of the window: nothing to measure any more, so it is at rest
    look(131, NULL);
    assert_int_equal(up(), 0);
    assert_int_equal(ask("SELECT count(*) FROM alerts WHERE cleared_value IS NULL"), 1);
}

static void each_kind(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *make;
        double value;
        const char *subject;
    } cases[] = {
        {"failed_share", "UPDATE calls SET result = 'failed' WHERE id = md5('K-1')::uuid", 10, ""},
        {"short_calls",
         "UPDATE calls SET ended_at = answered_at + interval '9 s' WHERE id IN (md5('K-1')::uuid, "
         "md5('K-2')::uuid)",
         20, ""},
        {"mos_low",
         "UPDATE calls SET mos_min = CASE WHEN id = md5('K-1')::uuid THEN 3.5 ELSE 4 END", 10, ""},
        {"one_way", "UPDATE calls SET one_way = 'caller' WHERE id = md5('K-1')::uuid", 10, ""},
        {"recordings_missing",
         "UPDATE calls SET recording_state = 'failed' WHERE id = md5('K-1')::uuid", 1, ""},
        {"loss",
         "INSERT INTO streams (site, first_at, id, harvester, ssrc, src_ip, src_port, dst_ip, "
         "dst_port, payload_type, last_at, packets, lost, capture_lost) "
         "SELECT 'k', min(started_at), md5('x')::uuid, 'h', 1, '::1', 1, '::1', 1, 0, "
         "min(started_at), 80, 25, 5 FROM calls",
         100.0 * 20 / 105, ""},
        {"harvester_away",
         "INSERT INTO harvesters (site, name, last_seen_at) SELECT 'k', 'h', min(started_at) - "
         "interval '10 s' FROM calls",
         50, "h"},
        {"drops",
         "INSERT INTO sites (site) VALUES ('k'); INSERT INTO losses (site, publisher, seq, n, "
         "place, count, from_at, to_at) SELECT 'k', 'h', 1, i, 'kernel', 5, "
         "min(started_at), min(started_at) FROM calls, generate_series(1, 3) i GROUP BY i",
         15, "h"},
        {"certificate_used",
         "INSERT INTO site_keys (sign_key, site, certificate, node, joined_at, expires_at) SELECT "
         "'a', 'k', 'b', 'h', min(started_at) - interval '40 s', min(started_at) + interval '60 s' "
         "FROM calls",
         80, "h"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[700];
        begin();
        script("INSERT INTO calls (site, started_at, id, revision, state, result, answered_at, "
               "ended_at) SELECT 'k', at, md5('K-' || i)::uuid, 1, 'ended', 'answered', "
               "at, at + interval '10 s' FROM (SELECT i, to_timestamp(1790000000) AS at FROM "
               "generate_series(1, 10) i) x");
        script(cases[i].make);
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO alert_rules (name, kind, raise_at, clear_at, window_s) VALUES "
                       "('r', '%s', %f, 0.5, 600)",
                       cases[i].kind, cases[i].value + 0.01);
        script(sql);
        look(40, NULL);
        if (up())
            fail_msg("%s: raised too early", cases[i].kind);
        (void)snprintf(sql, sizeof sql, "UPDATE alert_rules SET raise_at = %f",
                       cases[i].value - 0.01);
        script(sql);
        look(40, NULL);
        if (up() != 1)
            fail_msg("%s: not raised", cases[i].kind);
        (void)snprintf(sql, sizeof sql,
                       "SELECT count(*) FROM alerts WHERE site = 'k' AND subject = '%s' AND "
                       "abs(value - %f) < 0.005",
                       cases[i].subject, cases[i].value);
        if (ask(sql) != 1)
            fail_msg("%s: another value", cases[i].kind);
        script("UPDATE alert_rules SET site = 'elsewhere'");
        look(50, NULL);
        if (up())
            fail_msg("%s: a rule of another site", cases[i].kind);
    }
}

// A rule that is taken away, or put out, takes its alerts with it.
static void rules_that_go(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        begin();
        script("INSERT INTO alert_rules (name, kind, raise_at, clear_at, window_s) VALUES ('m', "
               "'recordings_missing', 1, 1, 100)");
        calls("s", 2, 0, 5, "recording_state = 'failed'");
        look(10, NULL);
        assert_int_equal(up(), 1);
        script(how ? "UPDATE alert_rules SET enabled = false" : "DELETE FROM alert_rules");
        look(11, NULL);
        assert_int_equal(up(), 0);
        assert_int_equal(ask("SELECT count(*) FROM alert_watch"), 0);
    }
}

static void bounds(void **state)
{
    (void)state;
    begin();
    script("INSERT INTO alert_rules (name, kind, raise_at, clear_at, window_s) VALUES ('away', "
           "'harvester_away', 1, 1, 100); INSERT INTO harvesters (site, name, "
           "last_seen_at) SELECT 's', 'h' || i, to_timestamp(1790000000) FROM generate_series(1, "
           "5000) i");
    struct ring *told = ring_new(ALERTS_QUEUE, sizeof(struct alert));
    uint64_t untold = stat_get(&callstate_stat[STAT_ALERTS_UNTOLD]);
    look(30, told);
    assert_int_equal(up(), 4096);
    assert_int_equal(stat_get(&callstate_stat[STAT_ALERTS_WATCHED]), 4096);
    assert_int_equal(stat_get(&callstate_stat[STAT_ALERTS_UNTOLD]) - untold, 4096 - ALERTS_QUEUE);
    look(31, told); // those that are up keep their places
    assert_int_equal(ask("SELECT count(*) FROM alerts"), 4096);
    script("UPDATE harvesters SET ended = true");
    look(32, told);
    assert_int_equal(up(), 0);
    assert_int_equal(stat_get(&callstate_stat[STAT_ALERTS_UP]), 0);
    ring_free(told);
}

static void the_rules_that_come_with_it(void **state)
{
    (void)state;
    assert_int_equal(ask("SELECT count(*) FROM alert_rules WHERE enabled"), 9);
    look(0, NULL);
    assert_int_equal(up(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_that_come_with_it),
        cmocka_unit_test(hysteresis_and_hold),
        cmocka_unit_test(flapping),
        cmocka_unit_test(each_kind),
        cmocka_unit_test(rules_that_go),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

// Over 450 lines: its own book-keeping of every sum stands beside the cases, so that it shares none of the code under test.
// Sums of sites and trunks on a real PostgreSQL: known calls, every sum beside what this file adds up by itself from the same table of
// calls; ends that come late, transactions that die, changes that come while sums are made, trunks that change, calls that somebody removed.
#include "statistics.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/mono.h"
#include "stats.h"
#include "store/schema.h"
#include "tests/support/pg_throwaway.h"
#include "tests/support/test.h"

#define T0        INT64_C(1790000100) // a quarter of an hour begins here
#define QUARTER   900
#define INTERVALS 6
#define NEVER     (-1)
#define OPEN      (-2)

static struct pg_throwaway pg;
static struct store *db;

static int setup(void **state)
{
    (void)state;
    char folder[512], err[256] = "";
    if (pg_throwaway_start(&pg, __FILE__, 2))
        return -1;
    struct store_opts o = {.dsn = pg.dsn, .app = "statistics_test", .timeout_us = 20 * US_PER_S};
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

static void script_on(struct store *s, const char *sql)
{
    int r = store_script(s, sql);
    for (int i = 0; r == STORE_E_AWAY && i < 50;
         i++) { // a connection that was dropped comes back with its back-off
        (void)usleep(100000);
        r = store_script(s, sql);
    }
    if (r != STORE_OK)
        fail_msg("%s: %s", sql, store_error(s));
}

static void script(const char *sql)
{
    script_on(db, sql);
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

// ---- the calls -----------------------------------------------------------------------------------------------------
// Seconds after T0. head: the row of the call this one is part of. Of the leg: what its own INVITE was answered with and when it ended (the row
// of a head shows the whole call). src, dst: the last byte of 192.0.2.x, the carrier's from 100 on, the backup's from 200 on.

struct known {
    int start, ring, answer, end;
    const char *result;
    int status, q850;
    double mos;
    int head; // NEVER: is one
    int src, dst;
    int leg_status, leg_answer, leg_end;
};

#define WHOLE NEVER
static const struct known base[] = {
    // from the carrier to the PBX
    {10, 14, 20, 200, "answered", 200, 0, 4.2, WHOLE, 101, 1, 200, 20, 200},
    {30, 32, NEVER, 45, "busy", 486, 0, 0, WHOLE, 101, 1, 486, NEVER, 45},
    {40, 43, NEVER, 73, "canceled", 487, 0, 0, WHOLE, 102, 1, 487, NEVER, 73},
    {50, NEVER, NEVER, 52, "canceled", 487, 0, 0, WHOLE, 102, 1, 487, NEVER, 52},
    {60, 63, NEVER, 95, "no_answer", 480, 0, 0, WHOLE, 101, 1, 480, NEVER, 95},
    {70, NEVER, NEVER, 71, "failed", 503, 0, 0, WHOLE, 101, 1, 503, NEVER, 71},
    {80, NEVER, NEVER, 82, "rejected", 603, 0, 0, WHOLE, 101, 1, 603, NEVER, 82},
    {90, NEVER, NEVER, 91, "redirected", 302, 0, 0, WHOLE, 101, 1, 302, NEVER, 91},
    {95, NEVER, NEVER, 127, "no_answer", 0, 0, 0, WHOLE, 101, 1, 0, NEVER,
     127}, // no response at all
    // a phone to the PBX, which tries the carrier (503), then the backup: one call of the site, two attempts
    {100, 112, 120, 2000, "answered", 200, 0, 3.5, WHOLE, 10, 1, 200, 120, 2000},
    {101, NEVER, NEVER, 103, "failed", 503, 0, 0, 9, 1, 101, 503, NEVER, 103},
    {104, 110, 119, 2000, "answered", 200, 0, 3.9, 9, 1, 201, 200, 119, 2000},
    // inside only
    {300, 301, 305, 900, "answered", 200, 0, 4.4, WHOLE, 10, 11, 200, 305,
     900}, // ends as the next quarter begins
    {310, 312, NEVER, OPEN, NULL, 180, 0, 0, WHOLE, 10, 11, 180, NEVER, OPEN},     // rings
    {320, 322, 330, OPEN, NULL, 200, 0, 0, WHOLE, 101, 1, 200, 330, OPEN},         // talks
    {400, NEVER, NEVER, 401, "busy", 0, 17, 0, WHOLE, 10, 11, 0, NEVER, 401},      // not SIP
    {899, 900, 950, 1850, "answered", 200, 0, 2.9, WHOLE, 1, 102, 200, 950, 1850}, // three quarters
    {1000, 1001, 1002, 1003, "answered", 200, 0, 0, WHOLE, 103, 1, 200, 1002, 1003},
    {1003, 1004, 1005, 1006, "answered", 200, 0, 0, WHOLE, 103, 1, 200, 1005,
     1006}, // as the one before ends
    {1020, 1020, 1020, 1020, "answered", 200, 0, 0, WHOLE, 10, 11, 200, 1020,
     1020}, // no time at all
    {3650, 3651, 3655, 3700, "answered", 200, 0, 4.0, WHOLE, 10, 11, 200, 3655, 3700},
};
#define CALLS (sizeof base / sizeof base[0])
static struct known call[CALLS];

struct sums {
    int64_t attempts, unfinished, answered, busy, no_answer, canceled, rejected, failed, redirected,
        delivered, talks, pdds, rings, rated, concurrent_max;
    double talk_seconds, pdd_seconds, ring_seconds, mos_sum, call_seconds;
    int64_t code_200, code_none, code_503, codes;
};

// ---- what they add up to, by another way than the schema's ---------------------------------------------------------------

struct attempt {
    int start, ring, answer, end, status, q850;
    const char *result;
    double mos;
};

static bool is_carrier(int host)
{
    return host >= 100 && host < 200;
}

static bool is_backup(int host)
{
    return host >= 200;
}

static bool of_trunk(const char *trunk, int host)
{
    return strcmp(trunk, "carrier") == 0 ? is_carrier(host) : is_backup(host);
}

static const char *result_of_status(const struct known *k)
{
    switch (k->leg_status) {
    case 503:
        return "failed";
    case 486:
        return "busy";
    case 487:
        return "canceled";
    case 480:
        return "no_answer";
    case 603:
        return "rejected";
    case 302:
        return "redirected";
    default:
        return "no_answer";
    }
}

static bool attempt_of(const struct known *k, const char *trunk, const char *direction,
                       struct attempt *ret)
{
    if (!trunk[0]) {
        *ret = (struct attempt){k->start,  k->ring, k->answer, k->end,
                                k->status, k->q850, k->result, k->mos};
        return k->head == WHOLE;
    }
    bool in = of_trunk(trunk, k->src), out = of_trunk(trunk, k->dst);
    if (!(strcmp(direction, "outbound") != 0 && in) && !(strcmp(direction, "inbound") != 0 && out))
        return false;
    *ret = (struct attempt){k->start,
                            k->ring,
                            k->leg_answer,
                            k->leg_end,
                            k->leg_status,
                            k->q850,
                            k->leg_answer >= 0 ? "answered"
                            : k->leg_end >= 0  ? result_of_status(k)
                                               : NULL,
                            k->mos};
    return true;
}

static bool is_delivered(const struct attempt *a)
{
    bool rang =
        a->ring >= 0 && (strcmp(a->result, "no_answer") == 0 || strcmp(a->result, "canceled") == 0);
    return strcmp(a->result, "answered") == 0 || rang || a->status == 486 || a->status == 603 ||
           a->status == 480 || (!a->status && a->q850 == 17);
}

static void add_result(struct sums *s, const struct attempt *a)
{
    int64_t *const of[] = {&s->answered, &s->busy,   &s->no_answer, &s->canceled,
                           &s->rejected, &s->failed, &s->redirected};
    static const char *const name[] = {"answered", "busy",   "no_answer", "canceled",
                                       "rejected", "failed", "redirected"};
    const char *result = a->answer >= 0 ? "answered" : a->end >= 0 ? a->result : NULL;
    if (!result) {
        s->unfinished++;
        return;
    }
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        if (strcmp(name[i], result) == 0)
            ++*of[i];
    struct attempt as = *a;
    as.result = result;
    s->delivered += is_delivered(&as);
    s->codes++;
    s->code_200 += a->status == 200;
    s->code_503 += a->status == 503;
    s->code_none += a->status < 200 && !a->q850;
}

static void add_times(struct sums *s, const struct attempt *a)
{
    int rang_until = a->answer >= 0 ? a->answer : a->end;
    s->attempts++;
    if (a->answer >= 0 && a->end >= 0) {
        s->talks++;
        s->talk_seconds += a->end - a->answer;
    }
    if (a->ring >= 0 || a->answer >= 0) {
        s->pdds++;
        s->pdd_seconds += (a->ring >= 0 ? a->ring : a->answer) - a->start;
    }
    if (a->ring >= 0 && rang_until >= 0) {
        s->rings++;
        s->ring_seconds += rang_until - a->ring;
    }
    if (a->mos > 0) {
        s->rated++;
        s->mos_sum += a->mos;
    }
}

static int until(const struct attempt *a)
{
    return a->end == OPEN ? INTERVALS * QUARTER : a->end;
}

// Second by second: there at t means begun at or before it and not over.
static void add_concurrent(struct sums *s, int from, const char *trunk, const char *direction)
{
    for (int t = from; t < from + QUARTER; t++) {
        int n = 0;
        for (size_t i = 0; i < CALLS; i++) {
            struct attempt a;
            if (attempt_of(&call[i], trunk, direction, &a))
                n += a.start <= t && t < until(&a);
        }
        s->call_seconds += n;
        s->concurrent_max = n > s->concurrent_max ? n : s->concurrent_max;
    }
}

static struct sums expected(int interval, const char *trunk, const char *direction)
{
    struct sums s = {0};
    int from = interval * QUARTER;
    for (size_t i = 0; i < CALLS; i++) {
        struct attempt a;
        if (!attempt_of(&call[i], trunk, direction, &a) || a.start < from ||
            a.start >= from + QUARTER)
            continue;
        add_times(&s, &a);
        add_result(&s, &a);
    }
    add_concurrent(&s, from, trunk, direction);
    return s;
}

// ---- into the database -----------------------------------------------------------------------------------------------

static const char *at(int s)
{
    static char text[8][40];
    static unsigned n;
    char *p = text[n++ % 8];
    if (s < 0)
        (void)snprintf(p, 40, "NULL");
    else
        (void)snprintf(p, 40, "to_timestamp(%lld)", (long long)(T0 + s));
    return p;
}

static const char *number(double v)
{
    static char text[4][24];
    static unsigned n;
    char *p = text[n++ % 4];
    (void)snprintf(p, 24, v > 0 ? "%g" : "NULL", v);
    return p;
}

static void mark(int s)
{
    char sql[200];
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO statistics_changes (site, at) VALUES ('s', statistics_interval(%s))", at(s));
    script(sql);
}

// As callstate does: the row and its legs again, whole.
static void write_call(size_t i)
{
    const struct known *k = &call[i];
    char sql[1600], result[24] = "NULL", merged[96] = "NULL";
    if (k->result)
        (void)snprintf(result, sizeof result, "'%s'", k->result);
    if (k->head != WHOLE)
        (void)snprintf(merged, sizeof merged, "md5('%d')::uuid", k->head);
    (void)snprintf(
        sql, sizeof sql,
        "DELETE FROM calls WHERE id = md5('%zu')::uuid; DELETE FROM legs WHERE call_id = "
        "md5('%zu')::uuid; DELETE FROM open_calls WHERE id = md5('%zu')::uuid; INSERT INTO calls "
        "(site, started_at, id, revision, state, ringing_at, answered_at, ended_at, result, "
        "sip_status, q850_cause, mos_min, merged_into, protocol) VALUES ('s', %s, "
        "md5('%zu')::uuid, 1, 'x', "
        "%s, %s, %s, %s, %s, %s, %s, %s, '%s')",
        i, i, i, at(k->start), i, at(k->ring), at(k->answer), at(k->end), result, number(k->status),
        number(k->q850), number(k->mos), merged, k->q850 ? "sccp" : "sip");
    script(sql);
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO legs (site, started_at, id, call_id, sip_call_id, state, sip_status, "
        "ringing_at, answered_at, ended_at, src_ip, dst_ip) VALUES ('s', %s, "
        "md5('leg%zu')::uuid, md5('%zu')::uuid, '', 'x', %s, %s, %s, %s, '192.0.2.%d', "
        "'192.0.2.%d')",
        at(k->start), i, i, number(k->leg_status), at(k->ring), at(k->leg_answer), at(k->leg_end),
        k->src, k->dst);
    script(sql);
    if (k->end == OPEN) {
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO open_calls (id, site, started_at, revision, state) VALUES "
                       "(md5('%zu')::uuid, 's', %s, 1, '')",
                       i, at(k->start));
        script(sql);
    }
    mark(k->start);
}

static const struct {
    const char *trunk, *direction;
} keys[] = {{"", ""},       {"carrier", ""},       {"carrier", "inbound"}, {"carrier", "outbound"},
            {"backup", ""}, {"backup", "outbound"}};
#define KEYS (sizeof keys / sizeof keys[0])

static void begin(void)
{
    script("TRUNCATE calls, legs, open_calls, statistics, statistics_spans, statistics_changes, "
           "statistics_due, trunks, sites, harvesters");
    script("INSERT INTO trunks (name, site, addresses) VALUES ('carrier', '', "
           "'{192.0.2.100/30,192.0.2.104/29,192.0.2.112/28,192.0.2.128/26}'), ('backup', 's', "
           "'{192.0.2.200/29}'), ('of another site', 'elsewhere', '{0.0.0.0/0}')");
    script("INSERT INTO sites (site) VALUES ('s')");
    memcpy(call, base, sizeof call);
    for (size_t i = 0; i < CALLS; i++)
        write_call(i);
}

// Long after the last interval, so that what is open counts for all of it.
static int64_t later(void)
{
    return (T0 + INTERVALS * QUARTER) * US_PER_S;
}

static void made(void)
{
    assert_int_equal(statistics_round(db, later(), 60 * US_PER_S), STORE_OK);
    assert_int_equal(ask("SELECT count(*) FROM statistics_due"), 0);
    assert_int_equal(ask("SELECT count(*) FROM statistics_changes"), 0);
}

#define SAME(field)                                                                                \
    if (have.field != want.field)                                                                  \
    fail_msg("interval %d trunk '%s' %s: " #field " is %lld, not %lld", interval, trunk,           \
             direction, (long long)have.field, (long long)want.field)
#define NEAR(field)                                                                                \
    if (have.field < want.field - 1e-6 || have.field > want.field + 1e-6)                          \
    fail_msg("interval %d trunk '%s' %s: " #field " is %f, not %f", interval, trunk, direction,    \
             have.field, want.field)

static void compare(int interval, const char *trunk, const char *direction)
{
    char sql[900];
    struct store_result *r = NULL;
    (void)snprintf(
        sql, sizeof sql,
        "SELECT attempts, unfinished, answered, busy, no_answer, canceled, rejected, failed, "
        "redirected, delivered, talks, pdds, rings, rated, concurrent_max, talk_seconds, "
        "pdd_seconds, ring_seconds, mos_sum, call_seconds, coalesce((codes->>'200')::int, 0), "
        "coalesce((codes->>'none')::int, 0), coalesce((codes->>'503')::int, 0), (SELECT "
        "coalesce(sum(value::int), 0) FROM jsonb_each_text(codes)) FROM statistics WHERE site = "
        "'s' AND at = %s AND trunk = '%s' AND direction = '%s'",
        at(interval * QUARTER), trunk, direction);
    if (store_query(db, sql, NULL, &r) != STORE_OK)
        fail_msg("%s", store_error(db));
    struct sums want = expected(interval, trunk, direction), have = {0};
    if (store_rows(r)) {
        int64_t *const whole[] = {&have.attempts,  &have.unfinished, &have.answered,
                                  &have.busy,      &have.no_answer,  &have.canceled,
                                  &have.rejected,  &have.failed,     &have.redirected,
                                  &have.delivered, &have.talks,      &have.pdds,
                                  &have.rings,     &have.rated,      &have.concurrent_max};
        double *const real[] = {&have.talk_seconds, &have.pdd_seconds, &have.ring_seconds,
                                &have.mos_sum, &have.call_seconds};
        for (size_t i = 0; i < 15; i++)
            *whole[i] = store_int(r, 0, i);
        for (size_t i = 0; i < 5; i++)
            *real[i] = store_real(r, 0, 15 + i);
        have.code_200 = store_int(r, 0, 20);
        have.code_none = store_int(r, 0, 21);
        have.code_503 = store_int(r, 0, 22);
        have.codes = store_int(r, 0, 23);
    }
    store_result_free(r);
    SAME(attempts);
    SAME(unfinished);
    SAME(answered);
    SAME(busy);
    SAME(no_answer);
    SAME(canceled);
    SAME(rejected);
    SAME(failed);
    SAME(redirected);
    SAME(delivered);
    SAME(talks);
    SAME(pdds);
    SAME(rings);
    SAME(rated);
    SAME(concurrent_max);
    SAME(code_200);
    SAME(code_none);
    SAME(code_503);
    SAME(codes);
    NEAR(talk_seconds);
    NEAR(pdd_seconds);
    NEAR(ring_seconds);
    NEAR(mos_sum);
    NEAR(call_seconds);
}

// Intervals in which only calls of before went on have sums when a change touched them: up to the last that ended.
static void compare_all(int intervals)
{
    for (int i = 0; i < intervals; i++)
        for (size_t k = 0; k < KEYS; k++)
            compare(i, keys[k].trunk, keys[k].direction);
}

static void known_calls_add_up(void **state)
{
    (void)state;
    begin();
    made();
    compare_all(3);
    compare(4, "", "");
    struct sums s = expected(0, "", "");
    // Two by hand, so that a mistake made twice is seen: the hunt is one call of the site and two attempts.
    assert_int_equal(s.attempts, 15);
    assert_int_equal(s.answered, 5);
    assert_int_equal(expected(0, "carrier", "outbound").failed, 1);
    assert_int_equal(expected(0, "backup", "outbound").answered, 1);
    assert_int_equal(ask("SELECT count(*) FROM statistics WHERE trunk = 'of another site'"), 0);
    // Made again, nothing changes.
    int64_t sum = ask("SELECT sum(attempts * 7 + concurrent_max) FROM statistics");
    for (size_t i = 0; i < CALLS; i++)
        mark(call[i].start);
    made();
    assert_int_equal(ask("SELECT sum(attempts * 7 + concurrent_max) FROM statistics"), sum);
    compare_all(3);
}

static void a_late_end_counts_where_it_belongs(void **state)
{
    (void)state;
    begin();
    made();
    call[13].end = 340;
    call[13].result = "no_answer";
    call[13].leg_end = 340;
    call[13].status = call[13].leg_status = 480;
    call[14].end = 4700; // through intervals that nothing else touched
    call[14].result = "answered";
    call[14].leg_end = 4700;
    call[14].mos = 4.1;
    write_call(13);
    write_call(14);
    made();
    compare_all(INTERVALS);
    // It was less after all: what counted it for too long is made anew.
    call[14].end = call[14].leg_end = 1000;
    write_call(14);
    made();
    compare_all(INTERVALS);
    // The end of a call that was open when later intervals were made was heard late.
    call[14].end = call[14].leg_end = OPEN;
    write_call(14);
    made();
    call[14].end = call[14].leg_end = 331;
    write_call(14);
    made();
    compare_all(INTERVALS);
}

static void a_join_takes_an_attempt_back(void **state)
{
    (void)state;
    begin();
    made();
    call[20].head = 12; // of another interval
    write_call(20);
    made();
    compare(0, "", "");
    compare(4, "", "");
    assert_int_equal(expected(4, "", "").attempts, 0);
    call[20].head = WHOLE;
    write_call(20);
    made();
    compare(4, "", "");
    assert_int_equal(expected(4, "", "").attempts, 1);
}

// A transaction that died leaves all as it was, and due; a change that was not committed when its interval was made makes it due again;
// and who writes calls never waits for who makes sums.
static void nothing_is_lost_between(void **state)
{
    (void)state;
    struct store_opts o = {.dsn = pg.dsn, .app = "other", .timeout_us = 20 * US_PER_S};
    struct store *other = store_new(&o);
    begin();
    char sql[160];
    (void)snprintf(sql, sizeof sql, "SELECT 1 FROM statistics_collect(%s)", at(5000));
    (void)ask(sql);
    int64_t due = ask("SELECT count(*) FROM statistics_due");
    assert_true(due >= 3);
    (void)snprintf(sql, sizeof sql, "BEGIN; SELECT statistics_next(%s)", at(5000));
    script_on(other, sql);
    script("SET lock_timeout = '2s'");
    write_call(0); // its interval is being made
    script("SET lock_timeout = 0");
    store_drop(other);
    for (int i = 0; i < 100 && ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                                   "'other'");
         i++)
        script("SELECT pg_sleep(0.05)");
    assert_int_equal(ask("SELECT count(*) FROM statistics_due"), due);
    assert_int_equal(ask("SELECT count(*) FROM statistics"), 0);
    made();
    compare_all(3);
    script_on(other, "BEGIN; UPDATE calls SET result = 'failed' WHERE id = md5('1')::uuid; INSERT "
                     "INTO statistics_changes (site, at) SELECT site, "
                     "statistics_interval(started_at) FROM calls WHERE id = md5('1')::uuid");
    mark(10);
    made();
    compare_all(3);
    script_on(other, "COMMIT");
    made();
    call[1].result = "failed";
    compare(0, "", "");
    store_free(other);
}

static void only_one_makes_sums(void **state)
{
    (void)state;
    struct store_opts o = {.dsn = pg.dsn, .app = "other", .timeout_us = 20 * US_PER_S};
    struct store *other = store_new(&o);
    begin();
    script_on(other, "BEGIN; SELECT pg_advisory_xact_lock(hashtext('callmesh statistics'))");
    uint64_t before = stat_get(&callstate_stat[STAT_STATISTICS_MADE]);
    assert_int_equal(statistics_round(db, later(), US_PER_S), STORE_OK);
    assert_int_equal(stat_get(&callstate_stat[STAT_STATISTICS_MADE]), before);
    assert_true(stat_get(&callstate_stat[STAT_STATISTICS_DUE]) >= 3);
    script_on(other, "ROLLBACK");
    made();
    assert_true(stat_get(&callstate_stat[STAT_STATISTICS_MADE]) > before);
    assert_int_equal(stat_get(&callstate_stat[STAT_STATISTICS_DUE]), 0);
    store_free(other);
}

// A round that has no more time leaves the rest due, and the gauge says how much.
static void a_round_is_bounded(void **state)
{
    (void)state;
    begin();
    assert_int_equal(statistics_round(db, later(), 0), STORE_OK);
    assert_int_equal(ask("SELECT count(*) FROM statistics"), 0);
    assert_int_equal(stat_get(&callstate_stat[STAT_STATISTICS_DUE]),
                     ask("SELECT count(*) FROM statistics_due"));
    assert_true(stat_get(&callstate_stat[STAT_STATISTICS_DUE]) > 0);
    made();
    compare_all(3);
}

static void what_cannot_be_made_waits(void **state)
{
    (void)state;
    begin();
    script("ALTER TABLE statistics ADD CONSTRAINT refused CHECK (at <> to_timestamp(1790000100))");
    uint64_t before = stat_get(&callstate_stat[STAT_STATISTICS_FAILED]);
    assert_int_equal(statistics_round(db, later(), 60 * US_PER_S), STORE_OK);
    assert_int_equal(stat_get(&callstate_stat[STAT_STATISTICS_FAILED]), before + 1);
    assert_int_equal(stat_get(&callstate_stat[STAT_STATISTICS_PUT_OFF]), 1);
    assert_true(ask("SELECT count(*) FROM statistics") > 0); // the others went on
    script("ALTER TABLE statistics DROP CONSTRAINT refused");
    assert_int_equal(statistics_round(db, later(), 60 * US_PER_S), STORE_OK);
    assert_int_equal(ask("SELECT count(*) FROM statistics_due"), 1);
    assert_int_equal(statistics_round(db, later() + 601 * US_PER_S, 60 * US_PER_S), STORE_OK);
    assert_int_equal(ask("SELECT count(*) FROM statistics_due"), 0);
    assert_int_equal(stat_get(&callstate_stat[STAT_STATISTICS_PUT_OFF]), 0);
    compare(0, "", "");
}

// A call that goes on counts in the interval of now although nothing changes; of a site that is not live it does not.
static void open_calls_count_now(void **state)
{
    (void)state;
    begin();
    made();
    assert_int_equal(ask("SELECT count(*) FROM statistics WHERE at = to_timestamp(1790002800)"), 0);
    script("INSERT INTO harvesters (site, name, live) VALUES ('s', 's/tap', true)");
    int64_t now = (T0 + 3 * QUARTER + 60) * US_PER_S;
    assert_int_equal(statistics_round(db, now, 60 * US_PER_S), STORE_OK);
    assert_int_equal(ask("SELECT concurrent_max FROM statistics WHERE at = to_timestamp("
                         "1790002800) AND trunk = ''"),
                     2);
    assert_int_equal(ask("SELECT call_seconds FROM statistics WHERE at = to_timestamp(1790002800) "
                         "AND trunk = ''"),
                     120);
    assert_int_equal(ask("SELECT concurrent_max FROM statistics WHERE at = to_timestamp("
                         "1790002800) AND trunk = 'carrier' AND direction = 'inbound'"),
                     1);
}

static void trunks_that_change_count_anew(void **state)
{
    (void)state;
    begin();
    made();
    script("UPDATE trunks SET addresses = '{192.0.2.10}' WHERE name = 'backup'");
    assert_true(ask("SELECT count(*) FROM statistics_changes") >= 3);
    made();
    int64_t n = 0;
    for (size_t i = 0; i < CALLS; i++)
        n += call[i].src == 10 && call[i].start < QUARTER;
    assert_int_equal(ask("SELECT attempts FROM statistics WHERE trunk = 'backup' AND direction = "
                         "'inbound' AND at = to_timestamp(1790000100)"),
                     n);
    script("DELETE FROM trunks WHERE name = 'backup'");
    made();
    assert_int_equal(ask("SELECT count(*) FROM statistics WHERE trunk = 'backup'"), 0);
    compare(0, "", "");
}

static void sums_outlive_calls(void **state)
{
    (void)state;
    begin();
    made();
    int64_t sum = ask("SELECT sum(attempts) FROM statistics");
    script("TRUNCATE calls, legs, open_calls");
    mark(10);
    mark(1000);
    made();
    assert_int_equal(ask("SELECT sum(attempts) FROM statistics"), sum);
    // Kept by when they were made too: a replayed capture is of long ago.
    assert_int_equal(statistics_forget(db, wall_now_us(), 1), STORE_OK);
    assert_int_equal(ask("SELECT sum(attempts) FROM statistics"), sum);
    script("UPDATE statistics SET updated_at = now() - interval '2 days' WHERE at < "
           "to_timestamp(1790000100) + interval '15 min'");
    uint64_t before = stat_get(&callstate_stat[STAT_STATISTICS_FORGOTTEN]);
    assert_int_equal(statistics_forget(db, wall_now_us(), 1), STORE_OK);
    assert_int_equal(ask("SELECT count(*) FROM statistics WHERE at = to_timestamp(1790000100)"), 0);
    assert_int_equal(ask("SELECT count(*) FROM statistics_spans WHERE at = "
                         "to_timestamp(1790000100)"),
                     0);
    assert_true(ask("SELECT count(*) FROM statistics") > 0);
    assert_true(stat_get(&callstate_stat[STAT_STATISTICS_FORGOTTEN]) > before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_calls_add_up),
        cmocka_unit_test(a_late_end_counts_where_it_belongs),
        cmocka_unit_test(a_join_takes_an_attempt_back),
        cmocka_unit_test(nothing_is_lost_between),
        cmocka_unit_test(only_one_makes_sums),
        cmocka_unit_test(a_round_is_bounded),
        cmocka_unit_test(what_cannot_be_made_waits),
        cmocka_unit_test(open_calls_count_now),
        cmocka_unit_test(trunks_that_change_count_anew),
        cmocka_unit_test(sums_outlive_calls),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

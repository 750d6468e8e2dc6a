#include "housekeeping.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "alerts.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "stats.h"
#include "store/schema.h"

#define ROUND_US     (3600 * US_PER_S)
#define BOOKS_US     (60 * US_PER_S)
#define RETRY_US     (60 * US_PER_S)
#define LONGEST_US   (1800 * US_PER_S) // an index over a day of millions of calls takes minutes
#define DAYS_A_ROUND 400               // indexes made in one round

struct housekeeping {
    struct housekeeping_opts o;
    struct store *store,
        *rules;        // rules: an index over a day takes minutes, and rules shall not wait for it
    int64_t alerts_us; // the next look at the rules of alerts; monotonic
    struct thread thread, watch;
};

struct housekeeping *housekeeping_new(const struct housekeeping_opts *opts)
{
    struct housekeeping *h = mem_take(sizeof *h);
    if (!h)
        return NULL;
    h->o = *opts;
    struct store_opts o = {
        .dsn = opts->dsn, .app = "callmesh-housekeeping", .timeout_us = LONGEST_US};
    struct store_opts r = {
        .dsn = opts->dsn, .app = "callmesh-callstate-rules", .timeout_us = 10 * US_PER_S};
    h->store = store_new(&o);
    h->rules = store_new(&r);
    if (!h->store || !h->rules)
        return NULL;
    return h;
}

// Days that are over and have no index of words. `broken`: one that was interrupted stands there, in nobody's use.
static const char days_sql[] =
    "SELECT c.relname, coalesce(NOT x.indisvalid, false) AS broken FROM pg_inherits i"
    " JOIN pg_class c ON c.oid = i.inhrelid LEFT JOIN pg_class w ON w.relname = c.relname || "
    "'_words'"
    " LEFT JOIN pg_index x ON x.indexrelid = w.oid"
    " WHERE i.inhparent = 'calls'::regclass AND c.relname ~ '^calls_[0-9]{8}$'"
    " AND c.relname < 'calls_' || to_char($1 AT TIME ZONE 'UTC' - interval '1 hour', 'YYYYMMDD')"
    " AND (w.oid IS NULL OR NOT x.indisvalid)"
    " AND EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')"
    " ORDER BY 1 DESC LIMIT $2";

static int index_day(struct store *s, const char *day, bool broken)
{
    char sql[256];
    int r = STORE_OK;
    if (broken) {
        (void)snprintf(sql, sizeof sql, "DROP INDEX IF EXISTS %s_words", day);
        r = store_query(s, sql, NULL, NULL);
    }
    (void)snprintf(sql, sizeof sql,
                   "CREATE INDEX CONCURRENTLY IF NOT EXISTS %s_words ON %s USING gin "
                   "((from_uri || E'\\n' || to_uri || E'\\n' || from_name || E'\\n' || to_name) "
                   "gin_trgm_ops)",
                   day, day);
    r = r ? r : store_query(s, sql, NULL, NULL);
    // What the expression looks like is only known from now on; without it the planner takes rare words for common ones.
    (void)snprintf(sql, sizeof sql, "ANALYZE %s", day);
    r = r ? r : store_query(s, sql, NULL, NULL);
    if (!r)
        count(STAT_DB_WORD_INDEXES);
    return r;
}

static int index_words(struct store *s, int64_t now_us)
{
    struct store_args a;
    struct store_result *days = NULL;
    store_args_init(&a);
    store_arg_time(&a, now_us);
    store_arg_int(&a, DAYS_A_ROUND);
    int r = store_query(s, days_sql, &a, &days);
    for (size_t i = 0; !r && i < store_rows(days); i++) {
        char day[32];
        (void)snprintf(day, sizeof day, "%s", store_str(days, i, 0));
        r = index_day(s, day, store_bool(days, i, 1));
    }
    store_result_free(days);
    return r;
}

int housekeeping_round(struct store *s, int64_t now_us)
{
    int made = 0;
    int r = partitions_make(s, now_us, -1, 7, &made);
    if (r)
        log_warn("day partitions not made: rows go to the default ones", "error=\"%s\"",
                 store_error(s));
    count_n(STAT_DB_PARTITIONS, (uint64_t)made);
    if (!r && (r = index_words(s, now_us)))
        log_warn("days without an index of words: searching them by q= is slow", "error=\"%s\"",
                 store_error(s));
    if (!r && (r = store_query(
                   s, "DELETE FROM feed_cursors WHERE updated_at < now() - interval '90 days'",
                   NULL, NULL)))
        log_warn("old cursors stay", "error=\"%s\"", store_error(s));
    if (!r &&
        (r = store_query(s, "DELETE FROM alerts WHERE cleared_at < now() - interval '90 days'",
                         NULL, NULL)))
        log_warn("old alerts stay", "error=\"%s\"", store_error(s));
    return r;
}

// A book that does not balance is a bug, whatever else looks well: the gauge must read 0.
static void look_at_books(struct store *s)
{
    struct store_result *r = NULL;
    if (store_query(s, "SELECT count(*) FROM feed_books WHERE unbalanced <> 0", NULL, &r))
        return;
    uint64_t bad = (uint64_t)store_int(r, 0, 0);
    store_result_free(r);
    if (bad > stat_get(&callstate_stat[STAT_BOOKS]))
        log_error("the books of a feed do not balance: see ./callmesh audit", "feeds=%llu",
                  (unsigned long long)bad);
    gauge(STAT_BOOKS, bad);
}

// At most a twentieth of the time, however much there is to look at.
static void look_at_alerts(struct housekeeping *h)
{
    int64_t t0 = mono_now_us(), pause = h->o.alerts_us;
    if (t0 < h->alerts_us)
        return;
    int r = alerts_look(h->store, wall_now_us(), h->o.alerts);
    int64_t took = mono_now_us() - t0;
    if (r && r != STORE_E_AWAY)
        log_warn("rules of alerts not looked at", "error=\"%s\"", store_error(h->store));
    h->alerts_us = t0 + (pause > 20 * took ? pause : 20 * took);
}

static void body(struct thread *t, void *arg)
{
    struct housekeeping *h = arg;
    int64_t next_us = 0, books_us = 0;
    store_set_give_up(h->store, &t->stop);
    while (!thread_should_stop(t)) {
        if (mono_now_us() >= next_us)
            next_us =
                mono_now_us() + (housekeeping_round(h->store, wall_now_us()) ? RETRY_US : ROUND_US);
        if (mono_now_us() >= books_us) {
            books_us = mono_now_us() + BOOKS_US;
            look_at_books(h->store);
        }
        look_at_alerts(h);
        struct timespec nap = {.tv_nsec = 250 * 1000000};
        (void)nanosleep(&nap, NULL);
    }
}

static void watch_rules(struct thread *t, void *arg)
{
    struct housekeeping *h = arg;
    int64_t next_us = 0, said_us = 0;
    store_set_give_up(h->rules, &t->stop);
    while (!thread_should_stop(t)) {
        int64_t now_us = mono_now_us();
        if (now_us >= next_us) {
            next_us = now_us + US_PER_S;
            int e = policy_refresh(h->o.board, h->rules);
            if (e && e != STORE_E_AWAY && now_us - said_us > RETRY_US) {
                said_us = now_us;
                log_error("rules of recording cannot be read: the last ones stay", "error=\"%s\"",
                          store_error(h->rules));
            }
        }
        struct timespec nap = {.tv_nsec = 100 * 1000000};
        (void)nanosleep(&nap, NULL);
    }
}

int housekeeping_start(struct housekeeping *h)
{
    int r = thread_start(&h->thread, "housekeeping", body, h);
    return r ? r : thread_start(&h->watch, "rules", watch_rules, h);
}

void housekeeping_stop(struct housekeeping *h)
{
    if (!h)
        return;
    thread_join(&h->thread);
    thread_join(&h->watch);
    h->store = store_free(h->store);
    h->rules = store_free(h->rules);
    mem_give(h, sizeof *h);
}

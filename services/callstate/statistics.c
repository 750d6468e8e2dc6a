#include "statistics.h"
#include <time.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "stats.h"

#define FORGET_EVERY_US (3600 * US_PER_S)
#define LONGEST_US      (120 * US_PER_S) // an interval of two million calls takes seconds
#define SAY_EVERY_US    (60 * US_PER_S)
#define SHARE           9 // a round of t is followed by nine t of rest

struct statistics {
    struct statistics_opts o;
    struct store *store;
    struct thread thread;
    int64_t next_us, forget_us, said_us; // monotonic
};

struct statistics *statistics_new(const struct statistics_opts *o)
{
    struct statistics *s = mem_take(sizeof *s);
    if (!s)
        return NULL;
    s->o = *o;
    struct store_opts so = {
        .dsn = o->dsn, .app = "callmesh-callstate-statistics", .timeout_us = LONGEST_US};
    s->store = store_new(&so);
    return s->store ? s : NULL;
}

// $1: now. *ret_value: the first column of the first row, when it is wanted.
static int ask(struct store *s, const char *sql, int64_t now_us, int64_t *ret_value)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_time(&a, now_us);
    int st = store_query(s, sql, &a, &r);
    if (!st && ret_value)
        *ret_value = store_int(r, 0, 0);
    store_result_free(r);
    return st;
}

static int show_backlog(struct store *s, int64_t now_us)
{
    struct store_args a;
    struct store_result *r = NULL;
    store_args_init(&a);
    store_arg_time(&a, now_us);
    int st = store_query(s,
                         "SELECT count(*), coalesce(max(extract(epoch FROM now() - since)), 0)"
                         "::bigint, count(*) FILTER (WHERE not_before > $1) FROM statistics_due",
                         &a, &r);
    if (!st) {
        int64_t lag = store_int(r, 0, 1);
        gauge(STAT_STATISTICS_DUE, (uint64_t)store_int(r, 0, 0));
        gauge(STAT_STATISTICS_LAG, lag > 0 ? (uint64_t)lag : 0);
        gauge(STAT_STATISTICS_PUT_OFF, (uint64_t)store_int(r, 0, 2));
    }
    store_result_free(r);
    return st;
}

int statistics_round(struct store *s, int64_t now_us, int64_t budget_us)
{
    int64_t t0 = mono_now_us(), did = 1;
    int st = ask(s, "SELECT 1 FROM statistics_collect($1)", now_us, NULL);
    while (!st && did && mono_now_us() - t0 < budget_us) {
        did = 0;
        st = ask(s, "SELECT statistics_next($1)", now_us, &did);
        if (!st && did)
            count(did > 0 ? STAT_STATISTICS_MADE : STAT_STATISTICS_FAILED);
    }
    return st ? st : show_backlog(s, now_us);
}

int statistics_forget(struct store *s, int64_t now_us, int64_t keep_days)
{
    // Of a replayed capture the time of the calls is long ago: what was made lately stays too.
    static const char sums[] =
        "DELETE FROM statistics WHERE ctid = ANY (ARRAY(SELECT ctid FROM statistics WHERE at < $1 "
        "AND updated_at < $1 ORDER BY at LIMIT 5000))";
    static const char spans[] =
        "DELETE FROM statistics_spans p WHERE p.at < $1 AND NOT EXISTS (SELECT FROM statistics x "
        "WHERE x.site = p.site AND x.at = p.at)";
    int64_t before_us = now_us - keep_days * 86400 * US_PER_S;
    uint64_t gone = 1;
    int st = STORE_OK;
    while (!st && gone) {
        struct store_args a;
        struct store_result *r = NULL;
        store_args_init(&a);
        store_arg_time(&a, before_us);
        st = store_query(s, sums, &a, &r);
        gone = st ? 0 : store_affected(r);
        store_result_free(r);
        count_n(STAT_STATISTICS_FORGOTTEN, gone);
    }
    return st ? st : ask(s, spans, before_us, NULL);
}

static void say(struct statistics *s, int st, const char *what)
{
    if (!st || st == STORE_E_AWAY || mono_now_us() - s->said_us < SAY_EVERY_US)
        return;
    s->said_us = mono_now_us();
    log_warn(what, "error=\"%s\"", store_error(s->store));
}

static void body(struct thread *t, void *arg)
{
    struct statistics *s = arg;
    store_set_give_up(s->store, &t->stop);
    while (!thread_should_stop(t)) {
        int64_t t0 = mono_now_us();
        if (t0 >= s->next_us) {
            say(s, statistics_round(s->store, wall_now_us(), STATISTICS_ROUND_US),
                "statistics not made: tried again");
            int64_t rest = SHARE * (mono_now_us() - t0);
            s->next_us = mono_now_us() + (s->o.every_us > rest ? s->o.every_us : rest);
        }
        if (t0 >= s->forget_us) {
            int st = statistics_forget(s->store, wall_now_us(), s->o.keep_days);
            say(s, st, "old statistics stay");
            s->forget_us = mono_now_us() + (st ? SAY_EVERY_US : FORGET_EVERY_US);
        }
        struct timespec nap = {.tv_nsec = 100 * 1000000};
        (void)nanosleep(&nap, NULL);
    }
}

int statistics_start(struct statistics *s)
{
    return thread_start(&s->thread, "statistics", body, s);
}

void statistics_stop(struct statistics *s)
{
    if (!s)
        return;
    thread_join(&s->thread);
    s->store = store_free(s->store);
    mem_give(s, sizeof *s);
}

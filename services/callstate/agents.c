#include "agents.h"
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/thread.h"
#include "call.h"
#include "numbers.h"
#include "stats.h"
#include "store/conn.h"

#define LOOK_US US_PER_S

// Of two tables (and the dial plans beside each) the state thread reads `current`; the other is the loader's while nothing is offered.
struct agents {
    struct store *store;
    struct thread thread;
    struct agent_table *table[2];
    struct dialplans *plans[2];
    size_t max;
    _Atomic int offered; // index of a table that is ready, -1: none
    int current;         // state thread; read by the loader while nothing is offered
    int64_t revision;    // of the newest one read
};

struct agents *agents_new(const char *dsn, size_t max)
{
    struct agents *a = mem_take(sizeof *a);
    if (!a)
        return NULL;
    a->max = max;
    a->offered = -1;
    struct store_opts o = {
        .dsn = dsn, .app = "callmesh-callstate-agents", .timeout_us = 10 * US_PER_S};
    a->store = store_new(&o);
    a->table[0] = agent_table_new(max);
    a->table[1] = agent_table_new(max);
    a->plans[0] = mem_take(sizeof *a->plans[0]);
    a->plans[1] = mem_take(sizeof *a->plans[1]);
    return a->store && a->table[0] && a->table[1] && a->plans[0] && a->plans[1] ? a
                                                                                : agents_free(a);
}

struct agents *agents_free(struct agents *a)
{
    if (!a)
        return NULL;
    a->store = store_free(a->store);
    agent_table_free(a->table[0]);
    agent_table_free(a->table[1]);
    mem_give(a->plans[0], sizeof *a->plans[0]);
    mem_give(a->plans[1], sizeof *a->plans[1]);
    mem_give(a, sizeof *a);
    return NULL;
}

static const char list_sql[] =
    "SELECT x.kind, x.site, x.value, CASE WHEN isfinite(x.valid_from) THEN x.valid_from END, CASE "
    "WHEN isfinite(x.valid_to) THEN x.valid_to END, a.id, a.name, a.team FROM extensions x JOIN "
    "agents a ON a.id = x.agent_id WHERE x.valid_to > x.valid_from ORDER BY x.valid_to DESC, a.id "
    "LIMIT $1";

static bool add_one(struct agent_table *t, const struct dialplans *plans,
                    const struct store_result *r, size_t i)
{
    char name[AGENT_NAME_MAX + 1], team[AGENT_TEAM_MAX + 1];
    struct agent_entry e = {.kind =
                                store_span(r, i, 0).p[0] == 'u' ? AGENT_BY_USER : AGENT_BY_ADDRESS,
                            .site = store_span(r, i, 1),
                            .value = store_span(r, i, 2),
                            .from_us = store_null(r, i, 3) ? INT64_MIN : store_time(r, i, 3),
                            .to_us = store_null(r, i, 4) ? INT64_MAX : store_time(r, i, 4)};
    (void)store_uuid(r, i, 5, &e.id);
    (void)dialplan_number(dialplans_of(plans, e.site), e.value, DIAL_SHOWN, &e.e164);
    // The lengths of the schema are characters: cut at one.
    e.name = span_of(name, span_utf8(store_span(r, i, 6), name, sizeof name));
    e.team = span_of(team, span_utf8(store_span(r, i, 7), team, sizeof team));
    return agent_table_add(t, &e);
}

static int read_list(struct agents *a, struct store *s, struct agent_table *t,
                     const struct dialplans *plans)
{
    struct store_args args;
    struct store_result *r = NULL;
    store_args_init(&args);
    store_arg_int(&args, (int64_t)a->max + 1);
    int st = store_query(s, list_sql, &args, &r);
    if (st)
        return st;
    agent_table_clear(t);
    size_t i = 0;
    while (i < store_rows(r) && add_one(t, plans, r, i))
        i++;
    if (i < store_rows(r)) {
        count(STAT_FULL_EXTENSIONS);
        log_warn("more extensions than there is room for: the rest is nobody",
                 "extensions=%zu setting=limits.extensions", i);
    }
    store_result_free(r);
    gauge(STAT_USED_EXTENSIONS, agent_table_used(t));
    return STORE_OK;
}

int agents_load(struct agents *a, struct store *s)
{
    struct store_result *r = NULL;
    if (a->offered >= 0)
        return STORE_OK; // the state thread has not taken the last one yet
    int st = store_query(s, "SELECT revision FROM director", NULL, &r);
    int64_t revision = st ? 0 : store_int(r, 0, 0);
    store_result_free(r);
    if (st || revision == a->revision)
        return st;
    int free_one = 1 - a->current;
    st = numbers_load(s, a->plans[free_one]);
    st = st ? st : read_list(a, s, a->table[free_one], a->plans[free_one]);
    if (st)
        return st;
    a->revision = revision;
    a->offered = free_one;
    return STORE_OK;
}

void agents_adopt(struct agents *a, struct world *w)
{
    int offered = a->offered;
    if (offered < 0)
        return;
    a->current = offered;
    w->agents = a->table[offered];
    w->plans = a->plans[offered];
    a->offered = -1;
}

static void body(struct thread *t, void *arg)
{
    struct agents *a = arg;
    int64_t next_us = 0;
    store_set_give_up(a->store, &t->stop);
    while (!thread_should_stop(t)) {
        if (mono_now_us() >= next_us) {
            next_us = mono_now_us() + LOOK_US;
            (void)agents_load(a, a->store); // away: the list as it was stays
        }
        struct timespec nap = {.tv_nsec = 100 * 1000000};
        (void)nanosleep(&nap, NULL);
    }
}

int agents_start(struct agents *a)
{
    return thread_start(&a->thread, "agents", body, a);
}

void agents_stop(struct agents *a)
{
    if (a)
        thread_join(&a->thread);
}

static void match_one(struct world *w, struct call *c, struct party *p, const struct endpoint *at)
{
    char ip[48];
    struct agent_ref a;
    ip_addr_format(&at->ip, ip, sizeof ip);
    if (!agent_table_match(w->agents, span_str(w->site[c->site].name),
                           span_of(p->user, p->user_cut ? 0 : p->user_n), p->e164, span_str(ip),
                           c->started_us, &a)) {
        p->agent.by = AGENT_NONE; // other signalling than SIP: more digits were dialled since
        return;
    }
    if (p->agent.by && memcmp(p->agent.id.b, a.id.b, sizeof a.id.b) == 0) {
        p->agent.by = a.by; // the text is there
        return;
    }
    call_keep_agent(w, c, p, &a);
    count(a.by == AGENT_BY_USER     ? STAT_AGENTS_BY_USER
          : a.by == AGENT_BY_NUMBER ? STAT_AGENTS_BY_NUMBER
                                    : STAT_AGENTS_BY_ADDRESS);
}

void agents_match(struct world *w, struct call *c, const struct leg *l)
{
    if (!w->agents)
        return;
    match_one(w, c, &c->from, &l->src);
    match_one(w, c, &c->to, &l->dst);
}

// director_kit.h: the real process, a real database, real feeds, for director_test.c. Everything is ended by pid.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bus/bus.h"
#include "callmesh/v1/recorder.pb-c.h"
#include "store/conn.h"
#include "story_kit.h"
#include "tests/support/pg_throwaway.h"
#include "tests/support/port.h"

extern char **environ;

struct director {
    struct pg_throwaway pg;
    char db[32], dsn[320], url[4][64], top[512];
    pid_t pid;
    struct store *store;
};

static inline void director_spawn(struct director *d)
{
    char self[512], binary[640], schema[640], log[128];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = 0;
    *strstr(self, "/services/callstate/") = 0;
    (void)snprintf(binary, sizeof binary, "%s/bin/callmesh-callstate", self);
    (void)snprintf(schema, sizeof schema, "%s/deploy/schema", d->top);
    (void)snprintf(log, sizeof log, "%s/callstate.log", d->pg.dir);
    static char opt[10][24] = {"--store.dsn",     "--store.schema-dir",
                               "--bus.sig-url",   "--bus.sig-ask-url",
                               "--bus.mesh-url",  "--bus.control-url",
                               "--health.listen", "",
                               "--limits.calls",  "2000"};
    char *argv[] = {binary,    opt[0], d->dsn,    opt[1], schema,    opt[2],
                    d->url[0], opt[3], d->url[1], opt[4], d->url[2], opt[5],
                    d->url[3], opt[6], opt[7],    opt[8], opt[9],    NULL};
    posix_spawn_file_actions_t fa;
    assert_int_equal(posix_spawn_file_actions_init(&fa), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&fa, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0644), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&fa, 2, 1), 0);
    assert_int_equal(posix_spawn(&d->pid, binary, &fa, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&fa);
}

static inline int director_end(struct director *d, int sig)
{
    int status = 0;
    if (d->pid > 0) {
        assert_int_equal(kill(d->pid, sig), 0);
        assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
    }
    d->pid = 0;
    return status;
}

static inline void director_finish(struct director *d)
{
    if (d->pid)
        (void)director_end(d, SIGKILL);
    d->store = store_free(d->store);
}

// A new database and a new director on new ports.
static inline void director_begin(struct director *d, const char *db)
{
    char sql[96];
    director_finish(d); // of a test that failed
    struct store_opts admin = {.dsn = d->pg.dsn, .app = "test"};
    struct store *s = store_new(&admin);
    (void)snprintf(d->db, sizeof d->db, "%s", db);
    (void)snprintf(sql, sizeof sql, "CREATE DATABASE %s", db);
    assert_int_equal(store_query(s, sql, NULL, NULL), STORE_OK);
    store_free(s);
    (void)snprintf(d->dsn, sizeof d->dsn, "%s dbname=%s", d->pg.dsn, db);
    for (int i = 0; i < 4; i++)
        (void)snprintf(d->url[i], sizeof d->url[i], "tcp://127.0.0.1:%d", test_free_port());
    struct store_opts o = {.dsn = d->dsn, .app = "test"};
    d->store = store_new(&o);
    director_spawn(d);
}

// The whole answer as text, one row a line, columns by '|'.
static inline char *director_ask(struct director *d, const char *sql)
{
    static char *out;
    static size_t cap = 16u << 20;
    struct store_result *r = NULL;
    if (!out)
        out = malloc(cap);
    int64_t until = mono_now_us() + 30 * US_PER_S;
    int st;
    while ((st = store_query(d->store, sql, NULL, &r)) == STORE_E_AWAY && mono_now_us() < until)
        usleep(20000);
    if (st)
        fail_msg("%s: %s", sql, store_error(d->store));
    size_t n = 0;
    for (size_t i = 0; i < store_rows(r); i++)
        n += (size_t)snprintf(out + n, cap - n, "%s\n", store_str(r, i, 0));
    out[n] = 0;
    store_result_free(r);
    return out;
}

static inline int64_t director_count(struct director *d, const char *sql)
{
    return strtoll(director_ask(d, sql), NULL, 10);
}

static inline void director_wait_for(struct director *d, const char *sql, int64_t want)
{
    int64_t until = mono_now_us() + 30 * US_PER_S, got;
    while ((got = director_count(d, sql)) != want && mono_now_us() < until)
        usleep(10000);
    if (got != want)
        fail_msg("%s: %lld, not %lld", sql, (long long)got, (long long)want);
}

static inline void director_wait_schema(struct director *d)
{
    int64_t until = mono_now_us() + 30 * US_PER_S;
    while (store_query(d->store, "SELECT count(*) FROM quarantine", NULL, NULL) &&
           mono_now_us() < until)
        usleep(10000);
}

static inline struct feed_pub *director_feed(struct director *d, const char *name,
                                             Callmesh__V1__Kind kind)
{
    char err[256] = "";
    struct feed_pub *f = NULL;
    struct feed_pub_opts o = {.publisher = name,
                              .site = "main",
                              .kind = kind,
                              .pub_url = d->url[0],
                              .ask_url = d->url[1],
                              .journal_bytes = 64u << 20,
                              .wait_when_full = true};
    if (feed_pub_open(&f, &o, err, sizeof err))
        fail_msg("%s", err);
    return f;
}

// ---- a feed of events ---------------------------------------------------------------------------------------------

#define FEED_EVENTS 24
struct feed_batch {
    struct feed_pub *f;
    Callmesh__V1__SigEvent event[FEED_EVENTS], *list[FEED_EVENTS];
    Callmesh__V1__SipMessage sip[FEED_EVENTS];
    Callmesh__V1__StreamReport report[FEED_EVENTS];
    Callmesh__V1__StreamInfo info[FEED_EVENTS];
    Callmesh__V1__Endpoint at[FEED_EVENTS][2];
    uint8_t ip[FEED_EVENTS][2][4], id[FEED_EVENTS][16], raw[FEED_EVENTS][2048];
    size_t n;
};

static inline void feed_send(struct feed_batch *b)
{
    Callmesh__V1__SigBatch batch = CALLMESH__V1__SIG_BATCH__INIT;
    if (!b->n)
        return;
    for (size_t i = 0; i < b->n; i++)
        b->list[i] = &b->event[i];
    batch.n_events = b->n;
    batch.events = b->list;
    assert_int_equal(feed_pub_send(b->f, &batch.base), 0);
    b->n = 0;
}

static inline Callmesh__V1__SigEvent *feed_event(struct feed_batch *b,
                                                 Callmesh__V1__SigEvent__EventCase kind)
{
    if (b->n == FEED_EVENTS)
        feed_send(b);
    Callmesh__V1__SigEvent *e = &b->event[b->n];
    callmesh__v1__sig_event__init(e);
    e->event_case = kind;
    return e;
}

// A line of a story (story_kit.h).
static inline void feed_line(struct feed_batch *b, char *line)
{
    char *word[24];
    int n = 0;
    for (char *w; n < 24 && (w = kit_word(&line, " "));)
        word[n++] = w;
    int64_t at = KIT_T0 + (int64_t)(atof(word[0]) * 1e6);
    bool rtp = strcmp(word[1], "rtp") == 0;
    Callmesh__V1__SigEvent *e = feed_event(b, rtp ? CALLMESH__V1__SIG_EVENT__EVENT_STREAM
                                                  : CALLMESH__V1__SIG_EVENT__EVENT_SIP);
    size_t i = b->n++;
    char src[32], dst[32];
    if (rtp)
        assert_int_equal(sscanf(word[2], "%31[^>]>%31s", src, dst), 2);
    struct endpoint s = kit_endpoint(rtp ? src : kit_ip(word[1][0])),
                    d = kit_endpoint(rtp ? dst : kit_ip(word[1][2]));
    b->at[i][0] = kit_pb(&s, b->ip[i][0]);
    b->at[i][1] = kit_pb(&d, b->ip[i][1]);
    if (!rtp) {
        Callmesh__V1__SipMessage *m = &b->sip[i];
        callmesh__v1__sip_message__init(m);
        m->at_us = at;
        m->src = &b->at[i][0];
        m->dst = &b->at[i][1];
        m->transport = CALLMESH__V1__TRANSPORT__TRANSPORT_UDP;
        m->raw =
            (ProtobufCBinaryData){kit_sip((char *)b->raw[i], sizeof b->raw[i], word, n), b->raw[i]};
        e->sip = m;
        return;
    }
    Callmesh__V1__StreamReport *r = &b->report[i];
    Callmesh__V1__StreamInfo *info = &b->info[i];
    callmesh__v1__stream_report__init(r);
    callmesh__v1__stream_info__init(info);
    info->ssrc = (uint32_t)strtoul(kit_key(word, n, "ssrc", "1"), NULL, 10);
    memset(b->id[i], 7, 16);
    memcpy(b->id[i] + 12, &info->ssrc, 4);
    info->stream_id = (ProtobufCBinaryData){16, b->id[i]};
    info->src = &b->at[i][0];
    info->dst = &b->at[i][1];
    info->first_at_us = at;
    r->info = info;
    r->packets = strtoull(kit_key(word, n, "n", "50"), NULL, 10);
    r->last_at_us = at + (int64_t)r->packets * 20000;
    r->ended = kit_flag(word, n, "ended");
    e->stream = r;
}

__attribute__((format(printf, 2, 3))) static inline void feed_tell(struct feed_batch *b,
                                                                   const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    feed_line(b, line);
}

static inline void feed_hello(struct feed_batch *b)
{
    static Callmesh__V1__Hello h;
    static char name[] = "cap", version[] = "test", input[] = "story";
    callmesh__v1__hello__init(&h);
    h.harvester = name;
    h.version = version;
    h.input = input;
    h.started_at_us = KIT_T0;
    feed_event(b, CALLMESH__V1__SIG_EVENT__EVENT_HELLO)->hello = &h;
    b->n++;
    feed_send(b);
}

static inline void feed_tick(struct feed_batch *b, double at)
{
    static Callmesh__V1__Tick t;
    feed_send(b);
    callmesh__v1__tick__init(&t);
    t.at_us = KIT_T0 + (int64_t)(at * 1e6);
    feed_event(b, CALLMESH__V1__SIG_EVENT__EVENT_TICK)->tick = &t;
    b->n++;
    feed_send(b);
}

static inline void feed_end(struct feed_batch *b, double at)
{
    static Callmesh__V1__EndOfInput end;
    feed_send(b);
    callmesh__v1__end_of_input__init(&end);
    end.at_us = KIT_T0 + (int64_t)(at * 1e6);
    feed_event(b, CALLMESH__V1__SIG_EVENT__EVENT_END)->end = &end;
    b->n++;
    feed_send(b);
}

// Every interval of every site has the sums of its calls, wherever the one that makes them was killed: waits for it.
static inline void director_sums_agree(struct director *d)
{
    static const char sql[] =
        "SELECT count(*) FROM (SELECT site, statistics_interval(started_at) AS at, count(*) AS n, "
        "count(answered_at) AS answered, count(*) FILTER (WHERE result = 'busy') AS busy FROM "
        "calls WHERE merged_into IS NULL GROUP BY 1, 2) c FULL JOIN (SELECT * FROM statistics "
        "WHERE trunk = '') s USING (site, at) WHERE (coalesce(c.n, 0), coalesce(c.answered, 0), "
        "coalesce(c.busy, 0)) IS DISTINCT FROM (s.attempts::bigint, s.answered::bigint, "
        "s.busy::bigint)";
    for (int i = 0; i < 200 && director_count(d, sql); i++)
        usleep(50000);
    assert_int_equal(director_count(d, sql), 0);
    assert_true(director_count(d, "SELECT sum(attempts) FROM statistics WHERE trunk = ''") > 0);
}

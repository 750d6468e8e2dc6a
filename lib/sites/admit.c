#include "sites/admit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mono.h"
#include "base/stat.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "store/conn.h"

#define REALMS_MAX 1024
#define LOOK_US    (50 * US_PER_MS)

struct realm {
    char site[64], realm[REALM_MAX + 1];
};

struct admit {
    struct store *store;
    struct thread thread;
    int64_t every_us;
    struct bus_admitted *list;
    bool said_full;
    int64_t ending; // certificates, at the last look
};

static struct {
    pthread_mutex_t lock;
    struct realm list[REALMS_MAX];
    size_t n;
    _Atomic uint64_t generation;
} realms = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum {
    ADMIT_KEYS,
    ADMIT_READS,
    ADMIT_FAILED,
    ADMIT_ENDING,
    ADMIT_N
};
static const struct stat_def defs[ADMIT_N] = {
    [ADMIT_KEYS] = {"sites_keys", NULL, "keys of sites that the bus knows, revoked ones too",
                    STAT_GAUGE},
    [ADMIT_READS] = {"sites_reads_total", NULL, "times the table of sites was read", STAT_COUNTER},
    [ADMIT_FAILED] = {"sites_reads_failed_total", NULL,
                      "times the table of sites could not be read: the last one holds",
                      STAT_COUNTER},
    [ADMIT_ENDING] = {"sites_certificates_ending", NULL,
                      "certificates of which less than a fifth of their life is left", STAT_GAUGE},
};
static struct stat_cell cells[ADMIT_N];

void admit_realm(struct span site, char ret[REALM_MAX + 1])
{
    span_copy(site, ret, REALM_MAX + 1);
    pthread_mutex_lock(&realms.lock);
    for (size_t i = 0; i < realms.n; i++)
        if (span_eq(span_str(realms.list[i].site), site))
            memcpy(ret, realms.list[i].realm, REALM_MAX + 1);
    pthread_mutex_unlock(&realms.lock);
}

uint64_t admit_realms_generation(void)
{
    return atomic_load(&realms.generation);
}

// A machine asks when a third is left; who has less than a fifth has not been heard, or cannot write it down.
static void say_ending(struct admit *a, int64_t n)
{
    if (n > a->ending)
        log_warn("certificates of sites near their end and were not renewed: ./callmesh site list",
                 "machines=%lld", (long long)n);
    a->ending = n;
    stat_set(&cells[ADMIT_ENDING], (uint64_t)n);
}

static int read_keys(struct admit *a)
{
    static const char sql[] =
        "SELECT site, sign_key, x.print, revoked_at IS NOT NULL, count(*) FILTER (WHERE x.n = 1 "
        "AND revoked_at IS NULL AND expires_at > now() AND expires_at - now() < (expires_at - "
        "coalesce(renewed_at, joined_at)) / 5) OVER () FROM site_keys CROSS JOIN LATERAL (VALUES "
        "(1, certificate), (2, previous)) x (n, print) WHERE x.print IS NOT NULL ORDER BY x.n, "
        "joined_at DESC, sign_key LIMIT $1";
    struct store_args args;
    store_args_init(&args);
    store_arg_int(&args, BUS_ADMITTED_MAX + 1);
    struct store_result *r;
    int e = store_query(a->store, sql, &args, &r);
    if (e != STORE_OK)
        return e;
    size_t n = store_rows(r);
    if (n > BUS_ADMITTED_MAX && !a->said_full)
        log_warn("more keys of sites than the bus holds: the oldest are not admitted", "limit=%d",
                 BUS_ADMITTED_MAX);
    a->said_full = n > BUS_ADMITTED_MAX;
    n = n > BUS_ADMITTED_MAX ? BUS_ADMITTED_MAX : n;
    memset(a->list, 0, BUS_ADMITTED_MAX * sizeof(*a->list)); // compared whole
    for (size_t i = 0; i < n; i++) {
        struct bus_admitted *k = &a->list[i];
        span_copy(store_span(r, i, 0), k->site, sizeof(k->site));
        bool good =
            store_bytes(r, i, 1, k->key, sizeof(k->key)) == sizeof(k->key) &&
            store_bytes(r, i, 2, k->certificate, sizeof(k->certificate)) == sizeof(k->certificate);
        k->revoked = !good || store_bool(r, i, 3);
    }
    say_ending(a, n ? store_int(r, 0, 4) : 0);
    store_result_free(r);
    bus_admit(a->list, n);
    stat_set(&cells[ADMIT_KEYS], n);
    return STORE_OK;
}

static int read_realms(struct admit *a)
{
    static const char sql[] =
        "SELECT site, realm FROM sites WHERE realm <> '' ORDER BY site LIMIT 1024";
    struct store_result *r;
    int e = store_query(a->store, sql, NULL, &r);
    if (e != STORE_OK)
        return e;
    bool changed = false;
    pthread_mutex_lock(&realms.lock);
    size_t n = store_rows(r) < REALMS_MAX ? store_rows(r) : REALMS_MAX;
    for (size_t i = 0; i < n; i++) {
        struct realm *at = &realms.list[i], now = {0};
        span_copy(store_span(r, i, 0), now.site, sizeof(now.site));
        span_copy(store_span(r, i, 1), now.realm, sizeof(now.realm));
        changed = changed || i >= realms.n || memcmp(at, &now, sizeof(now)) != 0;
        *at = now;
    }
    changed = changed || realms.n != n;
    realms.n = n;
    pthread_mutex_unlock(&realms.lock);
    store_result_free(r);
    if (changed)
        atomic_fetch_add(&realms.generation, 1);
    return STORE_OK;
}

static void read_all(struct admit *a)
{
    bool good = store_connect(a->store) == STORE_OK && read_keys(a) == STORE_OK &&
                read_realms(a) == STORE_OK;
    stat_add(&cells[good ? ADMIT_READS : ADMIT_FAILED], 1);
}

static void body(struct thread *t, void *arg)
{
    struct admit *a = arg;
    while (!thread_should_stop(t)) {
        for (int64_t left = a->every_us; left > 0 && !thread_should_stop(t); left -= LOOK_US) {
            struct timespec ts = {.tv_nsec = (left < LOOK_US ? left : LOOK_US) * 1000};
            nanosleep(&ts, NULL);
        }
        read_all(a);
    }
}

int admit_start(struct admit **ret, const struct admit_opts *o)
{
    struct admit *a = calloc(1, sizeof(*a));
    struct store_opts so = {.dsn = o->dsn, .app = o->app, .timeout_us = 5 * US_PER_S};
    if (a) {
        a->every_us = o->every_us;
        a->list = calloc(BUS_ADMITTED_MAX, sizeof(*a->list));
        a->store = store_new(&so);
    }
    stat_register(defs, cells, ADMIT_N);
    bus_admit(NULL, 0); // until the database has answered
    int r = a && a->list && a->store ? 0 : -ENOMEM;
    if (r == 0) {
        read_all(a); // when it can be had now, it counts from the first connection on
        r = thread_start(&a->thread, "sites", body, a);
    }
    if (r < 0) {
        admit_stop(a);
        return r;
    }
    *ret = a;
    return 0;
}

void admit_stop(struct admit *a)
{
    if (!a)
        return;
    thread_join(&a->thread);
    a->store = store_free(a->store);
    free(a->list);
    free(a);
}

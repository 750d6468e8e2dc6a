#include "store/conn.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mono.h"
#include "store/conn_priv.h"

#define LOOK_US        (100 * US_PER_MS) // between two looks at a give_up flag
#define BACKOFF_MIN_US (100 * US_PER_MS)
#define BACKOFF_MAX_US                                                                             \
    US_PER_S // a crash recovery takes seconds: who waits longer doubles the time away

struct store *store_new(const struct store_opts *o)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->dsn = strdup(o->dsn);
    s->app = strdup(o->app ? o->app : "callmesh");
    s->connect_timeout_us = o->connect_timeout_us ? o->connect_timeout_us : 5 * US_PER_S;
    s->timeout_us = o->timeout_us ? o->timeout_us : 30 * US_PER_S;
    if (!s->dsn || !s->app)
        return store_free(s);
    return s;
}

struct store *store_free(struct store *s)
{
    if (!s)
        return NULL;
    if (s->pg)
        PQfinish(s->pg);
    free(s->dsn);
    free(s->app);
    free(s);
    return NULL;
}

// First line of the text; libpq's messages can have several and end in a new line.
void store_set_error(struct store *s, const char *text)
{
    size_t n = strcspn(text, "\r\n");
    if (n >= sizeof s->error)
        n = sizeof s->error - 1;
    memcpy(s->error, text, n);
    s->error[n] = 0;
}

static int drop_with_backoff(struct store *s)
{
    if (s->pg) {
        PQfinish(s->pg);
        s->pg = NULL;
    }
    s->backoff_us = s->backoff_us ? s->backoff_us * 2 : BACKOFF_MIN_US;
    if (s->backoff_us > BACKOFF_MAX_US)
        s->backoff_us = BACKOFF_MAX_US;
    s->retry_at_us = mono_now_us() + s->backoff_us;
    return STORE_E_AWAY;
}

void store_drop(struct store *s)
{
    (void)drop_with_backoff(s);
}

bool store_wait_socket(struct store *s, bool write, int64_t deadline_us)
{
    for (;;) {
        int64_t left = deadline_us - mono_now_us();
        if (left <= 0 || (s->give_up && *s->give_up))
            return false;
        if (s->give_up && left > LOOK_US)
            left = LOOK_US;
        struct pollfd p = {.fd = PQsocket(s->pg),
                           .events = (short)(POLLIN | (write ? POLLOUT : 0))};
        if (p.fd < 0)
            return false;
        int n = poll(&p, 1, (int)(left / US_PER_MS + 1));
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static int connect_poll(struct store *s, int64_t deadline_us)
{
    PostgresPollingStatusType st = PGRES_POLLING_WRITING;
    while (st != PGRES_POLLING_OK) {
        if (st == PGRES_POLLING_FAILED) {
            store_set_error(s, PQerrorMessage(s->pg));
            return drop_with_backoff(s);
        }
        int64_t left = deadline_us - mono_now_us();
        struct pollfd p = {.fd = PQsocket(s->pg),
                           .events = st == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        if (left <= 0 || p.fd < 0) {
            s->late++;
            store_set_error(s, "no connection in time");
            return drop_with_backoff(s);
        }
        if (poll(&p, 1, (int)(left / US_PER_MS + 1)) <= 0)
            continue; // the deadline is looked at above
        st = PQconnectPoll(s->pg);
    }
    return STORE_OK;
}

static void ignore_notice(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

int store_connect(struct store *s)
{
    if (s->pg && PQstatus(s->pg) == CONNECTION_OK)
        return STORE_OK;
    if (s->pg)
        return drop_with_backoff(s);
    if (mono_now_us() < s->retry_at_us)
        return STORE_E_AWAY;
    struct store_hosts h;
    store_hosts(s, &h);
    // What stands behind dbname goes before what is in it; an empty one does not.
    // jit: our statements are short; compiling one took longer than running it. The DSN's own options replace ours.
    const char *key[] = {
        "options", "dbname", "fallback_application_name", "client_encoding", "host", "hostaddr",
        "port",    NULL};
    const char *val[] = {"-c jit=off", s->dsn, s->app, "UTF8", h.host, h.addr, h.port, NULL};
    s->sqlstate[0] = 0;
    s->pg = PQconnectStartParams(key, val, 1);
    if (!s->pg) {
        store_set_error(s, "out of memory");
        return drop_with_backoff(s);
    }
    if (PQstatus(s->pg) == CONNECTION_BAD) {
        store_set_error(s, PQerrorMessage(s->pg));
        return drop_with_backoff(s);
    }
    int r = connect_poll(s, mono_now_us() + s->connect_timeout_us);
    if (r)
        return r;
    PQsetNoticeReceiver(s->pg, ignore_notice, NULL);
    if (PQsetnonblocking(s->pg, 1)) {
        store_set_error(s, PQerrorMessage(s->pg));
        return drop_with_backoff(s);
    }
    s->backoff_us = 0;
    s->retry_at_us = 0;
    s->connects++;
    s->error[0] = 0;
    return STORE_OK;
}

bool store_connected(const struct store *s)
{
    return s->pg && PQstatus(s->pg) == CONNECTION_OK;
}

int64_t store_backoff_us(const struct store *s)
{
    int64_t left = s->retry_at_us - mono_now_us();
    return s->pg || left < 0 ? 0 : left;
}

void store_set_timeout(struct store *s, int64_t timeout_us)
{
    s->timeout_us = timeout_us;
}

void store_set_give_up(struct store *s, const _Atomic bool *flag)
{
    s->give_up = flag;
}

const char *store_error(const struct store *s)
{
    return s->error;
}

const char *store_sqlstate(const struct store *s)
{
    return s->sqlstate;
}

uint64_t store_connects(const struct store *s)
{
    return s->connects;
}

int store_too_late(struct store *s)
{
    store_set_error(s, "no answer in time");
    PGcancel *c = PQgetCancel(s->pg);
    if (c) {
        char err[64];
        (void)PQcancel(c, err, sizeof err);
        PQfreeCancel(c);
    }
    return drop_with_backoff(s);
}

// Which errors mean "these rows", which "try again", which "this statement" (PostgreSQL manual,
// appendix A).
static int error_kind(const char *state)
{
    static const struct {
        const char *prefix;
        int kind;
    } table[] = {
        {"08", STORE_E_AWAY},     {"57P", STORE_E_AWAY}, {"57014", STORE_E_AWAY},
        {"25006", STORE_E_AWAY},  {"40", STORE_E_RETRY}, {"53", STORE_E_RETRY},
        {"55P03", STORE_E_RETRY}, {"21", STORE_E_DATA},  {"22", STORE_E_DATA},
        {"23", STORE_E_DATA},     {"54", STORE_E_DATA},  {"P0", STORE_E_DATA},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strncmp(state, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].kind;
    return STORE_E_SQL;
}

int store_take_error(struct store *s, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    store_set_error(s, text ? text : PQerrorMessage(s->pg));
    (void)snprintf(s->sqlstate, sizeof s->sqlstate, "%s", state ? state : "");
    if (!state || PQstatus(s->pg) != CONNECTION_OK)
        return drop_with_backoff(s);
    int kind = error_kind(state);
    // Administrator's shutdown, fail-over to a read-only host: this connection is of no more use.
    return kind == STORE_E_AWAY ? drop_with_backoff(s) : kind;
}

static int flush_out(struct store *s, int64_t deadline_us)
{
    int f;
    while ((f = PQflush(s->pg)) == 1) {
        if (!store_wait_socket(s, true, deadline_us))
            return store_too_late(s);
        if (!PQconsumeInput(s->pg))
            f = -1;
        if (f < 0)
            break;
    }
    if (f < 0) {
        store_set_error(s, PQerrorMessage(s->pg));
        return drop_with_backoff(s);
    }
    return STORE_OK;
}

int store_next_result(struct store *s, int64_t deadline_us, PGresult **ret)
{
    int r = flush_out(s, deadline_us);
    if (r)
        return r;
    while (PQisBusy(s->pg)) {
        if (!store_wait_socket(s, false, deadline_us))
            return store_too_late(s);
        if (!PQconsumeInput(s->pg)) {
            store_set_error(s, PQerrorMessage(s->pg));
            return drop_with_backoff(s);
        }
        r = flush_out(s, deadline_us);
        if (r)
            return r;
    }
    *ret = PQgetResult(s->pg);
    return STORE_OK;
}

// All results of one simple or extended query; keeps the last good one.
static int collect(struct store *s, PGresult **ret)
{
    int64_t deadline = mono_now_us() + s->timeout_us;
    int kind = STORE_OK;
    PGresult *res = NULL;
    for (;;) {
        int r = store_next_result(s, deadline, &res);
        if (r)
            return r;
        if (!res)
            return kind;
        ExecStatusType st = PQresultStatus(res);
        if (st != PGRES_TUPLES_OK && st != PGRES_COMMAND_OK && st != PGRES_EMPTY_QUERY) {
            kind = store_take_error(s, res);
            PQclear(res);
            if (!s->pg)
                return kind;
            continue;
        }
        if (*ret)
            PQclear(*ret);
        *ret = res;
    }
}

int store_query(struct store *s, const char *sql, const struct store_args *args,
                struct store_result **ret_result)
{
    int r = store_connect(s);
    if (r)
        return r;
    s->sqlstate[0] = 0;
    static const struct store_args none;
    const struct store_args *a = args ? args : &none;
    if (!PQsendQueryParams(s->pg, sql, a->n, a->type, a->value, a->length, a->format, 0)) {
        store_set_error(s, PQerrorMessage(s->pg));
        return drop_with_backoff(s);
    }
    PGresult *res = NULL;
    r = collect(s, &res);
    if (r == STORE_OK && ret_result)
        *ret_result = (struct store_result *)res;
    else if (res)
        PQclear(res);
    return r;
}

int store_script(struct store *s, const char *sql)
{
    int r = store_connect(s);
    if (r)
        return r;
    s->sqlstate[0] = 0;
    if (!PQsendQuery(s->pg, sql)) {
        store_set_error(s, PQerrorMessage(s->pg));
        return drop_with_backoff(s);
    }
    PGresult *res = NULL;
    r = collect(s, &res);
    if (res)
        PQclear(res);
    return r;
}

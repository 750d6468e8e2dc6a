// Two queues (questions, files), each a list through the requests themselves: the bound is a count. The first worker brings the
// store up: connects, looks at the schema, makes the first user and key; until then jobs are answered at once.
#include "db.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/stat.h"
#include "base/thread.h"
#include "daemon/daemon.h"
#include "sip_text.h"

#define DB_THREADS_MAX 16
#define DB_TIMEOUT_US  (5 * US_PER_S)

enum {
    M_JOBS,
    M_REFUSED,
    M_AWAY,
    M_FAILED,
    M_QUEUED,
    M_READY,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_JOBS] = {"store_jobs_total", NULL, "questions to the store", STAT_COUNTER},
    [M_REFUSED] = {"store_queue_full_total", NULL, "503: the queue to the store was full",
                   STAT_COUNTER},
    [M_AWAY] = {"store_away_total", NULL, "questions that found no store", STAT_COUNTER},
    [M_FAILED] = {"store_errors_total", NULL, "questions that the store refused", STAT_COUNTER},
    [M_QUEUED] = {"store_queue", NULL, "questions waiting", STAT_GAUGE},
    [M_READY] = {"store_ready", NULL, "1: the store is there and has our schema", STAT_GAUGE},
};
static struct stat_cell stats[M_COUNT];

struct queue {
    struct http_req *first, *last;
    pthread_cond_t some;
};

struct worker {
    struct thread thread;
    struct store *store;
    struct queue *queue;
    bool brings_up;
    bool busy; // under the lock
};

static struct {
    pthread_mutex_t lock; // all below, and stat
    struct queue questions, files;
    uint32_t queued;
    bool ready, stopping;
    int fatal;
    char why[256];
    struct worker worker[DB_THREADS_MAX + 1];
    uint32_t workers;
} db = {.lock = PTHREAD_MUTEX_INITIALIZER,
        .questions.some = PTHREAD_COND_INITIALIZER,
        .files.some = PTHREAD_COND_INITIALIZER,
        .why = "not yet asked"};

static enum http_next submit(struct queue *to, struct http_req *q, db_fn job, http_handler_fn then)
{
    struct req *r = req_of(q);
    r->job = job;
    r->next_job = NULL;
    q->next = then;
    pthread_mutex_lock(&db.lock);
    bool full = db.queued >= settings.db_queue || db.stopping;
    if (full) {
        stat_add(&stats[M_REFUSED], 1);
    } else {
        if (to->last)
            req_of(to->last)->next_job = q;
        else
            to->first = q;
        to->last = q;
        stat_set(&stats[M_QUEUED], ++db.queued);
        pthread_cond_signal(&to->some);
    }
    pthread_mutex_unlock(&db.lock);
    if (!full)
        return HTTP_WAIT;
    http_problem(q, 503, "overloaded", "%u questions to the store are waiting; try again",
                 settings.db_queue);
    http_header(q, "Retry-After", "1");
    return HTTP_DONE;
}

enum http_next db_submit(struct http_req *q, db_fn job, http_handler_fn then)
{
    return submit(&db.questions, q, job, then);
}

enum http_next db_submit_file(struct http_req *q, db_fn job, http_handler_fn then)
{
    return submit(&db.files, q, job, then);
}

bool db_ready(void)
{
    pthread_mutex_lock(&db.lock);
    bool r = db.ready;
    pthread_mutex_unlock(&db.lock);
    return r;
}

void db_why_not(char *buf, size_t cap)
{
    pthread_mutex_lock(&db.lock);
    snprintf(buf, cap, "%s", db.ready ? "" : db.why);
    pthread_mutex_unlock(&db.lock);
}

int db_fatal(void)
{
    pthread_mutex_lock(&db.lock);
    int r = db.fatal;
    pthread_mutex_unlock(&db.lock);
    return r;
}

static void set_ready(bool ready, const char *why)
{
    pthread_mutex_lock(&db.lock);
    bool news = ready != db.ready || (!ready && strcmp(why, db.why) != 0);
    db.ready = ready;
    snprintf(db.why, sizeof(db.why), "%s", why);
    stat_set(&stats[M_READY], ready);
    pthread_mutex_unlock(&db.lock);
    if (news && ready)
        log_info("store ready", "schema=%d", API_SCHEMA_VERSION);
    else if (news)
        log_warn("store not ready: requests are answered 503, trying again", "why=\"%s\"", why);
}

static void set_fatal(int code)
{
    pthread_mutex_lock(&db.lock);
    db.fatal = code;
    if (!db.stopping) // at the end the server may be gone
        http_server_poke(http);
    pthread_mutex_unlock(&db.lock);
}

struct store_result *db_query(struct store *s, struct http_req *q, const char *sql,
                              const struct store_args *a)
{
    struct store_result *res = NULL;
    int r = store_connect(s);
    if (r == STORE_OK)
        r = store_query(s, sql, a, &res);
    if (r == STORE_OK)
        return res;
    bool late = strcmp(store_sqlstate(s), "57014") == 0;
    pthread_mutex_lock(&db.lock);
    stat_add(&stats[r == STORE_E_AWAY ? M_AWAY : M_FAILED], 1);
    pthread_mutex_unlock(&db.lock);
    if (r == STORE_E_AWAY || r == STORE_E_RETRY || late) {
        http_problem(q, 503, "store_unavailable", "the store %s; try again",
                     late ? "needed too long for this question: narrow it" : "did not answer");
        http_header(q, "Retry-After", "2");
    } else if (r == STORE_E_DATA) {
        http_problem(q, 400, "bad_parameter", "the store cannot read one of the values");
    } else {
        log_error("the store refused a question", "error=\"%s\"", store_error(s));
        http_problem(q, 500, "internal",
                     "the store refused the question; the log of the service says why");
    }
    return NULL;
}

struct store_result *db_write(struct store *s, struct http_req *q, const char *sql)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_span(&a, q->body_n ? span_of(q->body, q->body_n) : SPAN_LIT("{}"));
    store_arg_str(&a, req_of(q)->who.actor);
    store_arg_str(&a, q->peer);
    store_arg_uuid(&a, &req_of(q)->id);
    return db_query(s, q, sql, &a);
}

bool db_reply_row(struct http_req *q, struct store_result *r, unsigned status)
{
    bool any = r && store_rows(r) > 0;
    struct json *j = any ? http_json(q) : NULL;
    if (j) {
        json_raw(j, store_span(r, 0, 0));
        http_reply_json(q, status);
    }
    store_result_free(r);
    return any || !r;
}

bool db_audit(struct store *s, struct http_req *q, const char *action, const char *object,
              const char *result)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_str(&a, req_of(q)->who.actor);
    store_arg_str(&a, action);
    store_arg_str(&a, object);
    store_arg_str(&a, q->peer);
    store_arg_str(&a, result);
    struct store_result *r = db_query(
        s, q,
        "INSERT INTO audit (actor, action, object, address, result) VALUES ($1, $2, $3, $4, $5)",
        &a);
    bool ok = r != NULL;
    store_result_free(r);
    return ok;
}

// ---- bringing the store up

static int look_at_schema(struct store *s, char *why, size_t cap)
{
    struct store_args a;
    struct store_result *res = NULL;
    store_args_init(&a);
    int r = store_connect(s);
    if (r == STORE_OK)
        r = store_query(s, "SELECT max(version) FROM schema_version", &a, &res);
    if (r != STORE_OK) {
        bool none = strcmp(store_sqlstate(s), "42P01") == 0;
        snprintf(why, cap, "%s",
                 none ? "the schema is not there yet: callstate applies it" : store_error(s));
        return -1;
    }
    int64_t version = store_rows(res) ? store_int(res, 0, 0) : 0;
    store_result_free(res);
    if (version == API_SCHEMA_VERSION)
        return 0;
    snprintf(why, cap, "schema version %lld, wanted %d", (long long)version, API_SCHEMA_VERSION);
    if (version < API_SCHEMA_VERSION) // callstate brings it on at its start
        return -1;
    log_error("wrong schema version in the store", "found=%lld wanted=%d", (long long)version,
              API_SCHEMA_VERSION);
    set_fatal(76);
    return -1;
}

// True when there is nothing more to do.
static bool bring_up(struct store *s)
{
    char why[256] = "";
    if (look_at_schema(s, why, sizeof(why)) == 0 && auth_first_start(s, why, sizeof(why)) == 0) {
        set_ready(true, "");
        return true;
    }
    set_ready(false, why);
    return db_fatal() != 0;
}

static struct http_req *next_job(struct worker *w, int64_t wait_us)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_us / US_PER_S;
    pthread_mutex_lock(&db.lock);
    if (!w->queue->first && !db.stopping)
        pthread_cond_timedwait(&w->queue->some, &db.lock, &until);
    struct http_req *q = w->queue->first;
    if (q) {
        w->queue->first = req_of(q)->next_job;
        if (!w->queue->first)
            w->queue->last = NULL;
        stat_set(&stats[M_QUEUED], --db.queued);
        stat_add(&stats[M_JOBS], 1);
    }
    w->busy = q != NULL;
    pthread_mutex_unlock(&db.lock);
    return q;
}

static void run_job(struct worker *w, struct http_req *q)
{
    if (db_ready()) {
        req_of(q)->job(w->store, q);
        if (!http_reply_is_set(q) && !q->next)
            http_problem(q, 500, "internal", "no answer was made");
    } else {
        char why[256];
        db_why_not(why, sizeof(why));
        http_problem(q, 503, "store_unavailable", "%s", why);
        http_header(q, "Retry-After", "2");
    }
    http_wake(q);
}

static void set_busy(struct worker *w)
{
    pthread_mutex_lock(&db.lock);
    w->busy = true;
    pthread_mutex_unlock(&db.lock);
}

static void worker_body(struct thread *t, void *arg)
{
    struct worker *w = arg;
    bool up = !w->brings_up;
    int64_t try_us = 0;
    while (!thread_should_stop(t)) {
        if (!up && mono_now_us() >= try_us) {
            set_busy(w);
            up = bring_up(w->store);
            try_us = mono_now_us() + US_PER_S;
        }
        struct http_req *q = next_job(w, US_PER_S);
        if (q) {
            run_job(w, q);
            continue;
        }
        set_busy(w);
        if (up && w->brings_up && !db_fatal() && store_connect(w->store) != STORE_OK)
            log_warn("the store is away", "error=\"%s\"", store_error(w->store));
    }
    pthread_mutex_lock(&db.lock);
    w->busy = false;
    pthread_mutex_unlock(&db.lock);
}

int db_start(void)
{
    struct store_opts o = {.dsn = settings.dsn,
                           .app = "callmesh-api",
                           .connect_timeout_us = 3 * US_PER_S,
                           .timeout_us = DB_TIMEOUT_US};
    stat_register(stat_defs, stats, M_COUNT);
    if (sip_text_open() < 0)
        return -1;
    uint32_t n = settings.db_threads < DB_THREADS_MAX ? settings.db_threads : DB_THREADS_MAX;
    for (uint32_t i = 0; i <= n; i++) { // the last one is for files
        struct worker *w = &db.worker[i];
        w->queue = i == n ? &db.files : &db.questions;
        w->brings_up = i == 0;
        w->store = store_new(&o);
        if (!w->store ||
            thread_start(&w->thread, i == n ? "api-files" : "api-store", worker_body, w))
            return -1;
        db.workers++;
    }
    return 0;
}

static bool busy(void)
{
    bool any = false;
    pthread_mutex_lock(&db.lock);
    for (uint32_t i = 0; i < db.workers; i++)
        any = any || db.worker[i].busy;
    pthread_mutex_unlock(&db.lock);
    return any;
}

void db_stop(void)
{
    pthread_mutex_lock(&db.lock);
    db.stopping = true;
    pthread_cond_broadcast(&db.questions.some);
    pthread_cond_broadcast(&db.files.some);
    pthread_mutex_unlock(&db.lock);
    for (uint32_t i = 0; i < db.workers; i++)
        thread_ask_stop(&db.worker[i].thread);
    // One that waits for a store that does not answer is left behind: the process ends, its time is up.
    for (int i = 0; busy() && i < 100; i++)
        usleep(10000);
    if (busy()) {
        log_warn("the store did not answer before the end", "%s", "");
        for (uint32_t i = 0; i < db.workers; i++)
            pthread_detach(db.worker[i].thread.id);
        return;
    }
    for (uint32_t i = 0; i < db.workers; i++) {
        thread_join(&db.worker[i].thread);
        db.worker[i].store = store_free(db.worker[i].store);
    }
    sip_text_close();
}

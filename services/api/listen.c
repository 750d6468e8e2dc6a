#include "listen.h"

#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/stat.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "callmesh/v1/live.pb-c.h"
#include "db.h"
#include "mirror.h"
#include "taps.h"
#include "tickets.h"

#define TICK_US       (20 * US_PER_MS)
#define KEEP_ALIVE_US (5 * US_PER_S)
#define BACK_RECORDS  10 // 100 ms of two sides at 20 ms a packet
#define RENEW_US      (3 * US_PER_S)

enum {
    M_LISTENERS,
    M_TAPS,
    M_TRIMS,
    M_REFUSED,
    M_LIVE,
    M_LIVE_GAPS,
    M_LIVE_BAD,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_LISTENERS] = {"listeners_active", NULL, "listeners connected", STAT_GAUGE},
    [M_TAPS] = {"listen_taps", NULL, "calls being tapped", STAT_GAUGE},
    [M_TRIMS] = {"listener_trims_total", NULL, "listeners that were too slow and moved to live",
                 STAT_COUNTER},
    [M_REFUSED] = {"listeners_refused_total", NULL, "listeners refused: a table was full",
                   STAT_COUNTER},
    [M_LIVE] = {"live_batches_total", NULL, "batches of tapped audio from recorders", STAT_COUNTER},
    [M_LIVE_GAPS] = {"live_gaps_total", NULL, "batches missing", STAT_COUNTER},
    [M_LIVE_BAD] = {"live_bad_messages_total", NULL, "batches that could not be read",
                    STAT_COUNTER},
};
static struct stat_cell stats[M_COUNT];

#define RECORDERS 32

static struct {
    struct thread live, lease;
    struct cast_sub *sub;
    struct ask *ask;
    pthread_mutex_t lock; // of the lease thread's sleep
    pthread_cond_t wake;
    bool woken;
    struct tickets *tickets; // http thread
    uint32_t listeners;      // http thread
    struct {
        char name[96];
        uint64_t epoch, seq;
    } recorder[RECORDERS]; // live thread
} li = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

unsigned listen_count(const struct uuid *call_id)
{
    return taps_listeners(call_id);
}

void listen_on_state(const struct uuid *call_id, const char *state, bool ended)
{
    taps_state(call_id, state, ended);
}

// ---- live thread: batches of the recorders into rings

// A jump in a recorder's numbers is a gap in what it tapped. A recorder without a place in the table is not looked at.
static bool gap_before(const Callmesh__V1__LiveBatch *b)
{
    for (size_t i = 0; i < RECORDERS; i++) {
        if (li.recorder[i].name[0] == 0)
            snprintf(li.recorder[i].name, sizeof(li.recorder[i].name), "%s", b->recorder);
        else if (strncmp(li.recorder[i].name, b->recorder, sizeof(li.recorder[i].name) - 1) != 0)
            continue;
        bool gap = li.recorder[i].epoch == b->epoch && li.recorder[i].seq != 0 &&
                   b->seq != li.recorder[i].seq + 1;
        li.recorder[i].epoch = b->epoch;
        li.recorder[i].seq = b->seq;
        return gap;
    }
    return false;
}

static void live_body(struct thread *t, void *arg)
{
    (void)arg;
    while (!thread_should_stop(t)) {
        struct span bytes;
        if (cast_sub_next(li.sub, 100 * US_PER_MS, &bytes) <= 0)
            continue;
        const Callmesh__V1__LiveBatch *b =
            cast_sub_unpack(li.sub, &callmesh__v1__live_batch__descriptor, bytes);
        if (!b) {
            stat_add(&stats[M_LIVE_BAD], 1);
            continue;
        }
        bool gap = gap_before(b);
        stat_add(&stats[M_LIVE], 1);
        stat_add(&stats[M_LIVE_GAPS], gap);
        taps_frames((const Callmesh__V1__LiveFrame *const *)b->frames, b->n_frames, gap);
    }
}

// ---- lease thread: TapRequest to callstate while anyone listens

static void lease(const struct uuid *call_id, bool end)
{
    Callmesh__V1__TapRequest tap = CALLMESH__V1__TAP_REQUEST__INIT;
    Callmesh__V1__ControlRequest q = CALLMESH__V1__CONTROL_REQUEST__INIT;
    struct uuid id = *call_id;
    char name[] = "api"; // protobuf-c wants it writable
    tap.call_id.data = id.b;
    tap.call_id.len = sizeof(id.b);
    tap.until_us = end ? 0 : wall_now_us() + settings.tap_lease_us;
    q.protocol_version = BUS_PROTOCOL_VERSION;
    q.from = name;
    q.request_case = CALLMESH__V1__CONTROL_REQUEST__REQUEST_TAP;
    q.tap = &tap;
    const Callmesh__V1__ControlReply *r = ask_call(li.ask, &q, US_PER_S);
    bool answered = r && !r->error[0] && r->reply_case == CALLMESH__V1__CONTROL_REPLY__REPLY_TAP;
    if (!answered)
        log_warn("callstate does not take a tap request", "error=\"%s\"",
                 r ? r->error : "no answer");
    taps_leased(call_id, end, answered, answered && r->tap->known,
                mono_now_us() + (answered ? RENEW_US : US_PER_S));
}

static void lease_body(struct thread *t, void *arg)
{
    (void)arg;
    while (!thread_should_stop(t)) {
        struct uuid id;
        bool end;
        while (taps_due(mono_now_us(), &id, &end) && !thread_should_stop(t))
            lease(&id, end);
        stat_set(&stats[M_TAPS], taps_used());
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 250000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&li.lock);
        if (!li.woken)
            pthread_cond_timedwait(&li.wake, &li.lock, &until);
        li.woken = false;
        pthread_mutex_unlock(&li.lock);
    }
}

static void wake_lease(void)
{
    pthread_mutex_lock(&li.lock);
    li.woken = true;
    pthread_cond_signal(&li.wake);
    pthread_mutex_unlock(&li.lock);
}

// ---- tickets

static enum http_next give_ticket(struct http_req *q)
{
    struct req *r = req_of(q);
    char ticket[TICKET_TEXT], id[37], url[128];
    if (!tickets_give(li.tickets, &r->id, mono_now_us(), ticket))
        return http_problem(q, 503, "overloaded", "%d tickets are out; try again in 30 seconds",
                            TICKETS);
    struct json *j = http_json(q);
    if (!j)
        return HTTP_DONE;
    uuid_format(&r->id, id);
    snprintf(url, sizeof(url), "/api/v1/calls/%s/listen?ticket=%s", id, ticket);
    json_obj(j);
    json_kstr(j, "ticket", ticket);
    json_ktime(j, "expires_at", wall_now_us() + TICKET_US);
    json_kstr(j, "url", url);
    json_obj_end(j);
    return http_reply_json(q, 201);
}

static enum http_next not_live(struct http_req *q)
{
    return http_problem(q, 409, "call_not_live", "the call is over; its recording can be played");
}

// Who listens stands in the audit before the ticket is given. A call outside the live mesh is over, or never was.
static void job_ticket(struct store *s, struct http_req *q)
{
    struct req *r = req_of(q);
    struct mirror_info info;
    char id[37];
    uuid_format(&r->id, id);
    if (mirror_call(&r->id, &info, NULL, NULL)) {
        if (info.ended)
            not_live(q);
        else
            db_audit(s, q, "listen", id, "ticket");
        return;
    }
    struct store_args a;
    store_args_init(&a);
    store_arg_uuid(&a, &r->id);
    struct store_result *res = db_query(s, q, "SELECT 1 FROM calls WHERE id = $1 LIMIT 1", &a);
    if (res && store_rows(res))
        not_live(q);
    else if (res)
        api_not_found(q, "call");
    store_result_free(res);
}

enum http_next on_listen_ticket(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_ticket, give_ticket) : HTTP_DONE;
}

// ---- listeners (http thread)

// Behind by more than the setting: on to the newest, and the frame says so. f->a: the tap is in f->ctx; f->a = 1: moved.
static void move_to_live(struct http_feed *f)
{
    f->cursor = fanring_back(f->ring, BACK_RECORDS);
    f->a = 1;
    stat_add(&stats[M_TRIMS], 1);
}

static int64_t frame_time(const uint8_t *p)
{
    struct cur c = cur_of(span_of(p + FRAME_HEAD + 8, 8));
    return (int64_t)cur_u64le(&c);
}

static bool on_record(struct http_feed *f, uint8_t *p, size_t n)
{
    const struct tap *t = f->ctx;
    if (n < FRAME_HEAD + FRAME_AUDIO_HEAD || p[0] != FRAME_AUDIO)
        return true;
    if (!f->a &&
        __atomic_load_n(&t->last_at_us, __ATOMIC_RELAXED) - frame_time(p) > settings.max_lag_us) {
        uint64_t was = f->cursor;
        move_to_live(f);
        if (f->cursor > was)
            return false;
    }
    if (f->a) {
        p[1] |= FRAME_FLAG_MOVED;
        f->a = 0;
    }
    return true;
}

static void on_idle(struct http_feed *f)
{
    feed_say(f, "\x01\0\0\0", 4);
}

static bool feed_ended(struct http_feed *f)
{
    const struct tap *t = f->ctx;
    return __atomic_load_n(&t->ended, __ATOMIC_ACQUIRE) && fanring_head(f->ring) == f->cursor &&
           f->pre_n == f->pre_sent;
}

static void on_close(struct http_feed *f)
{
    bool last = false;
    struct req *r = req_of(f->req);
    taps_leave(f->ctx, &last);
    stat_set(&stats[M_LISTENERS], --li.listeners);
    mirror_emit_call(&r->id, "listen.ended");
    if (last)
        wake_lease();
}

static const struct feed_ops ops = {.on_lost = move_to_live,
                                    .on_record = on_record,
                                    .on_idle = on_idle,
                                    .ended = feed_ended,
                                    .on_close = on_close};

static bool say_hello(struct http_feed *f, const struct uuid *id, const struct mirror_info *info)
{
    char text[400];
    uint8_t frame[500];
    struct json j;
    json_init(&j, text, sizeof(text));
    json_obj(&j);
    json_kuuid(&j, "call_id", id);
    json_kstr(&j, "codec", info->codec[0][0] ? info->codec[0] : info->codec[1]);
    json_kint(&j, "rate", 8000);
    json_key(&j, "channels");
    json_arr(&j);
    for (int i = 0; i < 2; i++) {
        json_obj(&j);
        json_kstr(&j, "role", i == 0 ? "caller" : "callee");
        json_kstr(&j, "codec", info->codec[i]);
        json_obj_end(&j);
    }
    json_arr_end(&j);
    json_ktime(&j, "server_time", wall_now_us());
    json_obj_end(&j);
    size_t n = j.overflow ? 0 : frame_text(frame, sizeof(frame), j.buf, j.n);
    return n && feed_say(f, frame, n);
}

enum http_next on_listen(struct http_req *q)
{
    struct req *r = req_of(q);
    struct http_feed *f = &q->feed;
    struct mirror_info info;
    const char *ticket = query_get(q, "ticket");
    if (!api_path_id(q))
        return HTTP_DONE;
    if (!ticket || !tickets_use(li.tickets, ticket, &r->id, mono_now_us()))
        return http_problem(q, 403, "ticket_invalid",
                            "the ticket is unknown, used, or older than 30 seconds");
    if (!mirror_call(&r->id, &info, NULL, NULL) || info.ended)
        return not_live(q);
    if (li.listeners >= settings.listeners) {
        stat_add(&stats[M_REFUSED], 1);
        return http_problem(q, 503, "listeners_full", "%u listeners are connected (listen.clients)",
                            settings.listeners);
    }
    bool first = false;
    struct tap *t = taps_join(&r->id, &first);
    if (!t) {
        stat_add(&stats[M_REFUSED], 1);
        return http_problem(q, 503, "taps_full", "%u calls are being heard (listen.taps)",
                            settings.taps);
    }
    stat_set(&stats[M_LISTENERS], ++li.listeners);
    *f = (struct http_feed){
        .ops = &ops, .ring = t->ring, .ctx = t, .idle_us = KEEP_ALIVE_US, .tick_us = TICK_US};
    f->cursor = fanring_back(t->ring, BACK_RECORDS);
    say_hello(f, &r->id, &info);
    if (first)
        wake_lease();
    enum http_next n = http_reply_feed(q, "application/vnd.callmesh.listen.v1");
    mirror_emit_call(&r->id, "listen.started");
    return n;
}

int listen_start(void)
{
    char err[256] = "";
    stat_register(stat_defs, stats, M_COUNT);
    li.tickets = mem_take(sizeof(*li.tickets));
    if (!li.tickets || taps_init(settings.taps, settings.tap_bytes) ||
        cast_sub_open(&li.sub, settings.live_url, true, err, sizeof(err)) ||
        ask_open(&li.ask, settings.control_url, err, sizeof(err)) ||
        thread_start(&li.live, "api-live", live_body, NULL) ||
        thread_start(&li.lease, "api-taps", lease_body, NULL)) {
        log_error("listening cannot be offered", "error=\"%s\"", err[0] ? err : "no memory");
        return -1;
    }
    return 0;
}

void listen_stop(void)
{
    thread_ask_stop(&li.lease);
    wake_lease();
    thread_join(&li.lease);
    thread_join(&li.live);
}

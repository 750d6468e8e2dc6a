#include "events.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "base/fanring.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/stat.h"
#include "http/feed.h"

#define HEARTBEAT_US (15 * US_PER_S)
#define TICK_US      (25 * US_PER_MS) // at most so long an event waits for its reader to be looked at
#define EVENT_MAX    (24u << 10)

enum {
    M_EVENTS,
    M_TOO_LARGE,
    M_RESETS,
    M_REFUSED,
    M_CLIENTS,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_EVENTS] = {"events_total", NULL, "events made", STAT_COUNTER},
    [M_TOO_LARGE] = {"events_too_large_total", NULL, "events that did not fit and were not sent",
                     STAT_COUNTER},
    [M_RESETS] = {"sse_resets_total", NULL, "readers told to take a snapshot again", STAT_COUNTER},
    [M_REFUSED] = {"sse_refused_total", NULL, "readers refused: events.clients reached",
                   STAT_COUNTER},
    [M_CLIENTS] = {"sse_clients", NULL, "readers of /events", STAT_GAUGE},
};
static struct stat_cell stats[M_COUNT];

static struct {
    pthread_mutex_t lock; // writers of the ring, n, index
    struct fanring *ring;
    uint64_t n;      // of the last event; the first is 1
    uint64_t *index; // cursor of event n at n % settings.events_index
    char epoch[20];
    char *text, *body; // EVENT_MAX each, under the lock
    unsigned clients;  // http thread
} ev = {.lock = PTHREAD_MUTEX_INITIALIZER};

int events_start(void)
{
    stat_register(stat_defs, stats, M_COUNT);
    ev.ring = fanring_new(settings.events_bytes);
    ev.index = mem_take(settings.events_index * sizeof(uint64_t));
    ev.text = mem_take(EVENT_MAX);
    ev.body = mem_take(EVENT_MAX);
    snprintf(ev.epoch, sizeof(ev.epoch), "%" PRIx64, (uint64_t)wall_now_us());
    return ev.ring && ev.index && ev.text && ev.body ? 0 : -1;
}

// Under the lock. Length of ev.text, 0 when it does not fit.
static size_t make(const char *type, struct span subject, const char *key, struct span value)
{
    struct json j;
    char id[48];
    snprintf(id, sizeof(id), "%s-%" PRIu64, ev.epoch, ev.n + 1);
    json_init(&j, ev.body, EVENT_MAX);
    json_obj(&j);
    json_kstr(&j, "id", id);
    json_kstr(&j, "type", type);
    json_ktime(&j, "time", wall_now_us());
    json_kspan(&j, "subject", subject);
    json_key(&j, "data");
    if (key) {
        json_obj(&j);
        json_key(&j, key);
        json_raw(&j, value);
        json_obj_end(&j);
    } else {
        json_raw(&j, value);
    }
    json_obj_end(&j);
    int n = snprintf(ev.text, EVENT_MAX, "id: %s\nevent: %s\ndata: %s\n\n", id, type, ev.body);
    return j.overflow || n < 0 || (size_t)n >= EVENT_MAX ? 0 : (size_t)n;
}

void events_emit(const char *type, struct span subject, const char *key, struct span value)
{
    pthread_mutex_lock(&ev.lock);
    size_t n = make(type, subject, key, value);
    uint64_t at = fanring_head(ev.ring);
    bool ok = n && fanring_write(ev.ring, span_of(ev.text, n)) == 0;
    if (ok) {
        ev.n++;
        ev.index[ev.n % settings.events_index] = at;
        stat_add(&stats[M_EVENTS], 1);
    } else {
        stat_add(&stats[M_TOO_LARGE], 1);
    }
    pthread_mutex_unlock(&ev.lock);
    if (!ok)
        log_warn("an event is too large and was not sent", "type=%s", type);
}

void events_last_id(char *buf, size_t cap)
{
    pthread_mutex_lock(&ev.lock);
    snprintf(buf, cap, "%s-%" PRIu64, ev.epoch, ev.n);
    pthread_mutex_unlock(&ev.lock);
}

bool events_resume(struct span id, uint64_t *ret_cursor, const char **ret_reason)
{
    uint64_t n = 0;
    size_t dash = span_find(id, '-');
    if (!span_u64(span_sub(id, dash + 1, id.n), UINT64_MAX, &n)) {
        *ret_reason = "unknown_id";
        return false;
    }
    if (!span_eq(span_sub(id, 0, dash), span_str(ev.epoch))) {
        *ret_reason = "restarted";
        return false;
    }
    bool ok = true;
    pthread_mutex_lock(&ev.lock);
    if (n > ev.n) {
        *ret_reason = "unknown_id";
        ok = false;
    } else if (n == ev.n) {
        *ret_cursor = fanring_head(ev.ring);
    } else if (ev.n - n >= settings.events_index ||
               ev.index[(n + 1) % settings.events_index] < fanring_tail(ev.ring)) {
        *ret_reason = "too_old";
        ok = false;
    } else {
        *ret_cursor = ev.index[(n + 1) % settings.events_index];
    }
    pthread_mutex_unlock(&ev.lock);
    return ok;
}

// ---- readers (http thread)

// The reset carries the id from which the reader goes on, so what it misses is between its own and this one.
static void say_reset(struct http_feed *f, const char *reason)
{
    char text[480], time[32], id[48];
    pthread_mutex_lock(&ev.lock);
    f->cursor = fanring_head(ev.ring);
    snprintf(id, sizeof(id), "%s-%" PRIu64, ev.epoch, ev.n);
    pthread_mutex_unlock(&ev.lock);
    wall_format(wall_now_us(), time, sizeof(time));
    int n = snprintf(text, sizeof(text),
                     "id: %s\nevent: stream.reset\ndata: "
                     "{\"id\":\"%s\",\"type\":\"stream.reset\",\"time\":\"%s\",\"subject\":\"\","
                     "\"data\":{\"reason\":\"%s\",\"snapshot\":\"/api/v1/calls/active\"}}\n\n",
                     id, id, time, reason);
    feed_say(f, text, (size_t)n);
    stat_add(&stats[M_RESETS], 1);
}

static void on_lost(struct http_feed *f)
{
    say_reset(f, "too_old");
}

static void on_idle(struct http_feed *f)
{
    feed_say(f, ":\n\n", 3);
}

static void on_close(struct http_feed *f)
{
    (void)f;
    stat_set(&stats[M_CLIENTS], --ev.clients);
}

static const struct feed_ops ops = {.on_lost = on_lost, .on_idle = on_idle, .on_close = on_close};

enum http_next on_events(struct http_req *q)
{
    struct http_feed *f = &q->feed;
    if (ev.clients >= settings.sse_clients) {
        stat_add(&stats[M_REFUSED], 1);
        return http_problem(q, 503, "readers_full",
                            "%u readers of events are connected (events.clients)",
                            settings.sse_clients);
    }
    const char *after = http_header_in(q, "Last-Event-ID"), *reason = NULL;
    if (!after || !after[0])
        after = query_get(q, "after");
    *f = (struct http_feed){
        .ops = &ops, .ring = ev.ring, .idle_us = HEARTBEAT_US, .tick_us = TICK_US};
    feed_say(f, "retry: 2000\n\n", 13);
    if (!after || !after[0])
        f->cursor = fanring_head(ev.ring);
    else if (!events_resume(span_str(after), &f->cursor, &reason))
        say_reset(f, reason);
    stat_set(&stats[M_CLIENTS], ++ev.clients);
    return http_reply_feed(q, "text/event-stream; charset=utf-8");
}

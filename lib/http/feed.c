// One direction of data, one thread: fill() is called by the library when the socket takes more; it either gives bytes or
// suspends the connection; feed_tick resumes it. suspended is true exactly between the two, so a connection that is not
// suspended is never resumed (the library would count it twice).
#include "http/feed.h"

#include <string.h>

#include "base/fail.h"
#include "base/mono.h"
#include "http/priv.h"

bool feed_say(struct http_feed *f, const void *p, size_t n)
{
    if (f->pre_sent) {
        memmove(f->pre, f->pre + f->pre_sent, (size_t)(f->pre_n - f->pre_sent));
        f->pre_n = (uint16_t)(f->pre_n - f->pre_sent);
        f->pre_sent = 0;
    }
    if (n > sizeof(f->pre) - f->pre_n)
        return false;
    memcpy(f->pre + f->pre_n, p, n);
    f->pre_n = (uint16_t)(f->pre_n + n);
    return true;
}

void feed_init(struct http_req *q)
{
    struct http_server *s = q->server;
    struct http_feed *f = &q->feed;
    f->req = q;
    f->open = true;
    f->last_us = mono_now_us();
    f->prev = NULL;
    f->next = s->feeds;
    if (s->feeds)
        s->feeds->prev = f;
    s->feeds = f;
    stat_set(&s->stat[M_FEEDS], stat_get(&s->stat[M_FEEDS]) + 1);
}

void feed_drop(struct http_req *q)
{
    struct http_server *s = q->server;
    struct http_feed *f = &q->feed;
    if (!f->open)
        return;
    f->open = false;
    if (f->prev)
        f->prev->next = f->next;
    else
        s->feeds = f->next;
    if (f->next)
        f->next->prev = f->prev;
    stat_set(&s->stat[M_FEEDS], stat_get(&s->stat[M_FEEDS]) - 1);
    if (f->ops->on_close)
        f->ops->on_close(f);
}

static bool has_more(struct http_feed *f)
{
    return f->pre_n > f->pre_sent || fanring_head(f->ring) != f->cursor;
}

static size_t fill_pre(struct http_feed *f, char *buf, size_t max)
{
    size_t n = (size_t)(f->pre_n - f->pre_sent);
    n = n < max ? n : max;
    memcpy(buf, f->pre + f->pre_sent, n);
    f->pre_sent = (uint16_t)(f->pre_sent + n);
    return n;
}

// Records from the cursor on. Returns bytes written, or -1 when the reader must be cut.
static ssize_t fill_records(struct http_feed *f, char *scratch, char *buf, size_t max)
{
    size_t done = 0;
    while (done < max) {
        if (f->pre_n > f->pre_sent && f->part == 0) {
            done += fill_pre(f, buf + done, max - done);
            continue;
        }
        uint64_t at = f->cursor;
        size_t n = 0;
        int r = fanring_read(f->ring, &at, scratch, FEED_SCRATCH, &n);
        if (r == FANRING_E_EMPTY)
            break;
        if (r !=
            FANRING_OK) { // overtaken; a record larger than the scratch cannot be (rings are made with that in mind)
            if (f->part || r == FANRING_E_SMALL)
                return -1;
            f->cursor = at;
            if (f->ops->on_lost)
                f->ops->on_lost(f);
            continue;
        }
        if (f->part == 0 && f->ops->on_record && !f->ops->on_record(f, (uint8_t *)scratch, n)) {
            f->cursor = at > f->cursor ? at : f->cursor;
            continue;
        }
        size_t left = n - f->part, room = max - done, take = left < room ? left : room;
        memcpy(buf + done, scratch + f->part, take);
        done += take;
        if (take < left) {
            f->part += (uint32_t)take;
        } else {
            f->part = 0;
            f->cursor = at;
        }
    }
    return (ssize_t)done;
}

ssize_t feed_fill(void *cls, uint64_t pos, char *buf, size_t max)
{
    (void)pos;
    struct http_req *q = cls;
    struct http_feed *f = &q->feed;
    struct http_server *s = q->server;
    ssize_t n = fill_records(f, s->scratch, buf, max);
    if (n < 0) {
        stat_add(&s->stat[M_FEED_CUT], 1);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    int64_t now = mono_now_us();
    if (n == 0 && !f->closing && f->idle_us && now - f->last_us >= f->idle_us) {
        f->last_us = now;
        f->ops->on_idle(f);
        n = (ssize_t)fill_pre(f, buf, max);
    }
    if (n > 0) {
        f->last_us = now;
        return n;
    }
    if (f->closing || (f->ops->ended && f->ops->ended(f)))
        return MHD_CONTENT_READER_END_OF_STREAM;
    must(!f->suspended);
    f->suspended = true;
    f->next_us = now + f->tick_us;
    MHD_suspend_connection(q->conn);
    return 0;
}

int64_t feed_tick(struct http_server *s, int64_t now, int64_t max_us)
{
    int64_t wait = max_us;
    for (struct http_feed *f = s->feeds; f; f = f->next) {
        if (!f->suspended)
            continue;
        if (!s->stopping && now < f->next_us) {
            wait = f->next_us - now < wait ? f->next_us - now : wait;
            continue;
        }
        f->next_us = now + f->tick_us;
        f->closing = f->closing || s->stopping;
        bool due = f->idle_us && now - f->last_us >= f->idle_us;
        if (f->closing || due || has_more(f) || (f->ops->ended && f->ops->ended(f))) {
            f->suspended = false;
            MHD_resume_connection(f->req->conn);
            wait = 0;
        } else {
            wait = f->tick_us < wait ? f->tick_us : wait;
        }
    }
    return wait;
}

#include "persist.h"
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/ring.h"
#include "base/thread.h"
#include "call.h"
#include "daemon/daemon.h"
#include "lease.h"
#include "rows.h"
#include "stats.h"

#define BATCHES_MAX  16
#define LOG_EVERY_US (10 * US_PER_S)
#define WAIT_STEP_US 1000

struct persist {
    struct persist_opts o;
    struct batch *batch[BATCHES_MAX];
    struct ring *free, *sealed;
    struct thread thread;
    int64_t opened_us;
    struct persist_lease lease;
    int64_t renewed_us; // monotonic, database thread
    _Atomic size_t in_flight;
    _Atomic bool lost, up, give_up;
};

struct persist *persist_new(const struct persist_opts *o)
{
    struct persist *p = mem_take(sizeof *p);
    if (!p)
        return NULL;
    p->o = *o;
    must(o->batches >= 2 && o->batches <= BATCHES_MAX);
    p->free = ring_new(BATCHES_MAX, sizeof(struct batch *));
    p->sealed = ring_new(BATCHES_MAX, sizeof(struct batch *));
    if (!p->free || !p->sealed)
        return persist_free(p);
    for (size_t i = 0; i < o->batches; i++) {
        p->batch[i] = batch_new(o->rows, o->publishers);
        if (!p->batch[i])
            return persist_free(p);
        must(ring_push(p->free, &p->batch[i]));
    }
    p->up = true;
    return p;
}

struct persist *persist_free(struct persist *p)
{
    if (!p)
        return NULL;
    for (size_t i = 0; i < BATCHES_MAX; i++)
        batch_free(p->batch[i]);
    ring_free(p->free);
    ring_free(p->sealed);
    mem_give(p, sizeof *p);
    return NULL;
}

size_t persist_memory(const struct persist *p)
{
    return p->o.batches * batch_memory(p->batch[0]);
}

void persist_set_lease(struct persist *p, int64_t fence, int64_t ttl_us)
{
    p->lease = (struct persist_lease){fence, ttl_us};
    p->renewed_us = mono_now_us();
}

static void nap(int64_t us)
{
    struct timespec t = {.tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * 1000};
    (void)nanosleep(&t, NULL);
}

// ---- state thread -------------------------------------------------------------------------------------------------

void persist_open(struct persist *p, struct world *w)
{
    int64_t t0 = 0;
    w->batch = NULL;
    while (!ring_pop(p->free, &w->batch)) {
        if (!t0)
            t0 = mono_now_us();
        if (p->o.while_waiting)
            p->o.while_waiting(p->o.ctx);
        nap(WAIT_STEP_US);
    }
    if (t0)
        count_n(STAT_BACK_PRESSURE, (uint64_t)(mono_now_us() - t0));
    p->opened_us = mono_now_us();
}

static void put_moves(struct world *w)
{
    struct batch *b = w->batch;
    for (size_t i = 0; i < w->lim.publishers; i++) {
        struct publisher *p = &w->publisher[i];
        if (!p->used || (p->taken.seq == p->sealed.seq && p->taken.done == p->sealed.done))
            continue;
        must(b->moves < b->moves_max);
        struct cursor_move *m = &b->move[b->moves++];
        memcpy(m->publisher, p->name, sizeof m->publisher);
        memcpy(m->incarnation, p->incarnation, sizeof m->incarnation);
        m->epoch = p->epoch;
        m->from = p->sealed;
        m->to = p->taken;
        m->book = p->book;
        p->book = (struct feed_book){0};
        m->bus_slot = p->bus_slot;
        m->bound = p->bound;
        p->sealed = p->taken;
    }
}

static bool anything(const struct world *w)
{
    if (w->batch->rows || w->dirty_call_count || w->dirty_stream_count)
        return true;
    for (size_t i = 0; i < w->lim.publishers; i++) {
        const struct publisher *p = &w->publisher[i];
        if (p->used &&
            (p->dirty || p->taken.seq != p->sealed.seq || p->taken.done != p->sealed.done))
            return true;
    }
    return false;
}

void persist_seal(struct persist *p, struct world *w)
{
    if (!anything(w))
        return;
    rows_flush_dirty(w);
    put_moves(w);
    p->in_flight++;
    must(ring_push(p->sealed, &w->batch));
    persist_open(p, w);
}

void persist_seal_if_due(struct persist *p, struct world *w)
{
    if (world_batch_full(w) || (p->in_flight == 0 && mono_now_us() - p->opened_us >= p->o.batch_us))
        persist_seal(p, w);
}

bool persist_lost(const struct persist *p)
{
    return p->lost;
}

bool persist_up(const struct persist *p)
{
    return p->up;
}

// ---- database thread ----------------------------------------------------------------------------------------------

static void committed(struct persist *p, struct batch *b)
{
    count(STAT_DB_BATCHES);
    count_n(STAT_DB_ROWS, b->rows);
    gauge(STAT_DB_UP, 1);
    p->up = true;
    p->renewed_us = mono_now_us();
    for (size_t i = 0; i < b->moves; i++)
        if (b->move[i].bound && p->o.committed)
            p->o.committed(p->o.committed_ctx, b->move[i].bus_slot, b->move[i].to.seq);
}

static void end_lost(struct persist *p, const char *what)
{
    p->lost = true;
    count(STAT_FENCED);
    log_error("another callstate leads: ending, nothing of this one is stored any more", "lost=%s",
              what);
    daemon_request_stop();
}

// Until it is committed, or told to give up.
static bool write_surely(struct persist *p, struct thread *t, struct batch *b)
{
    int64_t said_us = 0;
    for (;;) {
        int r = persist_write(p->o.store, b, &p->lease);
        if (r == STORE_OK) {
            committed(p, b);
            if (said_us)
                log_info("database is back", "rows=%zu", b->rows);
            return true;
        }
        if (r < 0) {
            end_lost(p, r == PERSIST_FENCED ? "lease" : b->move[0].publisher);
            return false;
        }
        count(STAT_DB_RETRIES);
        gauge(STAT_DB_UP, 0);
        p->up = false;
        if (!said_us || mono_now_us() - said_us >= LOG_EVERY_US) {
            said_us = mono_now_us();
            log_warn("database is away: intake holds, the journals of the sites keep everything",
                     "error=\"%s\"", store_error(p->o.store));
        }
        if (p->give_up || (thread_should_stop(t) && p->give_up))
            return false;
        int64_t back = store_backoff_us(p->o.store);
        nap(back > 50 * US_PER_MS || !back ? 50 * US_PER_MS : back);
    }
}

// Nothing to write: the lease is renewed all the same. A process that has slept too long finds out here.
static void renew(struct persist *p)
{
    if (!p->lease.fence || mono_now_us() - p->renewed_us < p->lease.ttl_us / 3)
        return;
    int r = lease_renew(p->o.store, p->lease.fence, p->lease.ttl_us);
    if (r == STORE_OK)
        p->renewed_us = mono_now_us();
    else if (r == STORE_E_DATA)
        end_lost(p, "lease");
}

static void body(struct thread *t, void *arg)
{
    struct persist *p = arg;
    while (!p->lost && !p->give_up) {
        struct batch *b;
        if (ring_pop(p->sealed, &b)) {
            if (!write_surely(p, t, b))
                break;
            batch_reset(b);
            must(ring_push(p->free, &b));
            p->in_flight--;
            continue;
        }
        if (thread_should_stop(t))
            break;
        renew(p);
        struct pollfd f = {.fd = ring_eventfd(p->sealed), .events = POLLIN};
        uint64_t pushed;
        if (poll(&f, 1, 100) > 0 && read(f.fd, &pushed, sizeof pushed) < 0)
            nap(WAIT_STEP_US);
    }
}

int persist_start(struct persist *p)
{
    return thread_start(&p->thread, "database", body, p);
}

bool persist_stop(struct persist *p, int64_t timeout_us)
{
    int64_t until = mono_now_us() + timeout_us;
    while (p->in_flight && !p->lost && mono_now_us() < until)
        nap(WAIT_STEP_US);
    bool all = p->in_flight == 0;
    p->give_up = !all;
    thread_join(&p->thread);
    return all;
}

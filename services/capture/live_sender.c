#include "live_sender.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "base/log.h"
#include "base/mono.h"
#include "books.h"
#include "bus/bus.h"
#include "daemon/daemon.h"

#define IDLE_US       (100 * US_PER_MS)
#define STORE_US      (5 * US_PER_MS) // while the journals store
#define WATERMARK_TAG (4 << 3)        // RtpBatch.watermark_us, a varint
#define TURN          256             // records of one worker before the next has its turn
#define DRAIN_US      (4 * US_PER_S)
#define POLLFDS       96
#define IN_FLIGHT                                                                                  \
    (1u << 20) // given to the journals and not stored yet: well below what they hold in memory

struct taker {
    struct xring_consumer in, stored; // read; in the journal's files
    struct lane_tick tick;            // the last that had counts
    int64_t feed_us;
    bool has_tick, ended;
};

static struct {
    struct live *live;
    struct sender *sender; // NULL: no bus
    struct outbox *outbox; // of our own words: Hello, ticks
    struct inputs *inputs;
    struct taker taker[LANES_MAX];
    struct xring_producer inbox; // of the first worker
    struct pauses pauses;
    uint32_t pauses_told; // workers, of those in force
    struct books books;
    uint64_t found_sig,
        found_rtp; // head of the journals when we began: what is marked with less is there
    uint64_t inbox_full, given[INPUTS_MAX][2];
    int64_t feed_us, lost_us;
    bool counters_due;
} g;

// ---- the workers' records ----

// A copy: a worker in foreign hands could change the bytes between their signature and their way into the journal.
// A worker's batch says how far that worker is; the feed is as far as the slowest of them. Of a field that comes twice the
// later one counts (protobuf), so ours goes behind.
static struct span own_copy(const struct taker *t, bool watermark)
{
    static uint8_t buf[BUS_MESSAGE_MAX + 16];
    uint64_t v = (uint64_t)g.feed_us;
    size_t n = t->in.rec.bytes;
    const uint8_t *payload = xring_payload(&t->in);
    if (n > BUS_MESSAGE_MAX)
        return span_of(payload, n); // the bus takes none so large: counted there, not read
    memcpy(buf, payload, n);
    if (!watermark)
        return span_of(buf, n);
    buf[n++] = WATERMARK_TAG;
    for (; v >= 0x80; v >>= 7)
        buf[n++] = (uint8_t)(v | 0x80);
    buf[n++] = (uint8_t)v;
    return span_of(buf, n);
}

static int take_batch(struct taker *t, bool media)
{
    uint64_t mark = t->in.rec.mark;
    if (!g.sender)
        return 0;
    // Marked with its number before it is sent: a successor finds in the journal whether it came to that.
    uint64_t found = media ? g.found_rtp : g.found_sig;
    if (mark && mark <= found)
        return 0;
    xring_mark(&t->in, sender_seq(g.sender, media).head + 1);
    return sender_send(g.sender, media, own_copy(t, media && g.live->lanes > 1));
}

static void publish_counts(void)
{
    struct capture_counts sum = {0};
    for (uint32_t i = 0; i < g.live->lanes; i++) {
        const struct capture_counts *c = &g.taker[i].tick.counts;
        for (size_t k = 0; k < CAPTURE_STAT_COUNT; k++)
            sum.n[k] += c->n[k];
        for (size_t k = 0; k < WIRE_EVENT_COUNT; k++)
            sum.event[k] += c->event[k];
    }
    sum.n[CAPTURE_SHED_LEVEL] /= g.live->lanes;
    capture_stats_publish(&sum);
    hep_agents_publish(&g.taker[0].tick.hep);
    for (size_t k = 0; k < INPUTS_MAX; k++) {
        uint64_t packets = 0, bytes = 0, duplicates = 0;
        for (uint32_t i = 0; i < g.live->lanes; i++) {
            packets += g.taker[i].tick.input_packets[k];
            bytes += g.taker[i].tick.input_bytes[k];
            duplicates += g.taker[i].tick.input_duplicates[k];
        }
        inputs_set_seen(g.inputs, k, packets, bytes, duplicates);
    }
}

// The feed has come as far as the slowest worker.
static void tell_tick(void)
{
    int64_t feed_us = INT64_MAX;
    for (uint32_t i = 0; i < g.live->lanes; i++)
        if (g.taker[i].feed_us < feed_us)
            feed_us = g.taker[i].feed_us;
    if (feed_us <= g.feed_us)
        return;
    g.feed_us = feed_us;
    if (!g.outbox)
        return;
    outbox_set_feed_time(g.outbox, feed_us);
    outbox_tick(g.outbox, feed_us, g.counters_due);
    outbox_close_all(g.outbox);
    g.counters_due = false;
}

static void take_tick(uint32_t lane, const struct xring_record *rec)
{
    struct taker *t = &g.taker[lane];
    t->feed_us = rec->a;
    if (rec->bytes == sizeof t->tick) {
        memcpy(&t->tick, xring_payload(&t->in), sizeof t->tick);
        books_tick(&g.books, g.live, lane, &t->tick);
        publish_counts();
        books_publish(&g.books, g.live);
        g.counters_due = true;
    }
    tell_tick();
}

static int take(uint32_t lane, const struct xring_record *rec)
{
    switch ((enum out_kind)rec->kind) {
    case OUT_SIG:
        books_batch(&g.books, lane, false, 0);
        return take_batch(&g.taker[lane], false);
    case OUT_RTP:
        books_batch(&g.books, lane, true, (uint64_t)rec->b);
        return take_batch(&g.taker[lane], true);
    case OUT_LOST:
        books_batch(&g.books, lane, true, (uint64_t)rec->b);
        atomic_fetch_add(&g.live->shared->handover_lost, (uint64_t)rec->b);
        return 0;
    case OUT_TICK:
        take_tick(lane, rec);
        return 0;
    case OUT_END:
        g.taker[lane].ended = true;
        return 0;
    }
    return 0;
}

// Records whose batch a kill can no longer take away are the worker's room again.
static void release(uint32_t lane)
{
    struct taker *t = &g.taker[lane];
    uint64_t sig = g.sender ? sender_seq(g.sender, false).durable : UINT64_MAX;
    uint64_t rtp = g.sender ? sender_seq(g.sender, true).durable : UINT64_MAX;
    const struct xring_record *rec;
    while ((rec = xring_peek_until(&t->stored, t->in.at))) {
        if ((rec->kind == OUT_SIG && rec->mark > sig) || (rec->kind == OUT_RTP && rec->mark > rtp))
            break;
        xring_next(&t->stored);
    }
    xring_release(t->stored.ring, t->stored.at);
}

// The journals' memory is small, and what finds no room there is lost: they are given as much as they store. Behind
// that the worker's ring fills, behind that the kernel's.
static bool too_much_in_flight(uint32_t lane)
{
    const struct taker *t = &g.taker[lane];
    if (!g.sender || t->in.at - t->stored.at <= IN_FLIGHT / g.live->lanes)
        return false;
    release(lane);
    return t->in.at - t->stored.at > IN_FLIGHT / g.live->lanes;
}

// How many records were taken, or negative errno.
static int take_from(uint32_t lane)
{
    struct taker *t = &g.taker[lane];
    int n = 0;
    const struct xring_record *rec;
    while (n < TURN && !too_much_in_flight(lane) && (rec = xring_peek(&t->in))) {
        int r = take(lane, rec);
        if (r < 0)
            return r;
        xring_next(&t->in);
        n++;
    }
    g.books.lane[lane].broken = t->in.broken;
    release(lane);
    return n;
}

// ---- what the listeners hear ----

static void give(void *ctx, size_t input, bool hep, int link_type, const struct source_packet *p)
{
    (void)ctx;
    struct in_packet head = {link_type, p->wire_length, (uint32_t)input, hep};
    uint8_t *at = xring_reserve(&g.inbox, sizeof head + p->frame.n);
    if (!at) {
        g.inbox_full++;
        return;
    }
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, p->frame.p, p->frame.n);
    xring_publish(&g.inbox, IN_PACKET, sizeof head + p->frame.n, p->at_us, 0);
}

static enum source_result listen_turn(void)
{
    const uint64_t one = 1;
    const struct inputs_sink to = {give, NULL};
    uint64_t before = g.inbox.at;
    enum source_result r = inputs_read_to(g.inputs, &to);
    if (g.inbox.at != before && write(g.live->bell_fd[0], &one, sizeof one) < 0)
        return r; // it rings already
    return r;
}

// ---- the loop ----

static void look_at_losses(void)
{
    struct live_shared *all = g.live->shared;
    struct inputs_lost lost = inputs_lost(g.inputs);
    atomic_store(&all->listener_dropped, lost.kernel + g.inbox_full);
    atomic_store(&all->hep_connections, lost.connections);
    atomic_store(&all->hep_refused, lost.refused);
    atomic_store(&all->hep_evicted, lost.evicted);
    if (!g.sender)
        return;
    struct sender_stat b = sender_stat(g.sender);
    atomic_store(&all->journal_lost, b.overwritten);
    atomic_store(&all->bus_lost, b.too_large);
}

static bool tell_pauses_to(uint32_t lane)
{
    const uint64_t one = 1;
    struct xring_producer other = xring_producer(g.live->lane[lane].inbox[lane]);
    struct xring_producer *p = lane == 0 ? &g.inbox : &other;
    uint8_t *at = xring_reserve(p, sizeof g.pauses);
    if (!at)
        return false;
    memcpy(at, &g.pauses, sizeof g.pauses);
    xring_publish(p, IN_PAUSES, sizeof g.pauses, 0, 0);
    return write(g.live->bell_fd[lane], &one, sizeof one) > 0 || errno == EAGAIN;
}

// First where a worker that begins anew finds it, then to those that are there. An inbox without room is tried again.
static void look_at_pauses(void)
{
    if (g.sender && sender_pauses(g.sender, &g.pauses)) {
        uint32_t next = (atomic_load(&g.live->shared->pauses_at) + 1) & 1u;
        g.live->shared->pauses[next] = g.pauses;
        atomic_store(&g.live->shared->pauses_at, next);
        g.pauses_told = 0;
    }
    while (g.pauses.version && g.pauses_told < g.live->lanes && tell_pauses_to(g.pauses_told))
        g.pauses_told++;
    if (g.sender)
        sender_keep_pauses(g.sender, &g.pauses);
}

static bool nothing_there(void)
{
    for (uint32_t i = 0; i < g.live->lanes; i++)
        if (xring_peek(&g.taker[i].in))
            return false;
    return true;
}

static bool room_waits(void) // records that the journal has not stored yet: look again soon
{
    for (uint32_t i = 0; i < g.live->lanes; i++)
        if (g.taker[i].stored.at != g.taker[i].in.at)
            return true;
    return false;
}

static void sleep_until_something(void)
{
    struct pollfd fds[POLLFDS] = {{.fd = g.live->out_bell_fd, .events = POLLIN}};
    uint64_t rung;
    int n = 1 + inputs_pollfds(g.inputs, fds + 1, POLLFDS - 1);
    atomic_store_explicit(&g.live->shared->sender_asleep, true, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    int64_t us = room_waits() ? STORE_US : IDLE_US;
    if (nothing_there() || room_waits())
        (void)poll(fds, (nfds_t)n, (int)(us / US_PER_MS));
    atomic_store_explicit(&g.live->shared->sender_asleep, false, memory_order_seq_cst);
    if ((fds[0].revents & POLLIN) && read(g.live->out_bell_fd, &rung, sizeof rung) < 0)
        return;
}

static bool all_have_ended(void)
{
    for (uint32_t i = 0; i < g.live->lanes; i++)
        if (!g.taker[i].ended)
            return false;
    return true;
}

// One turn: how much was done, or negative errno.
static int turn(void)
{
    int done = 0;
    for (uint32_t i = 0; i < g.live->lanes; i++) {
        int r = take_from(i);
        if (r < 0)
            return r;
        done += r;
    }
    return done;
}

int live_sender_run(void)
{
    int64_t stop_us = 0;
    while (!all_have_ended()) {
        int64_t now_us = mono_now_us();
        if (daemon_stopping() || atomic_load(&g.live->shared->stop)) {
            atomic_store(&g.live->shared->stop, true);
            daemon_request_stop();
            stop_us = stop_us ? stop_us : now_us;
            if (now_us - stop_us > DRAIN_US) {
                log_error("a worker did not end", "waited_ms=%d", (int)(DRAIN_US / US_PER_MS));
                return EX_SOFTWARE;
            }
        }
        look_at_pauses();
        int done = turn();
        if (done < 0) {
            log_error("nothing can be sent any more", "reason=\"%s\"", strerror(-done));
            return EX_UNAVAILABLE;
        }
        enum source_result heard = stop_us ? SOURCE_IDLE : listen_turn();
        if (heard == SOURCE_FAILED) {
            log_error("a listener cannot be read any more", "why=\"%s\"", inputs_error(g.inputs));
            return EX_UNAVAILABLE;
        }
        if (now_us - g.lost_us >= US_PER_S / 5) {
            look_at_losses();
            g.lost_us = now_us;
        }
        if (done == 0 && heard == SOURCE_IDLE)
            sleep_until_something();
    }
    return 0;
}

bool live_sender_ready(void)
{
    for (uint32_t i = 0; g.live && i < g.live->lanes; i++)
        if (!atomic_load(&g.live->lane[i].shared->started))
            return false;
    return g.live != NULL;
}

static int say_hello(void)
{
    struct outbox_sink sink = sender_sink(g.sender);
    if (!(g.outbox = outbox_new(&sink)))
        return EX_OSERR;
    struct outbox_hello h = {g.live->publisher, daemon_version(), g.live->input, true,
                             wall_now_us()};
    outbox_hello(g.outbox, &h);
    outbox_close_all(g.outbox);
    return 0;
}

// Marks of a forerunner whose batches did not come into the journal: cleared before we use such numbers ourselves.
static void forget_marks(struct xring_consumer c)
{
    const struct xring_record *rec;
    for (; (rec = xring_peek(&c)); xring_next(&c))
        if (rec->mark > (rec->kind == OUT_RTP ? g.found_rtp : g.found_sig))
            xring_mark(&c, 0);
}

int live_sender_start(struct live *l, struct sender *s)
{
    char err[1024] = "";
    g.sender = s;
    int r = inputs_open(&g.inputs, l->conf, err, sizeof err);
    if (r) {
        log_error(err, "%s", "");
        return r;
    }
    books_register();
    if (s) {
        g.found_sig = sender_seq(s, false).head;
        g.found_rtp = sender_seq(s, true).head;
    }
    for (uint32_t i = 0; i < l->lanes; i++) {
        g.taker[i].in = g.taker[i].stored = xring_consumer(l->lane[i].out);
        forget_marks(g.taker[i].in);
    }
    g.inbox = xring_producer(l->lane[0].inbox[0]);
    g.live = l;
    if (s && (r = say_hello()) != 0)
        return r;
    atomic_store(&l->shared->sender_ready, true);
    return 0;
}

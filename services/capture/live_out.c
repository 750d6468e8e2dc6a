#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/mono.h"
#include "bus/bus.h"
#include "live_run.h"

#define STOP_US (3 * US_PER_S) // a sender that takes nothing any more is not waited for longer

static bool stopping(const struct lane_run *w)
{
    return atomic_load_explicit(&w->live->shared->stop, memory_order_relaxed);
}

static void pause_us(int64_t us)
{
    struct timespec t = {us / US_PER_S, us % US_PER_S * 1000};
    nanosleep(&t, NULL);
}

void live_ring_bell(int fd)
{
    const uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0) // full: it rings
        return;
}

// The sender is slow, or being replaced: the kernel's ring holds the packets meanwhile, and counts when it is full.
// RTP leaves a quarter of the room to signalling, and when the kernel's ring is half full too a batch of it goes before a
// packet of SIP could be lost there: NULL.
static uint8_t *reserve(struct lane_run *w, size_t bytes, bool media)
{
    uint8_t *at = NULL;
    int64_t until = 0;
    size_t most = xring_bytes(w->out.ring) / 4 * (media ? 3 : 4);
    while (xring_used(w->out.ring) + bytes > most || !(at = xring_reserve(&w->out, bytes))) {
        if (media && tpring_waiting(&w->lane->ring, w->block) > w->lane->ring.blocks / 2)
            return NULL;
        live_ring_bell(w->live->out_bell_fd);
        pause_us(US_PER_MS);
        if (stopping(w) && !until)
            until = mono_now_us() + STOP_US;
        if (until && mono_now_us() > until)
            return NULL;
    }
    return at;
}

static void published(struct lane_run *w)
{
    atomic_thread_fence(
        memory_order_seq_cst); // the record is there before we look whether he sleeps
    if (atomic_load_explicit(&w->live->shared->sender_asleep, memory_order_seq_cst))
        live_ring_bell(w->live->out_bell_fd);
}

static void put_record(struct lane_run *w, enum out_kind kind, const void *data, size_t n,
                       int64_t a, int64_t b)
{
    if (xring_repeat(&w->out))
        return;
    uint8_t *at = reserve(w, n, false);
    if (!at)
        return;
    if (n)
        memcpy(at, data, n);
    xring_publish(&w->out, kind, n, a, b);
    published(w);
}

static int put_batch(struct lane_run *w, enum out_kind kind, const ProtobufCMessage *m, int64_t b)
{
    if (xring_repeat(&w->out))
        return 0;
    size_t n = protobuf_c_message_get_packed_size(m);
    must(n <= BUS_MESSAGE_MAX);
    uint8_t *at = reserve(w, n, kind == OUT_RTP);
    if (!at &&
        kind ==
            OUT_RTP) { // its place is taken by a word of it: a successor passes over that as well
        put_record(w, OUT_LOST, NULL, 0, 0, b);
        return 0;
    }
    if (!at)
        return -EPIPE;
    protobuf_c_message_pack(m, at);
    xring_publish(&w->out, kind, n, 0, b);
    published(w);
    return 0;
}

static int put_sig(void *ctx, const Callmesh__V1__SigBatch *b)
{
    struct lane_run *w = ctx;
    w->told.sig_batches++;
    return put_batch(w, OUT_SIG, &b->base, (int64_t)b->n_events);
}

static int put_rtp(void *ctx, const Callmesh__V1__RtpBatch *b)
{
    struct lane_run *w = ctx;
    w->told.rtp_batches++;
    w->told.rtp_packets += b->index.len / 20;
    return put_batch(w, OUT_RTP, &b->base, (int64_t)(b->index.len / 20));
}

void live_out_tick(void *ctx, int64_t at_us, bool with_counters)
{
    struct lane_run *w = ctx;
    if (with_counters) {
        w->told.counts = *worker_counts(w->worker);
        w->told.hep = *worker_hep_agents(w->worker);
        w->told.checkpoints = atomic_load(&w->lane->shared->heirs.parked);
        w->lane->shared->counts = w->told.counts;
        atomic_store(&w->lane->shared->last_stream_no, worker_last_stream_no(w->worker));
    }
    put_record(w, OUT_TICK, &w->told, with_counters ? sizeof w->told : 0, at_us, 0);
}

void live_out_end(struct lane_run *w)
{
    put_record(w, OUT_END, NULL, 0, 0, 0);
}

struct outbox_sink live_out_sink(struct lane_run *w)
{
    return (struct outbox_sink){.sig = put_sig, .rtp = put_rtp, .tick = live_out_tick, .ctx = w};
}

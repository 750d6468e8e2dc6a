#include <string.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/mono.h"
#include "live_report.h"
#include "live_run.h"

#define PLACE_BITS     20 // packets in a block
#define TICKS_A_SECOND 5

static void on_packet(void *ctx, const struct source_packet *p)
{
    struct lane_run *w = ctx;
    atomic_store_explicit(&w->lane->shared->heirs.place, w->place, memory_order_relaxed);
    if (__builtin_expect(w->heirs.skips && heirs_skips(&w->heirs, w->place), 0))
        worker_skip(w->worker, p);
    else
        worker_packet(w->worker, p);
    w->place++;
}

static void step_block(struct lane_run *w)
{
    struct worker_seen before = worker_seen(w->worker);
    worker_set_link_type(w->worker, LINK_ETHERNET);
    tpring_read(&w->lane->ring, w->block, on_packet, w);
    struct worker_seen after = worker_seen(w->worker);
    w->told.input_packets[0] += after.packets - before.packets;
    w->told.input_bytes[0] += after.bytes - before.bytes;
    w->told.input_duplicates[0] += after.duplicates - before.duplicates;
    w->block++;
}

static void take_packet(struct lane_run *w, const struct xring_record *rec, const uint8_t *at)
{
    struct in_packet head;
    if (rec->bytes < sizeof head)
        return; // no word of a sender's
    memcpy(&head, at, sizeof head);
    struct source_packet p = {
        .frame = span_of(at + sizeof head, rec->bytes - sizeof head),
        .at_us = rec->a,
        .wire_length = head.wire_length,
    };
    if (head.input >= INPUTS_MAX)
        return;
    w->told.input_packets[head.input]++;
    w->told.input_bytes[head.input] += head.wire_length;
    struct worker_seen before = worker_seen(w->worker);
    worker_set_link_type(w->worker, head.link_type);
    atomic_store_explicit(&w->lane->shared->heirs.place, w->place, memory_order_relaxed);
    if (heirs_skips(&w->heirs, w->place))
        worker_skip(w->worker, &p);
    else if (head.hep)
        worker_hep(w->worker, &p);
    else
        worker_packet(w->worker, &p);
    w->told.input_duplicates[head.input] += worker_seen(w->worker).duplicates - before.duplicates;
}

static void step_inbox(struct lane_run *w, uint32_t which)
{
    const struct xring_record *rec = xring_peek(&w->inbox[which]);
    if (!rec)
        return; // it could not be a record any more: passed over
    if (rec->kind == IN_PACKET)
        take_packet(w, rec, xring_payload(&w->inbox[which]));
    else
        live_cross_take(w, rec, xring_payload(&w->inbox[which]));
    xring_next(&w->inbox[which]);
}

static void step_tick(struct lane_run *w, const struct step *s)
{
    worker_dropped(w->worker, CAPTURE_DROP_KERNEL, s->lost.kernel);
    worker_dropped(w->worker, CAPTURE_DROP_CROSSING, s->lost.crossing);
    worker_dropped(w->worker, CAPTURE_DROP_HANDOVER, s->lost.handover);
    worker_dropped(w->worker, CAPTURE_DROP_JOURNAL, s->lost.journal);
    worker_dropped(w->worker, CAPTURE_DROP_BUS, s->lost.bus);
    worker_dropped(w->worker, CAPTURE_HEP_CONNECTIONS, s->lost.hep_connections);
    worker_dropped(w->worker, CAPTURE_HEP_REFUSED, s->lost.hep_refused);
    worker_dropped(w->worker, CAPTURE_HEP_EVICTED, s->lost.hep_evicted);
    worker_shed(w->worker, s->shed);
    if (s->announce != w->announce)
        worker_name_streams(w->worker);
    w->announce = s->announce;
    worker_tick(w->worker, s->feed_us, s->clock_us);
    if (!w->outbox)
        live_out_tick(w, s->feed_us, ++w->ticks % TICKS_A_SECOND == 0);
}

static void step_end(struct lane_run *w)
{
    worker_end(w->worker, false);
    live_out_tick(w, worker_last_at_us(w->worker), true);
    if (w->report)
        live_report_print(w->live, w->report, w->worker, &w->told, mono_now_us() - w->began_us);
    live_out_end(w); // the sender may end now, and with it the service
    atomic_store(&w->lane->shared->done, true);
    live_ring_bell(w->live->out_bell_fd);
    _exit(0);
}

void live_perform(struct lane_run *w, const struct step *s)
{
    w->place = w->at << PLACE_BITS;
    atomic_store_explicit(&w->lane->shared->heirs.place, w->place, memory_order_relaxed);
    bool packets = s->kind == STEP_BLOCK || s->kind == STEP_INBOX;
    if (!packets && s->kind != STEP_END && heirs_skips(&w->heirs, w->place))
        return; // it ended two workers
    switch ((enum step_kind)s->kind) {
    case STEP_BLOCK:
        step_block(w);
        break;
    case STEP_INBOX:
        step_inbox(w, s->which);
        break;
    case STEP_TICK:
        step_tick(w, s);
        break;
    case STEP_CLOSE:
        outbox_close_old(w->outbox, s->clock_us);
        break;
    case STEP_REST:
        break;
    case STEP_END:
        step_end(w);
    }
}

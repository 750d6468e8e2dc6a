#include "intake.h"
#include <string.h>
#include "base/log.h"
#include "base/mono.h"
#include "call.h"
#include "expiry.h"
#include "media_join.h"
#include "pause.h"
#include "plant.h"
#include "recorders.h"
#include "recordings.h"
#include "rows.h"
#include "signalling.h"
#include "stats.h"
#include "wire/dtmf.h"

#define UP_US    (5 * US_PER_S)
#define STORE_US (5 * US_PER_S)
// A message moves feed time at once, media of the same moment may still have been in a batch of 20 ms when the harvester died.
#define DOWN_SLACK_US (200 * US_PER_MS)

static void room(struct intake *in)
{
    if (world_batch_full(in->w))
        in->seal(in->ctx);
}

static struct cursor known_at(const struct intake *in, const struct publisher *p)
{
    for (size_t i = 0; i < in->knowns; i++)
        if (strcmp(in->known[i].publisher, p->name) == 0 &&
            memcmp(in->known[i].incarnation, p->incarnation, sizeof p->incarnation) == 0)
            return in->known[i].at;
    return (struct cursor){0, 0};
}

static void new_incarnation(struct intake *in, struct publisher *p, struct span incarnation)
{
    if (p->taken.seq != p->sealed.seq || p->taken.done != p->sealed.done)
        in->seal(in->ctx); // the old one's cursor goes first
    memcpy(p->incarnation, incarnation.p, sizeof p->incarnation);
    p->taken = p->sealed = known_at(in, p);
    p->ended = false;
}

// What the bus says is gone before this envelope: at least so many numbers, in the time since the last that we had.
static void on_lost_before(struct intake *in, struct publisher *p,
                           const Callmesh__V1__Envelope *env, uint64_t lost)
{
    Callmesh__V1__Loss l = CALLMESH__V1__LOSS__INIT;
    char place[] = "journal", detail[] = "envelopes that the journal no longer had";
    l.place = place;
    l.detail = detail;
    l.count = lost;
    l.from_us = p->feed_us;
    l.to_us = p->live && env->sent_at_us > p->feed_us ? env->sent_at_us : p->feed_us;
    l.bound = true; // of the time; the count is exact
    room(in);
    rows_loss(in->w, p, env->seq, -1, env->seq > lost ? env->seq - lost : 1, &l);
    p->lost += lost;
    count_n(STAT_LOST_ENVELOPES, lost);
    log_warn("a journal lost envelopes before we had them", "publisher=%s envelopes=%llu", p->name,
             (unsigned long long)lost);
}

// Numbers that are passed over: lost as far as the bus says so; before the first contact with this database, none of ours; else the
// book does not balance, and that is an alarm.
static void book_gap(struct publisher *p, uint64_t gap, uint64_t lost)
{
    uint64_t declared = gap < lost ? gap : lost;
    p->book.lost += declared;
    if (p->taken.seq == 0 && p->sealed.seq == 0)
        p->book.base += gap - declared;
}

struct publisher *intake_begin(struct intake *in, const Callmesh__V1__Envelope *env,
                               uint32_t bus_slot, uint64_t lost_before)
{
    struct world *w = in->w;
    uint16_t index;
    if (env->incarnation.len != sizeof w->publisher[0].incarnation)
        return NULL;
    struct publisher *p =
        publisher_intern(w, span_str(env->publisher), span_str(env->site), &index);
    if (!p) {
        count(STAT_FULL_PUBLISHERS);
        log_error("publisher table full: a feed is refused",
                  "publisher=%s setting=limits.publishers", env->publisher);
        return NULL;
    }
    if (memcmp(p->incarnation, env->incarnation.data, sizeof p->incarnation) != 0)
        new_incarnation(in, p, span_of(env->incarnation.data, env->incarnation.len));
    if (env->seq != p->taken.seq + 1)
        p->taken.done = 0;
    if (env->kind == CALLMESH__V1__KIND__KIND_REPORT)
        recorders_heard(w, p);
    else
        p->is_recorder = false;
    p->epoch = env->epoch;
    p->bus_slot = bus_slot;
    p->bound = true;
    p->last_seen_wall_us = w->wall_us;
    if (!p->up && !p->ended) {
        p->up = true;
        p->tell = p->dirty = !p->is_recorder; // harvesters are listed, recorders are not
        log_info("publisher is here", "publisher=%s site=%s epoch=%llu", p->name,
                 w->site[p->site].name, (unsigned long long)p->epoch);
    }
    count(STAT_ENVELOPES);
    if (env->seq > p->taken.seq + 1)
        book_gap(p, env->seq - p->taken.seq - 1, lost_before);
    if (lost_before)
        on_lost_before(in, p, env, lost_before);
    return p;
}

static void event_done(struct publisher *p, uint64_t seq, uint32_t n)
{
    p->taken.seq = seq - 1;
    p->taken.done = n + 1;
}

static void envelope_done(struct publisher *p, uint64_t seq, bool used)
{
    p->taken.seq = seq;
    p->taken.done = 0;
    p->book.applied += used;
    p->book.quarantined += !used;
}

// A newer publisher's word: its bytes are kept, so that a later version can take them in.
static void unknown_event(struct world *w, struct publisher *p, uint64_t seq, int n,
                          const ProtobufCMessage *e)
{
    uint8_t buf[16384];
    size_t size = protobuf_c_message_get_packed_size(e);
    count(STAT_UNKNOWN_EVENTS);
    if (size > sizeof buf)
        rows_quarantine(w, p, seq, n, "unknown event, longer than 16 KiB", span_of("", 0));
    else
        rows_quarantine(w, p, seq, n, "unknown event",
                        span_of(buf, protobuf_c_message_pack(e, buf)));
}

// ---- sig feed -----------------------------------------------------------------------------------------------------

static void on_sip(struct intake *in, struct publisher *p, uint64_t seq, uint32_t n,
                   const Callmesh__V1__SipMessage *s)
{
    struct world *w = in->w;
    struct message m = {.publisher = (uint16_t)(p - w->publisher),
                        .site = p->site,
                        .seq = seq,
                        .n = n,
                        .at_us = s->at_us,
                        .transport = (uint8_t)s->transport,
                        .raw = span_of(s->raw.data, s->raw.len),
                        .sip = w->sip};
    p->sip_messages++;
    if (!endpoint_from_pb(s->src, &m.src) || !endpoint_from_pb(s->dst, &m.dst) ||
        m.raw.n > UINT16_MAX || m.at_us < 0) {
        static uint8_t copy[UINT16_MAX]; // without its digits, as what is stored in order
        size_t masked = 0;
        (void)sip_parse(m.raw, w->sip);
        if (!w->keep_digits)
            m.raw = dtmf_masked(w->sip, m.raw, copy, sizeof copy, &masked);
        count_n(STAT_DIGITS_MASKED, masked);
        rows_quarantine(w, p, seq, (int)n, "no addresses, no time, or too long", m.raw);
        return;
    }
    m.usable = sip_parse(m.raw, w->sip);
    if (m.at_us > p->feed_us)
        p->feed_us = m.at_us;
    call_on_message(w, &m);
}

static void on_signalling(struct intake *in, struct publisher *p, uint64_t seq, uint32_t n,
                          const Callmesh__V1__SignallingEvent *e)
{
    if (!signalling_readable(e)) {
        rows_quarantine(in->w, p, seq, (int)n,
                        "signalling event without addresses, time, key or kind",
                        span_of(e->call_key.data, e->call_key.len));
        return;
    }
    if (e->at_us > p->feed_us)
        p->feed_us = e->at_us;
    signalling_on_event(in->w, (uint16_t)(p - in->w->publisher), e);
}

// Between what an earlier life of this live harvester had said it had seen and what the new one sees: nobody listened. How many
// packets passed nobody can know. A life that ended by an order said so (EndOfInput), and its calls ended with it.
static void on_gap_in_life(struct intake *in, struct publisher *p, uint64_t seq, uint32_t n,
                           const Callmesh__V1__Hello *h)
{
    int64_t from = p->feed_us - DOWN_SLACK_US,
            to = h->captured_from_us ? h->captured_from_us : h->started_at_us;
    if (!h->live || p->ended || !p->feed_us || to <= p->feed_us)
        return;
    Callmesh__V1__Loss l = CALLMESH__V1__LOSS__INIT;
    char place[] = "capture_down", detail[] = "the harvester was down";
    l.place = place;
    l.detail = detail;
    l.from_us = from;
    l.to_us = to;
    l.bound = true;
    rows_loss(in->w, p, seq, (int)n, 0, &l);
    count(STAT_LOSS_RECORDS);
    log_warn("a harvester was down: what passed meanwhile is lost", "publisher=%s seconds=%.3f",
             p->name, (double)(to - from) / US_PER_S);
}

static void on_hello(struct intake *in, struct publisher *p, uint64_t seq, uint32_t n,
                     const Callmesh__V1__Hello *h)
{
    on_gap_in_life(in, p, seq, n, h);
    (void)span_utf8(span_str(h->version), p->version, sizeof p->version);
    (void)span_utf8(span_str(h->input), p->input, sizeof p->input);
    p->live = h->live;
    p->digit_codes = h->digit_codes;
    p->started_us = h->started_at_us;
    p->ended = false;
    p->dirty = p->tell = true;
}

static bool is_drop(const char *name)
{
    return strstr(name, "dropped_total") != NULL || strstr(name, "overwritten") != NULL;
}

// The longest list is looked through once a second for each name of each harvester.
static bool counter_name(struct world *w, struct span text, uint16_t *ret)
{
    struct counter_name n = {0};
    size_t i = 0;
    (void)span_utf8(text, n.s, sizeof n.s);
    while (i < w->counter_names && strcmp(w->counter_name[i].s, n.s) != 0)
        i++;
    if (i == COUNTER_NAMES_MAX) {
        count(STAT_FULL_COUNTERS);
        return false;
    }
    if (i == w->counter_names)
        w->counter_name[w->counter_names++] = n;
    *ret = (uint16_t)i;
    return true;
}

static void on_tick(struct world *w, struct publisher *p, const Callmesh__V1__Tick *t)
{
    publisher_touch_feed(w, p, t->at_us);
    if (t->n_counters) {
        p->counters_n = 0;
        p->drops = 0;
        for (size_t i = 0; i < t->n_counters && i < COUNTERS_MAX; i++) {
            const Callmesh__V1__Counter *c = t->counters[i];
            uint16_t name;
            if (counter_name(w, span_str(c->name), &name))
                p->counter[p->counters_n++] = (struct counter){c->value, name};
            if (strcmp(c->name, "capture_packets_total") == 0)
                p->packets = c->value;
            else if (strcmp(c->name, "capture_rtp_packets_total") == 0)
                p->rtp_packets = c->value;
            else if (is_drop(c->name))
                p->drops += c->value;
        }
    }
    p->tell = true;
    if (w->wall_us - p->stored_wall_us >= STORE_US) {
        p->stored_wall_us = w->wall_us;
        p->dirty = true;
    }
}

static void streams_end(struct intake *in, struct publisher *p)
{
    struct world *w = in->w;
    for (size_t i = 0; i < w->lim.streams; i++) {
        struct stream *s = slab_at(w->streams, i);
        if (!s || s->ended || s->publisher != p - w->publisher)
            continue;
        room(in);
        s->ended = true;
        media_touch(w, s);
        if (s->call)
            call_touch(w, s->call, false);
    }
}

static void on_end(struct intake *in, struct publisher *p, const Callmesh__V1__EndOfInput *e)
{
    struct world *w = in->w;
    streams_end(in, p);
    // Batches that fill up on the way are sealed with the cursor before this event: after a crash it is done again.
    while (!expiry_end_of_input(w, (uint16_t)(p - w->publisher), e->at_us))
        in->seal(in->ctx);
    while (!call_rows_due(w, true))
        in->seal(in->ctx);
    room(in);
    p->ended = true;
    p->up = false; // its place may be given to another
    p->packets = e->packets;
    p->rtp_packets = e->rtp_packets;
    p->sip_messages = e->sip_messages;
    if (e->at_us > p->feed_us)
        p->feed_us = e->at_us;
    p->dirty = p->tell = true;
    p->told_wall_us = 0;
    log_info("input has ended", "publisher=%s packets=%llu sip=%llu rtp=%llu", p->name,
             (unsigned long long)e->packets, (unsigned long long)e->sip_messages,
             (unsigned long long)e->rtp_packets);
}

void intake_sig(struct intake *in, struct publisher *p, uint64_t seq,
                const Callmesh__V1__SigBatch *b)
{
    struct world *w = in->w;
    uint16_t index = (uint16_t)(p - w->publisher);
    for (uint32_t n = p->taken.done; n < b->n_events; n++) {
        const Callmesh__V1__SigEvent *e = b->events[n];
        room(in);
        switch (e->event_case) {
        case CALLMESH__V1__SIG_EVENT__EVENT_HELLO:
            on_hello(in, p, seq, n, e->hello);
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_SIP:
            if (!plant_now(PLANT_DROP))
                on_sip(in, p, seq, n, e->sip);
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_SIGNALLING:
            on_signalling(in, p, seq, n, e->signalling);
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_CODE:
            pause_on_code(w, p->site, e->code);
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_STREAM:
            media_on_report(w, index, e->stream);
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_LOSS:
            rows_loss(w, p, seq, (int)n, 0, e->loss);
            p->lost += e->loss->count;
            count(STAT_LOSS_RECORDS);
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_TICK:
            on_tick(w, p, e->tick);
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_END:
            on_end(in, p, e->end);
            break;
        default: // a newer publisher's word
            unknown_event(w, p, seq, (int)n, &e->base);
            break;
        }
        if (e->base.n_unknown_fields && e->event_case)
            count(STAT_UNKNOWN_FIELDS);
        event_done(p, seq, n);
    }
    envelope_done(p, seq, true);
}

// ---- report feed --------------------------------------------------------------------------------------------------

void intake_report(struct intake *in, struct publisher *p, uint64_t seq,
                   const Callmesh__V1__ReportBatch *b)
{
    struct world *w = in->w;
    for (uint32_t n = p->taken.done; n < b->n_events; n++) {
        const Callmesh__V1__ReportEvent *e = b->events[n];
        room(in);
        switch (e->event_case) {
        case CALLMESH__V1__REPORT_EVENT__EVENT_RECORDING:
            recordings_on_report(w, (uint16_t)(p - w->publisher), e->recording);
            break;
        case CALLMESH__V1__REPORT_EVENT__EVENT_ALIVE:
            break; // that it came is all it says
        default:
            unknown_event(w, p, seq, (int)n, &e->base);
            break;
        }
        event_done(p, seq, n);
    }
    envelope_done(p, seq, true);
}

void intake_unreadable(struct intake *in, struct publisher *p, uint64_t seq, const char *why,
                       struct span payload)
{
    room(in);
    rows_quarantine(in->w, p, seq, -1, why, payload);
    log_warn("an envelope could not be read: kept in quarantine",
             "publisher=%s seq=%llu why=\"%s\"", p->name, (unsigned long long)seq, why);
    envelope_done(p, seq, false);
}

void intake_tick(struct intake *in)
{
    struct world *w = in->w;
    for (size_t i = 0; i < w->lim.publishers; i++) {
        struct publisher *p = &w->publisher[i];
        if (!p->used || !p->up || w->wall_us - p->last_seen_wall_us < UP_US)
            continue;
        p->up = false;
        p->tell = !p->is_recorder;
        p->dirty = !p->is_recorder;
        site_feed_refresh(w, p->site);
        log_info(p->ended ? "publisher has finished" : "publisher is silent", "publisher=%s",
                 p->name);
    }
}

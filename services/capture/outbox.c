// Two boxes, one for each feed, filled and closed by the same rules. Over 450 lines: a function for each thing that is told.
#include "outbox.h"
#include <endian.h>
#include <stdlib.h>
#include "base/stat.h"
#include "outbox_priv.h"

static const struct stat_def untold_def = {
    "capture_counters_untold", NULL, "counters that the last Tick had no room for", STAT_GAUGE};
static struct stat_cell untold;

size_t outbox_bytes(void)
{
    return sizeof(struct outbox);
}

struct outbox *outbox_new(const struct outbox_sink *sink)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->sink = *sink;
    stat_register(&untold_def, &untold, 1);
    for (size_t i = 0; i < SIG_SLOTS; i++)
        o->sig.events[i] = &o->sig.slot[i].event;
    for (size_t i = 0; i < COUNTERS_MAX; i++)
        o->sig.counters[i] = &o->sig.counter[i];
    for (size_t i = 0; i < RTP_STREAMS; i++)
        o->rtp.streams[i] = &o->rtp.info[i].info;
    for (size_t i = 0; i < RTP_LOSSES; i++)
        o->rtp.losses[i] = &o->rtp.loss[i];
    callmesh__v1__sig_batch__init(&o->sig.batch);
    callmesh__v1__rtp_batch__init(&o->rtp.batch);
    return o;
}

struct outbox *outbox_free(struct outbox *o)
{
    free(o);
    return NULL;
}

int outbox_error(const struct outbox *o)
{
    return o->error;
}

void outbox_close_sig(struct outbox *o)
{
    struct sig_box *b = &o->sig;
    if (b->batch.n_events && !o->error) {
        b->batch.events = b->events;
        o->error = o->sink.sig(o->sink.ctx, &b->batch);
    }
    b->batch.n_events = 0;
    b->used = 0;
    b->counters_taken = false;
    b->signallings = 0;
    b->opened_us = 0;
}

static void close_rtp(struct outbox *o)
{
    struct rtp_box *b = &o->rtp;
    if (b->dirty && !o->error) {
        b->batch.streams = b->streams;
        b->batch.index = (ProtobufCBinaryData){b->index_used, b->index};
        b->batch.data = (ProtobufCBinaryData){b->data_used, b->data};
        b->batch.ended = b->ended;
        b->batch.losses = b->losses;
        b->batch.watermark_us = o->feed_us;
        o->error = o->sink.rtp(o->sink.ctx, &b->batch);
    }
    b->batch.n_streams = b->batch.n_ended = b->batch.n_losses = 0;
    b->index_used = b->data_used = 0;
    b->dirty = false;
    b->opened_us = 0;
}

void outbox_close_all(struct outbox *o)
{
    outbox_close_sig(o);
    close_rtp(o);
}

void outbox_close_old(struct outbox *o, int64_t clock_us)
{
    o->clock_us = clock_us;
    if (o->sig.opened_us && clock_us - o->sig.opened_us >= OUTBOX_SIG_AGE_US)
        outbox_close_sig(o);
    if (o->rtp.opened_us && clock_us - o->rtp.opened_us >= OUTBOX_RTP_AGE_US)
        close_rtp(o);
}

bool outbox_is_open(const struct outbox *o)
{
    return o->sig.opened_us || o->rtp.opened_us;
}

void outbox_set_feed_time(struct outbox *o, int64_t feed_us)
{
    if (feed_us > o->feed_us)
        o->feed_us = feed_us;
}

// ---- sig ----

static struct sig_slot *sig_take(struct outbox *o, size_t bytes)
{
    struct sig_box *b = &o->sig;
    if (b->batch.n_events == SIG_SLOTS || b->used >= BATCH_BYTES ||
        bytes > sizeof b->data - b->used)
        outbox_close_sig(o);
    if (b->batch.n_events == 0)
        b->opened_us = o->clock_us ? o->clock_us : 1;
    struct sig_slot *s = &b->slot[b->batch.n_events++];
    callmesh__v1__sig_event__init(&s->event);
    return s;
}

static void put_info(struct info_slot *i, const struct stream *s, const struct stream_cold *c)
{
    i->src_at = stream_src(s);
    i->dst_at = stream_dst(s);
    i->id = c->id;
    outbox_put_endpoint(&i->src, &i->src_at);
    outbox_put_endpoint(&i->dst, &i->dst_at);
    callmesh__v1__stream_info__init(&i->info);
    i->info.stream_no = s->no;
    i->info.stream_id = (ProtobufCBinaryData){sizeof i->id.b, i->id.b};
    i->info.src = &i->src;
    i->info.dst = &i->dst;
    i->info.ssrc = s->ssrc;
    i->info.first_at_us = c->first_at_us;
    i->info.payload_type = c->first_payload_type;
    i->info.announced = s->flags & STREAM_ANNOUNCED;
}

// Literals live for ever; protobuf-c's fields are not const.
static char *literal(const char *s)
{
    union {
        const char *in;
        char *out;
    } u = {.in = s};
    return u.out;
}

void outbox_hello(struct outbox *o, const struct outbox_hello *h)
{
    struct sig_slot *s = sig_take(o, 0);
    s->event.event_case = CALLMESH__V1__SIG_EVENT__EVENT_HELLO;
    s->event.hello = &s->hello;
    callmesh__v1__hello__init(&s->hello);
    s->hello.harvester = literal(h->harvester);
    s->hello.version = literal(h->version);
    s->hello.input = literal(h->input);
    s->hello.live = h->live;
    s->hello.digit_codes = true;
    s->hello.started_at_us = h->started_at_us;
}

void outbox_sip(struct outbox *o, const struct pkt *p, struct span message, bool truncated,
                uint64_t frame)
{
    if (message.n > UINT16_MAX) {
        message.n = UINT16_MAX;
        truncated = true;
    }
    struct sig_slot *s = sig_take(o, message.n);
    uint8_t *raw = o->sig.data + o->sig.used;
    memcpy(raw, message.p, message.n);
    o->sig.used += message.n;
    s->event.event_case = CALLMESH__V1__SIG_EVENT__EVENT_SIP;
    s->event.sip = &s->sip;
    callmesh__v1__sip_message__init(&s->sip);
    s->info.src_at = (struct endpoint){p->src, p->sport};
    s->info.dst_at = (struct endpoint){p->dst, p->dport};
    outbox_put_endpoint(&s->info.src, &s->info.src_at);
    outbox_put_endpoint(&s->info.dst, &s->info.dst_at);
    s->sip.at_us = p->at_us;
    s->sip.src = &s->info.src;
    s->sip.dst = &s->info.dst;
    s->sip.transport = p->protocol == 6    ? CALLMESH__V1__TRANSPORT__TRANSPORT_TCP
                       : p->protocol == 22 ? CALLMESH__V1__TRANSPORT__TRANSPORT_TLS // HEP's word
                                           : CALLMESH__V1__TRANSPORT__TRANSPORT_UDP;
    s->sip.raw = (ProtobufCBinaryData){message.n, raw};
    s->sip.truncated = truncated;
    s->sip.frame = frame;
}

void outbox_code(struct outbox *o, int64_t at_us, const char *code, const struct uuid *stream,
                 struct span call_id)
{
    call_id = span_sub(call_id, 0, BATCH_BYTES);
    struct sig_slot *s = sig_take(o, call_id.n);
    uint8_t *id = o->sig.data + o->sig.used;
    if (call_id.n)
        memcpy(id, call_id.p, call_id.n);
    o->sig.used += call_id.n;
    s->event.event_case = CALLMESH__V1__SIG_EVENT__EVENT_CODE;
    s->event.code = &s->code;
    callmesh__v1__digit_code__init(&s->code);
    s->code.at_us = at_us;
    (void)span_copy(span_str(code), s->codec, sizeof s->codec);
    s->code.code = s->codec;
    s->code.sip_call_id = (ProtobufCBinaryData){call_id.n, id};
    if (stream) {
        s->info.id = *stream;
        s->code.stream_id = (ProtobufCBinaryData){sizeof s->info.id.b, s->info.id.b};
    }
}

void outbox_signalling(struct outbox *o, const struct sigcall *c, const struct sigcall_event *e,
                       uint64_t frame)
{
    if (o->sig.signallings == SIGNALLING_SLOTS)
        outbox_close_sig(o);
    struct sig_slot *s = sig_take(o, 0);
    s->event.event_case = CALLMESH__V1__SIG_EVENT__EVENT_SIGNALLING;
    s->event.signalling = &s->signalling;
    outbox_put_signalling(&s->signalling, &o->sig.signalling[o->sig.signallings++], c, e);
    s->signalling.frame = frame;
}

static void put_rtcp(struct sig_slot *s, const struct stream_rtcp *r)
{
    memcpy(s->cname, r->cname, sizeof s->cname);
    outbox_rtcp(&s->rtcp, &s->xr, r);
    s->rtcp.cname = s->cname;
    s->stream.rtcp = &s->rtcp;
}

void outbox_report(struct outbox *o, const struct stream *st, const struct stream_cold *c,
                   const struct play *p, bool ended)
{
    struct sig_slot *s = sig_take(o, 0);
    s->event.event_case = CALLMESH__V1__SIG_EVENT__EVENT_STREAM;
    s->event.stream = &s->stream;
    callmesh__v1__stream_report__init(&s->stream);
    put_info(&s->info, st, c);
    Callmesh__V1__StreamReport *r = &s->stream;
    r->info = &s->info.info;
    r->ended = ended;
    r->last_at_us = st->q.last_at_us;
    r->packets = st->q.packets;
    r->bytes = st->q.bytes;
    r->lost = quality_lost(&st->q);
    r->out_of_order = st->q.out_of_order;
    r->duplicates = st->q.duplicates;
    r->jitter_us = quality_whole_us(st->q.jitter_us);
    r->jitter_max_us = quality_whole_us(st->q.jitter_max_us);
    r->delta_max_us = st->q.delta_max_us;
    for (uint8_t i = 0; i < c->payload_types; i++)
        s->payload_types[i] = c->payload_type[i];
    r->n_payload_types = c->payload_types;
    r->payload_types = s->payload_types;
    r->dtmf_packets = c->dtmf_packets;
    r->ptime_us = quality_ptime_us(&st->q);
    r->clock_rate = c->clock_rate;
    memcpy(s->codec, c->codec, sizeof s->codec);
    r->codec = s->codec;
    r->first_seq = c->first_seq;
    r->first_timestamp = c->first_timestamp;
    r->srtp = st->flags & STREAM_SRTP;
    outbox_quality(&s->quality, c, p);
    r->quality = &s->quality;
    if (c->rtcp.packets)
        put_rtcp(s, &c->rtcp);
}

static void take_counter(void *ctx, const struct stat_def *def, uint64_t value)
{
    struct sig_box *b = ctx;
    if (b->ncounters == COUNTERS_MAX) {
        b->untold++;
        return;
    }
    size_t i = b->ncounters++;
    char *name = b->counter_name[i];
    if (!name[0]) { // the order of the counters never changes: written once
        size_t cap = sizeof b->counter_name[i];
        size_t n = span_copy(span_str(def->name), name, cap);
        if (def->labels && n + 3 < cap) {
            name[n++] = '{';
            n += span_copy(span_str(def->labels), name + n, cap - n - 1);
            name[n++] = '}';
            name[n] = 0;
        }
    }
    callmesh__v1__counter__init(&b->counter[i]);
    b->counter[i].name = name;
    b->counter[i].value = value;
}

void outbox_tick(struct outbox *o, int64_t at_us, bool with_counters)
{
    if (o->sink.tick) {
        outbox_close_sig(o);
        o->sink.tick(o->sink.ctx, at_us, with_counters);
        return;
    }
    if (with_counters && o->sig.counters_taken)
        outbox_close_sig(o);
    struct sig_slot *s = sig_take(o, 0);
    s->event.event_case = CALLMESH__V1__SIG_EVENT__EVENT_TICK;
    s->event.tick = &s->tick;
    callmesh__v1__tick__init(&s->tick);
    s->tick.at_us = at_us;
    if (with_counters) {
        o->sig.ncounters = o->sig.untold = 0;
        stat_each(take_counter, &o->sig);
        stat_set(&untold, o->sig.untold);
        s->tick.n_counters = o->sig.ncounters;
        s->tick.counters = o->sig.counters;
        o->sig.counters_taken = true;
    }
}

static void put_loss(Callmesh__V1__Loss *out, char detail[LOSS_DETAIL], const struct outbox_loss *l)
{
    callmesh__v1__loss__init(out);
    out->place = literal(l->place);
    out->count = l->count;
    out->from_us = l->from_us;
    out->to_us = l->to_us;
    if (!l->stream)
        return;
    size_t n = span_copy(SPAN_LIT("stream "), detail, LOSS_DETAIL);
    uuid_format(l->stream, detail + n);
    out->detail = detail;
}

// ---- rtp ----

static void rtp_open(struct outbox *o)
{
    if (!o->rtp.dirty) {
        o->rtp.dirty = true;
        o->rtp.opened_us = o->clock_us ? o->clock_us : 1;
    }
}

void outbox_watermark(struct outbox *o)
{
    rtp_open(o);
}

void outbox_loss(struct outbox *o, const struct outbox_loss *l, bool media)
{
    struct sig_slot *s = sig_take(o, 0);
    s->event.event_case = CALLMESH__V1__SIG_EVENT__EVENT_LOSS;
    s->event.loss = &s->loss;
    put_loss(&s->loss, s->detail, l);
    if (!media)
        return;
    struct rtp_box *b = &o->rtp;
    if (b->batch.n_losses == RTP_LOSSES)
        close_rtp(o);
    rtp_open(o);
    size_t i = b->batch.n_losses++;
    put_loss(&b->loss[i], b->detail[i], l);
}

void outbox_end(struct outbox *o, const struct outbox_end *e)
{
    struct sig_slot *s = sig_take(o, 0);
    s->event.event_case = CALLMESH__V1__SIG_EVENT__EVENT_END;
    s->event.end = &s->end;
    callmesh__v1__end_of_input__init(&s->end);
    s->end.at_us = e->at_us;
    s->end.packets = e->packets;
    s->end.sip_messages = e->sip_messages;
    s->end.rtp_packets = e->rtp_packets;
    s->end.truncated = e->truncated;
    rtp_open(o);
    o->rtp.batch.end_of_input = true;
    outbox_close_all(o);
    o->rtp.batch.end_of_input = false;
}

void outbox_media(struct outbox *o, uint32_t stream_no, int64_t at_us, struct span packet,
                  bool probation)
{
    struct rtp_box *b = &o->rtp;
    if (packet.n > UINT16_MAX)
        packet.n = UINT16_MAX; // a joined datagram is shorter: its UDP length has 16 bits
    if (b->index_used + b->data_used >= BATCH_BYTES ||
        b->index_used + RTP_INDEX_BYTES > sizeof b->index)
        close_rtp(o);
    rtp_open(o);
    struct {
        uint64_t at_us;
        uint32_t stream_no, offset;
        uint16_t length, flags;
    } __attribute__((packed)) rec = {
        htole64((uint64_t)at_us),    htole32(stream_no),         htole32((uint32_t)b->data_used),
        htole16((uint16_t)packet.n), htole16(probation ? 1 : 0),
    };
    _Static_assert(sizeof rec == RTP_INDEX_BYTES, "index record");
    memcpy(b->index + b->index_used, &rec, sizeof rec);
    memcpy(b->data + b->data_used, packet.p, packet.n);
    b->index_used += sizeof rec;
    b->data_used += packet.n;
}

void outbox_stream_info(struct outbox *o, const struct stream *s, const struct stream_cold *c)
{
    struct rtp_box *b = &o->rtp;
    if (b->batch.n_streams == RTP_STREAMS)
        close_rtp(o);
    rtp_open(o);
    put_info(&b->info[b->batch.n_streams++], s, c);
}

void outbox_stream_ended(struct outbox *o, uint32_t stream_no)
{
    struct rtp_box *b = &o->rtp;
    if (b->batch.n_ended == RTP_ENDED)
        close_rtp(o);
    rtp_open(o);
    b->ended[b->batch.n_ended++] = stream_no;
}

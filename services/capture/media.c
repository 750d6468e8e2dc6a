// A little over 450 lines: the way of RTP, RTCP and DTLS into one stream table, and what it says of a stream, are read together.
// The media half of the worker: a packet finds its stream with one hash, or begins one; SDP or probation makes it sure.
#include <stdio.h>
#include <string.h>
#include "base/mono.h"
#include "duplicates.h"
#include "worker_priv.h"

#define DIGIT_EVENTS   16 // 0-9, *, #, A-D
#define STAR_EVENT     10
#define CLOCK_GUESS_US US_PER_S // of time stamps, before they tell a clock

// What SDP says of these addresses. The receiver chose the payload types (RFC 3264 5.1), so its side speaks first.
struct announced {
    const struct media_addr *dst, *src;
};

static struct announced announced_of(const struct worker *w, const struct endpoint *src,
                                     const struct endpoint *dst)
{
    return (struct announced){
        media_table_find(w->media, &dst->ip, dst->port),
        media_table_find(w->media, &src->ip, src->port),
    };
}

static struct announced stream_announced(const struct worker *w, const struct stream *s)
{
    struct endpoint src = stream_src(s), dst = stream_dst(s);
    return announced_of(w, &src, &dst);
}

// 0 when neither SDP nor RFC 3551 knows the payload type.
static struct media_format format_of(const struct announced *a, uint8_t payload_type)
{
    const struct media_format *f = a->dst ? media_addr_format(a->dst, payload_type) : NULL;
    if (!f && a->src)
        f = media_addr_format(a->src, payload_type);
    struct sdp_format st;
    bool is_static = sdp_static_format(payload_type, &st);
    if (f && f->codec[0] && !(is_static && span_ieq(span_str(f->codec), st.codec)))
        return *f;
    struct media_format out = {0};
    if (is_static) { // as RFC 3551 writes it, whatever the case in the SDP
        out.clock_rate = st.clock_rate;
        span_copy(st.codec, out.codec, sizeof out.codec);
    }
    return out;
}

static bool codec_is_aid(const char *codec)
{
    return strcasecmp(codec, "telephone-event") == 0 || strcasecmp(codec, "CN") == 0 ||
           strcasecmp(codec, "tone") == 0;
}

// The stream's codec is that of its first payload type that is sound or picture; events and noise stand in only until
// such a one comes.
static void stream_take_codec(struct stream_cold *c, struct play *p, const struct media_format *f)
{
    if (f->codec[0] && (!c->codec[0] || (codec_is_aid(c->codec) && !codec_is_aid(f->codec)))) {
        memcpy(c->codec, f->codec, sizeof c->codec);
        c->clock_rate = f->clock_rate;
        p->codec = emodel_codec(c->codec);
    }
}

static void stream_payload_type(struct worker *w, struct stream *s, struct stream_cold *c,
                                const struct rtp *r)
{
    struct announced a = stream_announced(w, s);
    struct media_format f = format_of(&a, r->payload_type);
    s->payload_type = r->payload_type;
    s->flags &= (uint8_t) ~(STREAM_UNTIMED | STREAM_EVENT);
    if (strcasecmp(f.codec, "telephone-event") == 0)
        s->flags |= STREAM_UNTIMED | STREAM_EVENT;
    else if (codec_is_aid(f.codec) ||
             (!f.codec[0] && r->payload.n == 4)) // an event nobody announced (RFC 4733 2.3)
        s->flags |= STREAM_UNTIMED;
    else {
        quality_set_clock(&s->q, f.clock_rate); // 0: guessed later
        c->clock_from_us = s->q.last_at_us;
        c->clock_from_timestamp = r->timestamp;
    }
    stream_take_codec(c, &s->play, &f);
    for (uint8_t i = 0; i < c->payload_types; i++)
        if (c->payload_type[i] == r->payload_type)
            return;
    if (c->payload_types < STREAM_PAYLOAD_TYPES_MAX)
        c->payload_type[c->payload_types++] = r->payload_type;
    else
        w->counts.n[CAPTURE_PAYLOAD_TYPES_UNLISTED]++;
}

// The same packets give the same id, on a replay too.
static struct uuid stream_id(const struct worker *w, const struct stream *s, int64_t at_us)
{
    char name[96 + sizeof(struct flow_key) + 4];
    size_t n = span_copy(span_str(w->o.publisher), name, 96);
    memcpy(name + n, s, 41); // key and family
    memcpy(name + n + 41, &s->no, sizeof s->no);
    return uuid_v7_derived(at_us, span_of(name, n + 41 + sizeof s->no));
}

static void stream_confirm(struct worker *w, struct stream *s)
{
    flows_confirm(w->flows, s, w->last_at_us);
    w->counts.n[CAPTURE_STREAMS_CONFIRMED]++;
    w->counts.n[CAPTURE_RTP] += s->q.packets; // those that came during probation
}

static void stream_mark_announced(struct stream *s, const struct announced *a)
{
    s->flags |= STREAM_ANNOUNCED;
    if ((a->dst && a->dst->srtp) || (a->src && a->src->srtp))
        s->flags |= STREAM_SRTP;
}

static struct stream *stream_begin(struct worker *w, const struct pkt *p, const struct rtp *r,
                                   const struct flow_key *k, uint64_t hash)
{
    struct endpoint src = {p->src, p->sport}, dst = {p->dst, p->dport};
    struct announced a = announced_of(w, &src, &dst);
    bool announced = a.dst || a.src;
    if (!announced && !classify_may_begin(r, p->sport, p->dport))
        return NULL;
    struct stream *s = flows_add(w->flows, k, hash, p->at_us);
    if (!s) {
        w->counts.n[CAPTURE_DROP_STREAMS]++;
        return NULL;
    }
    struct stream_cold *c = flows_cold(w->flows, s);
    c->id = stream_id(w, s, p->at_us);
    c->first_timestamp = r->timestamp;
    c->first_seq = r->seq;
    c->first_payload_type = r->payload_type;
    c->drops_seen = worker_drops(w);
    quality_init(&s->q, r->seq, r->timestamp, p->at_us);
    stream_payload_type(w, s, c, r);
    if (dtls_seen_between(&w->dtls, &src, &dst, p->at_us))
        s->flags |= STREAM_SRTP;
    if (__builtin_expect(pauses_any(&w->pauses), 0) && pauses_has(&w->pauses, &src, &dst))
        s->flags |= STREAM_PAUSED;
    if (announced) {
        stream_mark_announced(s, &a);
        stream_confirm(w, s);
    }
    if (w->o.out)
        outbox_stream_info(w->o.out, s, c);
    return s;
}

static void stream_reject(struct worker *w, struct stream *s)
{
    s->state = STREAM_REJECTED;
    w->counts.n[CAPTURE_PROBATION_FAILED]++;
    if (w->o.out)
        outbox_stream_ended(w->o.out, s->no);
}

// A later packet of a stream on probation.
static void stream_on_probation(struct worker *w, struct stream *s, const struct pkt *p,
                                const struct rtp *r)
{
    struct stream_cold *c = flows_cold(w->flows, s);
    struct announced a = stream_announced(w, s);
    if (a.dst || a.src) {
        stream_mark_announced(s, &a);
        stream_confirm(w, s);
        s->payload_type = UINT8_MAX; // looked up anew
        return;
    }
    struct probation_step step = {
        .seq = (int16_t)(r->seq - s->q.max_seq),
        .timestamp = (int32_t)(r->timestamp - s->q.last_timestamp),
        .delta_us = p->at_us - s->q.last_at_us,
        .clock = c->clock_rate,
    };
    switch (probation_step(&c->probation, &step)) {
    case PROBATION_CONFIRMED:
        stream_confirm(w, s);
        break;
    case PROBATION_REJECTED:
        stream_reject(w, s);
        break;
    case PROBATION_GOES_ON:
        break;
    }
}

// Into the playout buffers.
static inline void play_packet(struct play *p, const struct play_packet *k)
{
    if (__builtin_expect(k->step == QUALITY_DUPLICATE || k->step == QUALITY_STRAY, 0))
        return;
    if (__builtin_expect(k->step == QUALITY_RESTART, 0)) {
        struct play_packet second = *k;
        second.step = 2;
        play_restart(p);
        play_step(p, &second);
        return;
    }
    play_step(p, k);
}

// Under overload what is on probation is not sent, and of the rest whole streams: the same ones while the level stands, so
// that the others stay whole. Counted here, named at the stream's next look.
static bool stream_is_shed(struct worker *w, const struct stream *s, int64_t at_us)
{
    if (s->state != STREAM_CONFIRMED) {
        w->counts.n[CAPTURE_SHED_RTP_UNKNOWN]++;
        return true;
    }
    if ((s->no * UINT32_C(2654435761)) >> 24 >= w->shed_level)
        return false;
    struct stream_cold *c = flows_cold(w->flows, s);
    w->counts.n[CAPTURE_SHED_RTP]++;
    if (c->shed++ == c->shed_told)
        c->shed_from_us = at_us;
    return true;
}

static void stream_tell_shed(struct worker *w, const struct stream *s, struct stream_cold *c)
{
    if (c->shed == c->shed_told)
        return;
    struct outbox_loss l = {"shed", c->shed - c->shed_told, c->shed_from_us, s->q.last_at_us,
                            &c->id};
    c->capture_lost += l.count;
    c->shed_told = c->shed;
    if (w->o.out)
        outbox_loss(w->o.out, &l, true);
}

// Four bytes of an untimed type that nobody explained are an event too.
static inline bool is_event(const struct stream *s, const struct rtp *r)
{
    return (s->flags & STREAM_EVENT) || ((s->flags & STREAM_UNTIMED) && r->payload.n == 4);
}

// A new event (RFC 4733 2.2: its packets share a time stamp) may complete a code; also of a call that is paused, which the code may resume.
static void look_for_code(struct worker *w, const struct stream *s, const struct rtp *r,
                          int64_t at_us)
{
    struct stream_cold *c = flows_cold(w->flows, s);
    char digit = r->payload.n >= 4 ? digit_of_event(r->payload.p[0]) : 0;
    if (!digit || (c->event_seen && c->event_timestamp == r->timestamp))
        return;
    c->event_seen = true;
    c->event_timestamp = r->timestamp;
    const char *code = digit_entered(&w->pauses.codes, &c->digits, digit);
    if (!code)
        return;
    w->counts.n[CAPTURE_CODES]++;
    if (w->o.out)
        outbox_code(w->o.out, at_us, code, &c->id, SPAN_LIT(""));
}

// A digit that is said by an event (RFC 4733 2.3: four bytes each, the first its code) leaves as a star: how many there were, when and
// how long stays true. The packet is a copy; the ring's bytes are not ours.
static struct span masked_event(struct worker *w, const struct rtp *r)
{
    static uint8_t copy[64];
    size_t head = (size_t)(r->payload.p - r->packet.p);
    if (r->packet.n > sizeof copy)
        return span_of(r->packet.p, head); // no event is so long: its head alone
    memcpy(copy, r->packet.p, r->packet.n);
    for (size_t i = 0; i + 4 <= r->payload.n; i += 4)
        if (copy[head + i] < DIGIT_EVENTS) {
            copy[head + i] = STAR_EVENT;
            w->counts.n[CAPTURE_DIGITS_MASKED]++;
        }
    return span_of(copy, r->packet.n);
}

static void hand_on(struct worker *w, const struct stream *s, const struct rtp *r, int64_t at_us)
{
    bool masked = is_event(s, r) && !w->o.keep_digits;
    outbox_media(w->o.out, s->no, at_us, masked ? masked_event(w, r) : r->packet,
                 s->state != STREAM_CONFIRMED);
}

void media_rtp(struct worker *w, const struct pkt *p)
{
    struct rtp r;
    enum wire_event e = rtp_parse(p->payload, &r);
    if (e != WIRE_NONE) {
        if (media_table_find(w->media, &p->dst,
                             p->dport)) // elsewhere it is most likely no RTP at all
            worker_event(w, e);
        return;
    }
    struct flow_key k;
    flow_key_set(&k, &p->src, p->sport, &p->dst, p->dport, r.ssrc);
    struct stream *s = flows_expected(w->flows, &k);
    uint64_t hash = s ? 0 : flow_key_hash(&k);
    if (!s)
        s = flows_find(w->flows, &k, hash);
    bool fresh = false;
    if (__builtin_expect(!s, 0)) {
        s = stream_begin(w, p, &r, &k, hash);
        if (!s)
            return;
        fresh = s->state == STREAM_CONFIRMED;
    } else if (__builtin_expect(s->state != STREAM_CONFIRMED, 0)) {
        if (s->state == STREAM_PROBATION)
            stream_on_probation(w, s, p, &r);
        if (s->state == STREAM_REJECTED) {
            s->q.last_at_us =
                p->at_us; // stays until it is silent, so that it is not tried again and again
            return;
        }
        fresh = s->state == STREAM_CONFIRMED;
    }
    flows_spoke(w->flows, s);
    if (__builtin_expect(r.payload_type != s->payload_type, 0))
        stream_payload_type(w, s, flows_cold(w->flows, s), &r);
    bool timed = !(s->flags & STREAM_UNTIMED);
    int32_t step =
        quality_packet(&s->q, r.seq, r.timestamp, p->at_us, (uint32_t)r.payload.n, timed);
    play_packet(&s->play, &(struct play_packet){p->at_us, r.timestamp, step, s->q.us_per_tick,
                                                timed, r.marker});
    if (__builtin_expect(step == QUALITY_DUPLICATE, 0) && w->duplicates)
        duplicates_suspect(w->duplicates, p->at_us);
    if (__builtin_expect(s->flags & STREAM_EVENT, 0))
        flows_cold(w->flows, s)->dtmf_packets++;
    if (__builtin_expect(w->pauses.codes.n > 0, 0) && is_event(s, &r))
        look_for_code(w, s, &r, p->at_us);
    w->counts.n[CAPTURE_RTP] += s->state == STREAM_CONFIRMED;
    if (w->o.out) {
        if (__builtin_expect(s->flags & STREAM_PAUSED, 0))
            w->counts.n[w->pauses.doubt_until_us ? CAPTURE_DROP_DOUBT : CAPTURE_PAUSED]++;
        else if (__builtin_expect(!w->shed_level || !stream_is_shed(w, s, p->at_us), 1))
            hand_on(w, s, &r, p->at_us);
        if (fresh) // the mesh sees a stream at once, not after five seconds
            outbox_report(w->o.out, s, flows_cold(w->flows, s), &s->play, false);
    }
}

// The clock of a payload type that nobody explained, from how fast its time stamps go; only for jitter.
static void stream_guess_clock(struct stream *s, const struct stream_cold *c)
{
    static const uint32_t clocks[] = {8000, 16000, 24000, 32000, 48000, 90000};
    int64_t us = s->q.last_at_us - c->clock_from_us;
    if (us < CLOCK_GUESS_US || (int64_t)s->q.delta_max_us * 8 > us)
        return; // too early, or a stall would pass for a slow clock
    double rate =
        (double)(int32_t)(s->q.last_timestamp - c->clock_from_timestamp) * 1e6 / (double)us;
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++)
        if (rate > clocks[i] * 0.85 && rate < clocks[i] * 1.15)
            quality_set_clock(&s->q, clocks[i]);
}

// What the kernel or we lost since the last look, if the stream was alive since: one of its own, when it was alone.
static void stream_stamp_drops(struct worker *w, const struct stream *s, struct stream_cold *c)
{
    if (s->q.packets == c->drops_packets)
        return;
    uint64_t drops = worker_drops(w), fresh = drops - c->drops_seen;
    c->drops_packets = s->q.packets;
    c->drops_seen = drops;
    c->capture_lost += fresh;
    if (fresh && flows_stat(w->flows).used > 1)
        c->capture_lost_bound = true;
}

static void stream_set_ptime(struct stream *s)
{
    uint32_t ptime_us = quality_ptime_us(&s->q);
    if (ptime_us)
        s->play.ptime_us = ptime_us;
}

static void stream_report(struct worker *w, struct stream *s, struct stream_cold *c)
{
    if (s->q.us_per_tick <= 0)
        stream_guess_clock(s, c);
    stream_stamp_drops(w, s, c);
    stream_set_ptime(s);
    if (!c->codec[0]) { // an SDP may have come since
        struct announced a = stream_announced(w, s);
        struct media_format f = format_of(&a, c->first_payload_type);
        stream_take_codec(c, &s->play, &f);
        if (f.codec[0] && c->first_payload_type == s->payload_type)
            s->payload_type = UINT8_MAX;
    }
    if (!w->o.out)
        return;
    if (c->reported != s->q.packets)
        outbox_report(w->o.out, s, c, &s->play, false);
    c->reported = s->q.packets;
}

#define REPORT_LOOKS 5  // a stream that runs: each 5 s
#define INFO_LOOKS   10 // its StreamInfo again, for a recorder that came late
#define QUIET_US                                                                                   \
    (US_PER_S /                                                                                    \
     2) // a stream that has stopped: at the next look, so that an ended call's figures are whole

bool media_on_due(void *ctx, struct stream *s, struct stream_cold *c)
{
    struct worker *w = ctx;
    if (s->state != STREAM_CONFIRMED)
        return true;
    stream_tell_shed(w, s, c);
    bool quiet = c->due_us - s->q.last_at_us >= QUIET_US;
    if (++c->looks % REPORT_LOOKS == 0 || quiet)
        stream_report(w, s, c);
    if (w->o.out && c->looks % INFO_LOOKS == 0)
        outbox_stream_info(w->o.out, s, c);
    return true;
}

void media_on_end(void *ctx, struct stream *s, struct stream_cold *c, enum flow_end why)
{
    struct worker *w = ctx;
    if (s->state ==
        STREAM_PROBATION) { // short, but an SDP that came after it may still vouch for it
        struct announced a = stream_announced(w, s);
        if (a.dst || a.src) {
            stream_mark_announced(s, &a);
            stream_confirm(w, s);
        }
    }
    w->counts.n[CAPTURE_STREAMS_EVICTED] += why == FLOW_END_EVICTED;
    if (s->state == STREAM_CONFIRMED) {
        struct play *play = &s->play;
        stream_stamp_drops(w, s, c);
        stream_tell_shed(w, s, c);
        stream_set_ptime(s);
        play_end(play);
        if (w->o.on_stream)
            w->o.on_stream(w->o.ctx, s, c, play);
        if (w->o.out)
            outbox_report(w->o.out, s, c, play, true);
    } else if (s->state == STREAM_PROBATION) {
        w->counts.n[CAPTURE_PROBATION_FAILED]++;
    }
    if (w->o.out && s->state != STREAM_REJECTED)
        outbox_stream_ended(w->o.out, s->no);
}

// RTCP goes beside its RTP: the same ports (RFC 5761) or each one higher (RFC 3550 11).
static struct stream *rtcp_stream(const struct worker *w, const struct endpoint *src,
                                  const struct endpoint *dst, uint32_t ssrc)
{
    for (uint16_t up = 0; up <= 1; up++) {
        struct flow_key k;
        flow_key_set(&k, &src->ip, (uint16_t)(src->port - up), &dst->ip, (uint16_t)(dst->port - up),
                     ssrc);
        struct stream *s = flows_find(w->flows, &k, flow_key_hash(&k));
        if (s)
            return s;
    }
    return NULL;
}

static bool rtcp_is_announced(const struct worker *w, struct endpoint src, struct endpoint dst)
{
    for (int up = 0; up <= 1; up++, src.port--, dst.port--) {
        struct announced a = announced_of(w, &src, &dst);
        if (a.dst || a.src)
            return true;
    }
    return false;
}

void media_dtls(struct worker *w, const struct pkt *p)
{
    struct endpoint src = {p->src, p->sport}, dst = {p->dst, p->dport};
    dtls_seen_note(&w->dtls, &src, &dst, p->at_us);
}

void media_rtcp(struct worker *w, const struct pkt *p)
{
    struct rtcp r;
    enum wire_event e = rtcp_parse(p->payload, &r);
    struct endpoint src = {p->src, p->sport}, dst = {p->dst, p->dport};
    if (e != WIRE_NONE) {
        if (rtcp_is_announced(w, src, dst))
            worker_event(w, e);
        return;
    }
    media_reports(w, p, &r);
}

// What the receiver measured itself, and the sender's name.
static bool extended_reports(struct worker *w, const struct endpoint *src,
                             const struct endpoint *dst, const struct rtcp *r)
{
    bool joined = false;
    if (r->flaw != WIRE_NONE)
        worker_event(w, r->flaw);
    w->counts.n[CAPTURE_RTCP_XR] += r->voips;
    for (uint32_t i = 0; i < r->voips; i++) {
        struct stream *heard = rtcp_stream(w, dst, src, r->voip[i].ssrc);
        if (!heard)
            continue;
        struct stream_rtcp *about = &flows_cold(w->flows, heard)->rtcp;
        about->packets += about->packets == 0; // alone in its compound: there is something to tell
        about->voip_blocks++;
        about->voip = r->voip[i];
        joined = true;
    }
    struct stream *named = r->cname.n ? rtcp_stream(w, src, dst, r->cname_ssrc) : NULL;
    if (named) {
        struct stream_rtcp *about = &flows_cold(w->flows, named)->rtcp;
        (void)span_utf8(r->cname, about->cname, sizeof about->cname);
    }
    return joined;
}

bool media_join_reports(struct worker *w, const struct endpoint *src, const struct endpoint *dst,
                        const struct rtcp *r)
{
    bool joined = false;
    struct stream *sent = rtcp_stream(w, src, dst, r->ssrc);
    if (sent) {
        struct stream_rtcp *about = &flows_cold(w->flows, sent)->rtcp;
        about->packets++;
        if (r->sr)
            about->sender_packets = r->sender_packets;
        about->bye = about->bye || r->bye;
        joined = true;
    }
    for (uint32_t i = 0; i < r->reports; i++) {
        struct stream *heard = rtcp_stream(w, dst, src, r->report[i].ssrc);
        if (!heard)
            continue;
        struct stream_rtcp *about = &flows_cold(w->flows, heard)->rtcp;
        about->packets++;
        about->fraction_lost = r->report[i].fraction_lost;
        about->cumulative_lost = r->report[i].cumulative_lost;
        about->jitter = r->report[i].jitter;
        joined = true;
    }
    joined = extended_reports(w, src, dst, r) || joined;
    return joined;
}

void media_reports(struct worker *w, const struct pkt *p, const struct rtcp *r)
{
    struct endpoint src = {p->src, p->sport}, dst = {p->dst, p->dport};
    w->counts.n[CAPTURE_RTCP]++;
    if (media_join_reports(w, &src, &dst, r))
        return;
    w->counts.n[CAPTURE_RTCP_UNJOINED]++;
    if (w->o.on_rtcp)
        w->o.on_rtcp(w->o.cross_ctx, p);
}

// A little over 450 lines: one straight way for each packet, its ticks and its ends, in one place.
#include "worker.h"
#include <stdlib.h>
#include "base/mono.h"
#include "duplicates.h"
#include "tls.h"
#include "wire/dtmf.h"
#include "wire/iax2.h"
#include "wire/sccp.h"
#include "worker_priv.h"

#define FEED_SLACK_US                                                                              \
    (100 * US_PER_MS) // packets of several queues of a card come this much out of order at most
#define TICK_US        (200 * US_PER_MS)
#define SIGCALL_AGE_US (4 * 3600 * US_PER_S) // of silence; the centre has its own timers
#define COUNTERS_US    (1 * US_PER_S)
#define WATERMARK_US   (5 * US_PER_S)

static void on_tls_packet(void *ctx, const struct pkt *p);

static struct sipstream *sip_in_tcp(const struct worker_opts *o)
{
    return sipstream_new(&(struct sipstream_opts){
        .connections = o->tcp, .bytes = 65536 + 16384, .idle_us = 3600 * US_PER_S});
}

static bool signalling_start(struct worker *w)
{
    const struct worker_opts *o = &w->o;
    w->framed = sipstream_new(&(struct sipstream_opts){.connections = o->framed_tcp,
                                                       .bytes = SCCP_MESSAGE_MAX,
                                                       .idle_us = 3600 * US_PER_S,
                                                       .frame = signalling_frame});
    w->calls = sigcalls_new(o->signalled_calls, SIGCALL_AGE_US, signalling_tell, w);
    return w->framed && w->calls;
}

static bool tls_start(struct worker *w)
{
    const struct worker_opts *o = &w->o;
    if (o->tls == 0)
        return true;
    w->tls = tls_new(&(struct tls_opts){
        .connections = o->tls,
        .hold_bytes = o->tls_hold_bytes,
        .wait_us = o->tls_wait_us,
        .secrets = o->tls_secrets,
        .keylog_fd = o->tls_keylog_fd > 0 ? o->tls_keylog_fd : -1,
        .counts = &w->counts,
        .on_plain = on_tls_packet,
        .ctx = w,
    });
    if (o->tls_keylog_fd > 0)
        w->in_tls = sip_in_tcp(o);
    return w->tls && (o->tls_keylog_fd <= 0 || w->in_tls);
}

struct worker *worker_new(const struct worker_opts *o)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->o = *o;
    w->flows = flows_new(&(struct flows_opts){
        .streams = o->streams,
        .probation = o->probation,
        .no_first = o->no_first,
        .no_step = o->no_step,
        .idle_us = o->stream_idle_us,
        .on_due = media_on_due,
        .on_end = media_on_end,
        .ctx = w,
    });
    w->media = media_table_new(o->media_addresses, o->media_age_us);
    w->frag = frag_new(&(struct frag_opts){o->fragments, UINT16_MAX, 30 * US_PER_S});
    w->tcp = sip_in_tcp(o);
    if (o->duplicate_window_us > 0)
        w->duplicates =
            duplicates_new(&(struct duplicates_opts){o->duplicate_entries, o->duplicate_window_us});
    w->peers = peers_new(o->peers ? o->peers : 1, o->sip_unknown);
    if (!w->peers || !w->flows || !w->media || !w->frag || !w->tcp || !signalling_start(w) ||
        !tls_start(w) || (o->duplicate_window_us > 0 && !w->duplicates))
        return worker_free(w);
    return w;
}

struct worker *worker_free(struct worker *w)
{
    if (w) {
        sigcalls_free(w->calls);
        sipstream_free(w->framed);
        duplicates_free(w->duplicates);
        tls_free(w->tls);
        sipstream_free(w->in_tls);
        sipstream_free(w->tcp);
        frag_free(w->frag);
        peers_free(w->peers);
        media_table_free(w->media);
        flows_free(w->flows);
        free(w);
    }
    return NULL;
}

static void mark_stream(void *ctx, struct stream *s)
{
    const struct worker *w = ctx;
    struct endpoint src = stream_src(s), dst = stream_dst(s);
    s->flags &= (uint8_t)~STREAM_PAUSED;
    if (pauses_has(&w->pauses, &src, &dst))
        s->flags |= STREAM_PAUSED;
}

static void mark_paused(struct worker *w)
{
    flows_visit(w->flows, mark_stream, w);
}

void worker_pauses(struct worker *w, const struct pauses *p)
{
    if (p->version == w->pauses.version)
        return;
    w->pauses = *p;
    pauses_check(&w->pauses);
    mark_paused(w);
}

// As it may leave: digits as stars. Codes are looked for before that, and told behind the message that completed one.
static void send_message(struct worker *w, const struct pkt *p, struct span message, bool truncated)
{
    static uint8_t copy[UINT16_MAX];
    const struct sip_msg *m = &w->msg;
    size_t masked = 0;
    struct span out =
        w->o.keep_digits ? message : dtmf_masked(m, message, copy, sizeof copy, &masked);
    w->counts.n[CAPTURE_INFO_MASKED] += masked;
    outbox_sip(w->o.out, p, out, truncated || out.n < message.n, w->counts.n[CAPTURE_PACKETS]);
    const char *code = digit_info(&w->pauses.codes, &w->info_digits, m);
    if (!code)
        return;
    w->counts.n[CAPTURE_CODES]++;
    outbox_code(w->o.out, p->at_us, code, NULL, m->call_id);
}

void worker_sip_message(struct worker *w, const struct pkt *p, struct span message, bool truncated)
{
    struct sip_msg *m = &w->msg;
    if (!peers_admit(w->peers, p, message)) {
        w->counts.n[CAPTURE_SHED_SIP]++;
        return;
    }
    bool usable = sip_parse(message, m);
    if (m->event != WIRE_NONE)
        worker_event(w, m->event);
    if (!usable)
        return;
    peers_learn(w->peers, p, m);
    w->counts.n[CAPTURE_SIP]++;
    if (m->request)
        w->sip.request[m->method]++;
    if (w->o.out)
        send_message(w, p, message, truncated);
    struct span body = sip_sdp(m);
    if (body.n == 0)
        return;
    bool named = sdp_parse(body, &w->sdp);
    if (w->sdp.event != WIRE_NONE)
        worker_event(w, w->sdp.event);
    if (!named)
        return;
    media_table_name(w->media, &w->sdp, p->at_us);
    if (__builtin_expect(w->pauses.n > 0, 0) && pauses_learn(&w->pauses, m->call_id, &w->sdp))
        mark_paused(w);
    if (w->o.on_sdp)
        w->o.on_sdp(w->o.cross_ctx, p->at_us, body);
}

void worker_sdp(struct worker *w, int64_t at_us, struct span body)
{
    if (sdp_parse(body, &w->sdp))
        media_table_name(w->media, &w->sdp, at_us);
}

void worker_rtcp(struct worker *w, const struct endpoint *src, const struct endpoint *dst,
                 struct span payload)
{
    struct rtcp r;
    if (rtcp_parse(payload, &r) == WIRE_NONE)
        media_join_reports(w, src, dst, &r);
}

static void on_tcp_message(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    struct worker *w = ctx;
    w->counts.n[CAPTURE_TCP_MESSAGES]++;
    worker_sip_message(w, p, message, truncated);
}

static void on_tls_message(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    struct worker *w = ctx;
    w->counts.n[CAPTURE_TLS_MESSAGES]++;
    tls_found_sip(w->tls);
    worker_sip_message(w, p, message, truncated);
}

static void on_tls_packet(void *ctx, const struct pkt *p)
{
    struct worker *w = ctx;
    enum wire_event e;
    sipstream_feed(w->in_tls, p, on_tls_message, w, &e);
    if (e != WIRE_NONE)
        worker_event(w, e);
}

static void on_segment(struct worker *w, const struct pkt *p)
{
    enum wire_event e;
    if (w->tls) {
        // A body of SIP may look like the beginning of TLS: who is known to send SIP does not change to it.
        bool taken = p->payload.n > 0 && p->payload.p[0] == 22 && sipstream_has(w->tcp, p);
        if (tls_feed(w->tls, p, taken))
            return;
    }
    sipstream_feed(w->tcp, p, on_tcp_message, w, &e);
    if (e != WIRE_NONE)
        worker_event(w, e);
}

static void on_datagram(struct worker *w, const struct pkt *p)
{
    // A full frame of IAX2 has the first bits of RTP.
    if (__builtin_expect(p->dport == IAX2_PORT || p->sport == IAX2_PORT, 0) &&
        signalling_iax2(w, p)) {
        w->counts.n[CAPTURE_WAY_OTHER]++;
        return;
    }
    switch (classify_udp(p->payload)) {
    case TRAFFIC_RTP:
        w->counts.n[CAPTURE_WAY_RTP]++;
        media_rtp(w, p);
        break;
    case TRAFFIC_RTCP:
        w->counts.n[CAPTURE_WAY_RTCP]++;
        media_rtcp(w, p);
        break;
    case TRAFFIC_SIP:
        w->counts.n[CAPTURE_WAY_SIP]++;
        worker_sip_message(w, p, p->payload, p->cut);
        break;
    case TRAFFIC_DTLS:
        w->counts.n[CAPTURE_DTLS]++;
        media_dtls(w, p);
        break;
    case TRAFFIC_STUN:
        w->counts.n[CAPTURE_STUN]++;
        break;
    case TRAFFIC_TURN:
        w->counts.n[CAPTURE_TURN]++;
        break;
    case TRAFFIC_OTHER:
        w->counts.n[CAPTURE_WAY_OTHER]++;
        if (p->payload.n > 0 && p->payload.p[0] >= '1' && p->payload.p[0] <= 'z')
            (void)signalling_udp(w, p);
        break;
    }
}

static bool datagram_whole(struct worker *w, struct pkt *p)
{
    enum wire_event e;
    bool whole = frag_join(w->frag, p, &e);
    if (e != WIRE_NONE)
        worker_event(w, e);
    return whole;
}

static void packet_way(struct worker *w, const struct source_packet *in)
{
    struct pkt *p = &w->pkt;
    p->frame = in->frame;
    p->at_us = in->at_us;
    p->wire_length = in->wire_length;
    struct span ip;
    enum wire_event e = link_parse((enum link_type)w->o.link_type, in->frame, p, &ip);
    if (e == WIRE_NONE)
        e = ip_parse(ip, p);
    while (e == WIRE_NONE) {
        if (__builtin_expect(p->fragment, 0)) {
            if (!datagram_whole(w, p)) {
                w->counts.n[CAPTURE_WAY_FRAGMENT]++;
                return;
            }
            if (p->fragment) // of a packet inside the joined one; bounded by TUNNELS_MAX
                continue;
        }
        e = l4_parse(p);
        if (__builtin_expect(!p->fragment, 1))
            break;
    }
    if (__builtin_expect(e != WIRE_NONE, 0)) {
        w->counts.n[CAPTURE_WAY_REFUSED]++;
        worker_event(w, e);
        return;
    }
    if (__builtin_expect(p->cut, 0))
        worker_event(w, WIRE_TRUNCATED);
    if (w->duplicates && duplicates_is(w->duplicates, p))
        return;
    if (p->protocol == 17) {
        on_datagram(w, p);
        return;
    }
    w->counts.n[CAPTURE_WAY_TCP]++;
    on_segment(w, p);
    signalling_tcp(w, p);
}

void worker_packet(struct worker *w, const struct source_packet *p)
{
    w->counts.n[CAPTURE_PACKETS]++;
    w->counts.n[CAPTURE_BYTES] += p->wire_length;
    if (p->at_us > w->last_at_us) {
        w->last_at_us = p->at_us;
        if (!w->o.live && p->at_us >= w->tick_at_us) {
            worker_tick(w, p->at_us - FEED_SLACK_US, mono_now_us());
            w->tick_at_us = p->at_us + TICK_US;
        }
    }
    packet_way(w, p);
}

static void gather_counts(struct worker *w)
{
    uint64_t *n = w->counts.n;
    struct flows_stat flows = flows_stat(w->flows);
    struct media_table_stat media = media_table_stat(w->media);
    struct frag_stat frag = frag_stat(w->frag);
    struct sipstream_stat tcp = sipstream_stat(w->tcp);
    n[CAPTURE_STREAMS_UP] = flows.used;
    n[CAPTURE_PROBATION_UP] = flows.probation;
    n[CAPTURE_PAUSES] = w->pauses.n;
    n[CAPTURE_CODES_OVERWRITTEN] = w->info_digits.overwritten;
    n[CAPTURE_PAUSE_DOUBT] = w->pauses.doubt_until_us != 0;
    n[CAPTURE_PAUSE_REFUSED] = w->pauses.refused;
    n[CAPTURE_PEERS] = peers_stat(w->peers).used;
    n[CAPTURE_SHED_LEVEL] = w->shed_level;
    n[CAPTURE_MEDIA_UP] = media.used;
    n[CAPTURE_MEDIA_EVICTED] = media.evicted;
    n[CAPTURE_FRAGMENTS] = frag.fragments;
    n[CAPTURE_DATAGRAMS_JOINED] = frag.joined;
    n[CAPTURE_DTLS_OVERWRITTEN] = w->dtls.overwritten;
    if (w->duplicates) {
        n[CAPTURE_DUPLICATES] = duplicates_stat(w->duplicates).found;
        n[CAPTURE_DUPLICATES_EVICTED] = duplicates_stat(w->duplicates).evicted;
    }
    n[CAPTURE_DROP_FRAGMENTS] = frag.evicted + frag.refused;
    n[CAPTURE_DROP_TCP] = tcp.evicted + sipstream_stat(w->framed).evicted +
                          (w->in_tls ? sipstream_stat(w->in_tls).evicted : 0);
    signalling_counts(w);
}

// The second law: what was dropped since the last look is said on the feed it belongs to.
static void announce_losses(struct worker *w, int64_t feed_us)
{
    // A full ring drops what comes behind its last packet, up to the moment at which it is read again: so up to now.
    int64_t now_us = w->o.live ? wall_now_us() : 0, to_us = feed_us > now_us ? feed_us : now_us;
    for (size_t i = 0; i < CAPTURE_STAT_COUNT; i++) {
        const char *place = capture_drop_place((enum capture_stat)i);
        uint64_t now = w->counts.n[i];
        if (!place || now <= w->loss_announced[i])
            continue;
        struct outbox_loss l = {place, now - w->loss_announced[i], w->announced_at_us, to_us, NULL};
        bool media = i != CAPTURE_DROP_TCP && i != CAPTURE_DROP_TLS && i != CAPTURE_DROP_SIGCALLS &&
                     i != CAPTURE_DROP_JOURNAL && i != CAPTURE_DROP_BUS && i != CAPTURE_SHED_SIP;
        outbox_loss(w->o.out, &l, media);
        w->loss_announced[i] = now;
    }
    w->announced_at_us = feed_us;
}

// A recorder cuts a call when the rtp feed has passed its end. When a line falls quiet no media says so: feed time
// goes out alone, for a few seconds after the last packet, so that an idle line does not fill a journal that nobody reads.
// A harvester without media has no recorder that waits for it.
static void watermark(struct worker *w, int64_t feed_us)
{
    uint64_t active = w->counts.n[CAPTURE_SIP] + w->counts.n[CAPTURE_RTP];
    if (active != w->active)
        w->active_until_us = feed_us + WATERMARK_US;
    w->active = active;
    if (w->o.live && w->counts.n[CAPTURE_RTP] > 0 && feed_us <= w->active_until_us)
        outbox_watermark(w->o.out);
}

void worker_tick(struct worker *w, int64_t feed_us, int64_t clock_us)
{
    if (feed_us < w->feed_us)
        feed_us = w->feed_us;
    w->feed_us = feed_us;
    if (!w->announced_at_us)
        w->announced_at_us = feed_us;
    if (w->tls)
        tls_tick(w->tls, feed_us, clock_us);
    flows_advance(w->flows, feed_us);
    media_table_age(w->media, feed_us);
    sigcalls_age(w->calls, feed_us);
    if (pauses_any(&w->pauses) && pauses_expire(&w->pauses, feed_us))
        mark_paused(w);
    bool counters = feed_us - w->counters_at_us >= COUNTERS_US;
    if (counters) {
        w->counters_at_us = feed_us;
        gather_counts(w);
        capture_stats_publish(&w->counts);
        hep_agents_publish(&w->hep);
    }
    if (!w->o.out)
        return;
    if (counters)
        announce_losses(w, feed_us);
    outbox_set_feed_time(w->o.out, feed_us);
    outbox_tick(w->o.out, feed_us, counters);
    watermark(w, feed_us);
    outbox_close_old(w->o.out, clock_us);
}

void worker_dropped(struct worker *w, enum capture_stat place, uint64_t total)
{
    w->counts.n[place] = total;
}

void worker_end(struct worker *w, bool truncated)
{
    if (w->tls)
        tls_end(w->tls, w->last_at_us);
    if (w->in_tls)
        sipstream_flush(w->in_tls);
    sipstream_flush(w->tcp);
    sipstream_flush(w->framed);
    flows_end_all(w->flows);
    gather_counts(w);
    capture_stats_publish(&w->counts);
    hep_agents_publish(&w->hep);
    if (!w->o.out)
        return;
    if (w->feed_us < w->last_at_us)
        w->feed_us = w->last_at_us;
    announce_losses(w, w->feed_us);
    outbox_set_feed_time(w->o.out, w->feed_us);
    outbox_tick(w->o.out, w->feed_us, true);
    if (w->o.live) {
        outbox_close_all(w->o.out);
        return;
    }
    struct outbox_end end = {
        .at_us = w->last_at_us,
        .packets = w->counts.n[CAPTURE_PACKETS],
        .sip_messages = w->counts.n[CAPTURE_SIP],
        .rtp_packets = w->counts.n[CAPTURE_RTP],
        .truncated = truncated,
    };
    outbox_end(w->o.out, &end);
}

const struct capture_counts *worker_counts(struct worker *w)
{
    gather_counts(w);
    return &w->counts;
}

struct worker_seen worker_seen(const struct worker *w)
{
    return (struct worker_seen){w->counts.n[CAPTURE_PACKETS], w->counts.n[CAPTURE_BYTES],
                                w->duplicates ? duplicates_stat(w->duplicates).found : 0};
}

void worker_set_link_type(struct worker *w, int link_type)
{
    w->o.link_type = link_type;
}

void worker_shed(struct worker *w, uint32_t level)
{
    w->shed_level = level;
}

void worker_skip(struct worker *w, const struct source_packet *p)
{
    w->counts.n[CAPTURE_PACKETS]++;
    w->counts.n[CAPTURE_BYTES] += p->wire_length;
    w->counts.n[CAPTURE_DROP_WORKER]++;
}

void worker_resume(struct worker *w, const struct capture_counts *c, uint64_t lost,
                   uint32_t last_stream_no)
{
    w->counts = *c;
    w->counts.n[CAPTURE_PACKETS] += lost;
    w->counts.n[CAPTURE_DROP_WORKER] += lost;
    flows_set_last_no(w->flows, last_stream_no);
}

static void name_stream(void *ctx, const struct stream *s, const struct stream_cold *c)
{
    struct worker *w = ctx;
    if (s->state != STREAM_REJECTED)
        outbox_stream_info(w->o.out, s, c);
}

void worker_name_streams(struct worker *w)
{
    if (w->o.out)
        flows_each(w->flows, name_stream, w);
}

uint32_t worker_last_stream_no(const struct worker *w)
{
    return flows_last_no(w->flows);
}

int64_t worker_last_at_us(const struct worker *w)
{
    return w->last_at_us;
}

const struct worker_sip *worker_sip(const struct worker *w)
{
    return &w->sip;
}

size_t worker_bytes(const struct worker *w)
{
    return sizeof *w + flows_stat(w->flows).bytes + peers_stat(w->peers).bytes +
           media_table_stat(w->media).bytes + frag_stat(w->frag).bytes +
           sipstream_stat(w->tcp).bytes + sipstream_stat(w->framed).bytes +
           sigcalls_stat(w->calls).bytes +
           (w->duplicates ? duplicates_stat(w->duplicates).bytes : 0) +
           (w->tls ? tls_bytes(w->tls) : 0) + (w->in_tls ? sipstream_stat(w->in_tls).bytes : 0);
}

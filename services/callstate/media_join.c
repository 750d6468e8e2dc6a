// SDP and streams: whose address is it, whose stream. Over 450 lines: one set of rules, tried in order.
#include "media_join.h"
#include <string.h>
#include "base/mono.h"
#include "call.h"
#include "event.h"
#include "media_hosts.h"
#include "parts.h"
#include "recordings.h"
#include "rows.h"
#include "stats.h"

#define SLACK_US          (5 * US_PER_S)
#define LEG_ADDRESSES_MAX 32
// Of feed time after its last packet. Longer than a harvester waits before its last report (capture.stream-idle, 60 s):
// a report of a stream that was forgotten would make it new, and join it to whoever has its addresses now.
#define KEEP_US (120 * US_PER_S)

static enum side other(enum side s)
{
    return s == SIDE_CALLER ? SIDE_CALLEE : SIDE_CALLER;
}

// ---- joining ------------------------------------------------------------------------------------------------------

void media_touch(struct world *w, struct stream *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    list_push(&w->dirty_streams, &s->dirty_link);
    w->dirty_stream_count++;
}

// One event may join this many; the rest of a flood joins at its next report.
#define JOINS_PER_EVENT 32

static void join_one(struct world *w, struct stream *s, struct leg *l, enum side side)
{
    struct call *c = l->call;
    s->call_id = c->id;
    s->leg_id = l->id;
    s->side = (uint8_t)side;
    media_touch(w, s);
    if (c->stream_count >= CALL_STREAMS_MAX) {
        count(STAT_FULL_STREAMS);
        return; // the row knows its call; the live mesh shows 32
    }
    s->call = c;
    s->leg = l;
    s->next = c->streams;
    c->streams = s;
    c->stream_count++;
    c->lost_packets += s->lost;
    media_heard_report(w, s);
    int64_t heard_us = call_time(w, c, s->publisher, s->last_us);
    if (heard_us > c->last_media_us)
        c->last_media_us = heard_us;
    count(STAT_STREAMS_JOINED);
    call_credit_publisher(w, c, s->publisher);
    recordings_on_media(w, c);
    call_touch(w, c, c->stream_count == 1); // the first one says that there is media
}

// All calls between two IAX2 hosts run over one pair of ports: only the SSRC tells them apart, the reverse says nothing.
static bool shares_ports(const struct call *c)
{
    return c->protocol == CALLMESH__V1__PROTOCOL__PROTOCOL_IAX2;
}

// Two directions of one conversation run at the same time, more or less.
static bool together(const struct world *w, const struct stream *a, const struct stream *b)
{
    int64_t d = clock_between(w, a->publisher, b->publisher);
    return a->last_us + d + SLACK_US >= b->first_us && a->first_us + d <= b->last_us + SLACK_US;
}

void media_join(struct world *w, struct stream *s, struct leg *l, enum side side)
{
    join_one(w, s, l, side);
    if (shares_ports(l->call))
        return;
    int joins = 0;
    uint64_t h = hash_site_endpoint(w, s->site, &s->dst);
    for (uint32_t i = chain_first(w->by_src, h); i != CHAIN_END && joins < JOINS_PER_EVENT;
         i = chain_next(w->by_src, i)) {
        struct stream *r = slab_at(w->streams, i);
        if (!uuid_is_zero(&r->call_id) || realm_of(w, r->site) != realm_of(w, s->site) ||
            !endpoint_eq(&r->src, &s->dst) || !endpoint_eq(&r->dst, &s->src) || !together(w, r, s))
            continue;
        join_one(w, r, l, other(side));
        joins++;
    }
}

// Callee's addresses are good while their own leg lives (a fork that lost is over), the caller's while the call does.
static int64_t address_end(const struct address *a)
{
    return a->side == SIDE_CALLER ? a->leg->call->ended_us : a->leg->ended_us;
}

static bool in_time(const struct world *w, const struct address *a, const struct stream *s,
                    int64_t slack_us)
{
    int64_t end = address_end(a), d = call_time(w, a->leg->call, s->publisher, 0);
    int64_t first_us = s->first_us + d, last_us = s->last_us + d;
    if (end && first_us > end + slack_us)
        return false;
    // Without slack the stream must begin under this name; with it, it may have begun a little before, or long before
    // and go on. One that was over when the address was named is of an earlier call on the same ports.
    if (!slack_us)
        return first_us >= a->named_us;
    return first_us >= a->named_us - slack_us || last_us > a->named_us;
}

// The chain of an address that stands for one SSRC only is another one than that of all streams there.
static uint64_t hash_address(const struct world *w, uint16_t site, const struct endpoint *at,
                             uint32_t ssrc)
{
    return hash_site_endpoint(w, site, at) ^ ssrc * UINT64_C(0x9E3779B97F4A7C15);
}

// Where media pass a box by, both of its sides name the same addresses: both directions then belong to the earliest part of the call.
static bool goes_before(const struct address *a, const struct address *best)
{
    if (!best)
        return true;
    const struct call *x = a->leg->call, *y = best->leg->call;
    return x != y && parts_same(x, y) && a->side == best->side ? x->started_us < y->started_us
                                                               : a->again_us > best->again_us;
}

// One within whose time the stream begins goes before one that needs the slack. A chain's order is not time's after a restart.
static struct address *in_chain(const struct world *w, const struct stream *s,
                                const struct endpoint *at, const struct call *within, uint64_t h)
{
    struct address *best[2] = {0}; // [1]: by the slack
    for (uint32_t i = chain_first(w->by_address, h); i != CHAIN_END;
         i = chain_next(w->by_address, i)) {
        struct address *a = slab_at(w->addresses, i);
        if (realm_of(w, a->leg->call->site) != realm_of(w, s->site) || !endpoint_eq(&a->at, at) ||
            (a->ssrc && a->ssrc != s->ssrc) || (within && a->leg->call != within))
            continue;
        int k = in_time(w, a, s, 0) ? 0 : 1;
        if (goes_before(a, best[k]) && (!k || in_time(w, a, s, SLACK_US)))
            best[k] = a;
    }
    return best[0] ? best[0] : best[1];
}

// The latest dialog that named it; who named it for this SSRC alone goes before who named it for any.
static struct address *find_address(const struct world *w, const struct stream *s,
                                    const struct endpoint *at, const struct call *within)
{
    struct address *a = NULL;
    if (s->ssrc)
        a = in_chain(w, s, at, within, hash_address(w, s->site, at, s->ssrc));
    return a ? a : in_chain(w, s, at, within, hash_address(w, s->site, at, 0));
}

// What no SDP named, by the hosts that SIP came from.
static void try_hosts(struct world *w, struct stream *s)
{
    enum side side = SIDE_NONE;
    int score = 0;
    char why[80];
    struct leg *l = media_hosts_find(w, s, &side, &score, why);
    if (!l)
        return;
    media_join(w, s, l, side);
    count(STAT_STREAMS_BY_HOSTS);
    event_note(w, l->call, l, call_time(w, l->call, s->publisher, s->first_us), "media_by_hosts",
               side, 0, "%s: score %d", why, score);
}

static void try_join(struct world *w, struct stream *s)
{
    if (!uuid_is_zero(&s->call_id))
        return;
    struct address *a = find_address(w, s, &s->dst, NULL);
    if (a) {
        struct leg *l = a->leg;
        if (a->side == SIDE_CALLER && l->call->leg_count > 1) { // which fork sends?
            struct address *b = find_address(w, s, &s->src, l->call);
            if (b && b->side == SIDE_CALLEE)
                l = b->leg;
        }
        media_join(w, s, l, other((enum side)a->side));
        return;
    }
    a = find_address(w, s, &s->src, NULL);
    if (a) {
        media_join(w, s, a->leg, (enum side)a->side);
        return;
    }
    uint64_t h = hash_site_endpoint(w, s->site, &s->dst);
    for (uint32_t i = chain_first(w->by_src, h); i != CHAIN_END; i = chain_next(w->by_src, i)) {
        struct stream *r = slab_at(w->streams, i);
        if (r->call && !shares_ports(r->call) && realm_of(w, r->site) == realm_of(w, s->site) &&
            endpoint_eq(&r->src, &s->dst) && endpoint_eq(&r->dst, &s->src) && together(w, r, s) &&
            (!r->call->ended_us || s->first_us <= r->call->ended_us + SLACK_US)) {
            media_join(w, s, r->leg, other((enum side)r->side));
            return;
        }
    }
    try_hosts(w, s);
}

// ---- SDP ----------------------------------------------------------------------------------------------------------

bool media_add_address(struct world *w, struct leg *l, enum side side, const struct endpoint *at,
                       uint32_t ssrc, int64_t at_us)
{
    uint64_t h = hash_address(w, l->call->site, at, ssrc);
    for (struct address *a = l->addresses; a; a = a->next) {
        if (a->side == side && a->ssrc == ssrc && endpoint_eq(&a->at, at)) {
            size_t slot = slab_index_of(w->addresses, a); // named again: the latest now
            chain_del(w->by_address, slot);
            chain_add(w->by_address, h, slot);
            a->again_us = at_us > a->again_us ? at_us : a->again_us;
            return false;
        }
    }
    struct address *a = l->address_count < LEG_ADDRESSES_MAX ? slab_take(w->addresses) : NULL;
    if (!a) {
        count(STAT_FULL_ADDRESSES);
        return false;
    }
    *a = (struct address){.next = l->addresses,
                          .leg = l,
                          .at = *at,
                          .side = (uint8_t)side,
                          .ssrc = ssrc,
                          .named_us = at_us,
                          .again_us = at_us};
    l->addresses = a;
    l->address_count++;
    chain_add(w->by_address, h, slab_index_of(w->addresses, a));
    return true;
}

static void join_waiting(struct world *w, struct chain *c, uint16_t site, const struct endpoint *at)
{
    uint64_t h = hash_site_endpoint(w, site, at);
    int joins = 0;
    for (uint32_t i = chain_first(c, h); i != CHAIN_END && joins < JOINS_PER_EVENT;
         i = chain_next(c, i)) {
        struct stream *s = slab_at(w->streams, i);
        const struct endpoint *own = c == w->by_dst ? &s->dst : &s->src;
        if (!uuid_is_zero(&s->call_id) || realm_of(w, s->site) != realm_of(w, site) ||
            !endpoint_eq(own, at))
            continue;
        try_join(w, s);
        joins++;
    }
}

void media_on_address(struct world *w, struct leg *l, enum side side, const struct endpoint *at,
                      uint32_t ssrc, int64_t at_us)
{
    static const struct ip_addr zero;
    if (!l->media_us)
        l->media_us = at_us;
    if (!at->port || !at->ip.family || memcmp(at->ip.b, zero.b, sizeof zero.b) == 0)
        return;
    if (media_add_address(w, l, side, at, ssrc, at_us)) {
        join_waiting(w, w->by_dst, l->call->site, at);
        join_waiting(w, w->by_src, l->call->site, at);
    }
}

void media_on_sdp(struct world *w, struct leg *l, enum side side, const struct sdp *sdp,
                  int64_t at_us)
{
    if (side == SIDE_NONE)
        return;
    if (!l->media_us)
        l->media_us = at_us;
    for (uint32_t i = 0; i < sdp->medias; i++) {
        const struct sdp_media *m = &sdp->media[i];
        if (!m->rtp || !m->rtp_at.port)
            continue;
        for (uint32_t k = 0; k < m->formats; k++)
            media_on_format(l, side, &m->format[k]);
        media_on_address(w, l, side, &m->rtp_at, 0, at_us);
    }
}

// ---- streams ------------------------------------------------------------------------------------------------------

struct stream *media_stream_by_id(struct world *w, const struct uuid *id)
{
    uint64_t h = hash_uuid(id);
    for (uint32_t i = chain_first(w->by_stream, h); i != CHAIN_END;
         i = chain_next(w->by_stream, i)) {
        struct stream *s = slab_at(w->streams, i);
        if (memcmp(s->id.b, id->b, sizeof id->b) == 0)
            return s;
    }
    return NULL;
}

struct stream *media_stream_new(struct world *w, uint16_t site, const struct uuid *id,
                                const struct endpoint *src, const struct endpoint *dst)
{
    if (slab_stat(w->streams).used >= w->lim.streams && !list_empty(&w->idle_streams))
        media_forget_stream(w, LIST_OBJECT(struct stream, idle_link, w->idle_streams.next));
    struct stream *s = slab_take(w->streams);
    if (!s)
        return NULL;
    s->id = *id;
    s->site = site;
    s->src = *src;
    s->dst = *dst;
    size_t slot = slab_index_of(w->streams, s);
    chain_add(w->by_stream, hash_uuid(id), slot);
    chain_add(w->by_src, hash_site_endpoint(w, site, src), slot);
    chain_add(w->by_dst, hash_site_endpoint(w, site, dst), slot);
    media_hosts_add_stream(w, s);
    return s;
}

static void take_report(struct stream *s, const Callmesh__V1__StreamReport *r)
{
    const Callmesh__V1__StreamInfo *info = r->info;
    s->ssrc = info->ssrc;
    s->first_us = info->first_at_us;
    s->payload_type = (uint8_t)info->payload_type;
    s->last_us = r->last_at_us > info->first_at_us ? r->last_at_us : info->first_at_us;
    s->ended = r->ended;
    s->srtp = r->srtp;
    s->packets = r->packets;
    s->bytes = r->bytes;
    s->lost = r->lost;
    s->out_of_order = r->out_of_order;
    s->duplicates = r->duplicates;
    s->dtmf_packets = r->dtmf_packets;
    s->jitter_us = r->jitter_us;
    s->jitter_max_us = r->jitter_max_us;
    s->delta_max_us = r->delta_max_us;
    s->ptime_us = r->ptime_us;
    if (s->leg ||
        uuid_is_zero(&s->call_id)) { // a call that has left memory has left its words here
        s->clock_rate = r->clock_rate;
        (void)span_utf8(span_str(r->codec), s->codec, sizeof s->codec);
    }
    s->payload_types_n = 0;
    for (size_t i = 0; i < r->n_payload_types && i < sizeof s->payload_types; i++)
        s->payload_types[s->payload_types_n++] = (uint8_t)r->payload_types[i];
    media_take_rtcp(s, r->rtcp);
    media_take_quality(s, r->quality);
}

void media_on_report(struct world *w, uint16_t publisher, const Callmesh__V1__StreamReport *r)
{
    struct endpoint src, dst;
    uint16_t site = w->publisher[publisher].site;
    if (!r->info || r->info->stream_id.len != 16 || !endpoint_from_pb(r->info->src, &src) ||
        !endpoint_from_pb(r->info->dst, &dst)) {
        count(STAT_QUARANTINED);
        return;
    }
    struct uuid id;
    memcpy(id.b, r->info->stream_id.data, 16);
    struct stream *s = media_stream_by_id(w, &id);
    s = s ? s : media_stream_new(w, site, &id, &src, &dst);
    if (!s) {
        struct stream row = {
            .id = id, .site = site, .publisher = publisher, .src = src, .dst = dst};
        take_report(&row, r);
        rows_stream(w, &row); // its figures are kept; it cannot be joined
        count(STAT_FULL_STREAMS);
        return;
    }
    uint64_t lost = s->lost, packets = s->packets, rtcp = s->rtcp_packets;
    s->publisher = publisher;
    take_report(s, r);
    media_touch(w, s);
    if (!s->call) {
        try_join(w, s);
        return;
    }
    media_heard_report(w, s);
    s->call->lost_packets += s->lost - lost;
    int64_t heard_us = call_time(w, s->call, publisher, s->last_us);
    if (heard_us > s->call->last_media_us)
        s->call->last_media_us = heard_us;
    media_note_rtcp(s, rtcp, call_time(w, s->call, publisher, w->publisher[publisher].feed_us));
    if (!packets && s->packets)
        recordings_on_media(w, s->call);
    call_touch(w, s->call, false);
}

void media_forget_stream(struct world *w, struct stream *s)
{
    if (s->dirty) {
        rows_stream(w, s);
        list_del(&s->dirty_link);
        w->dirty_stream_count--;
    }
    list_del(&s->idle_link);
    size_t slot = slab_index_of(w->streams, s);
    chain_del(w->by_stream, slot);
    chain_del(w->by_src, slot);
    chain_del(w->by_dst, slot);
    media_hosts_del_stream(w, s);
    slab_give(w->streams, s);
}

void media_detach(struct world *w, struct stream *s)
{
    struct format f;
    if (s->dirty) {
        rows_stream(w, s);
        s->dirty = false;
        list_del(&s->dirty_link);
        w->dirty_stream_count--;
    }
    if (media_format(s, s->payload_type, &f)) {
        (void)span_copy(span_str(f.codec), s->codec, sizeof s->codec);
        s->clock_rate = f.clock_rate;
    }
    s->call = NULL;
    s->leg = NULL;
    s->next = NULL;
    list_push(&w->idle_streams, &s->idle_link);
}

void media_forget_addresses(struct world *w, struct leg *l)
{
    while (l->addresses) {
        struct address *a = l->addresses;
        l->addresses = a->next;
        chain_del(w->by_address, slab_index_of(w->addresses, a));
        slab_give(w->addresses, a);
    }
    l->address_count = 0;
}

void media_sweep(struct world *w, size_t n)
{
    for (size_t i = 0; i < n && !world_batch_full(w); i++) {
        w->stream_hand = (w->stream_hand + 1) % w->lim.streams;
        struct stream *s = slab_at(w->streams, w->stream_hand);
        if (!s || s->call)
            continue;
        int64_t keep = s->ended ? 2 * SLACK_US : KEEP_US;
        if (w->publisher[s->publisher].ended || s->last_us + keep < w->site[s->site].feed_us)
            media_forget_stream(w, s);
    }
}

size_t media_unjoined(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->lim.streams; i++) {
        const struct stream *s = slab_at(w->streams, i);
        n += s && uuid_is_zero(&s->call_id);
    }
    return n;
}

// What the streams of a call say together: who was heard, and how bad it sounded.
#include "base/mono.h"
#include "media_join.h"

#define ONE_WAY_US      (3 * US_PER_S)  // of an ended call
#define ONE_WAY_LIVE_US (10 * US_PER_S) // of one that goes on: both sides have reported twice
#define ONE_WAY_PACKETS 50

enum side media_one_way(const struct call *c)
{
    uint64_t sent[3] = {0};
    bool heard[3] = {false}, sure[3] = {false};
    int64_t talk_us = (c->ended_us ? c->ended_us : c->last_media_us) - c->answered_us;
    if (!c->answered_us || talk_us <= (c->ended_us ? ONE_WAY_US : ONE_WAY_LIVE_US))
        return SIDE_NONE;
    for (const struct stream *s = c->streams; s; s = s->next) {
        if (s->last_us <= c->answered_us)
            continue;
        heard[s->side] = true;
        sent[s->side] += s->packets - s->packets_early;
        // A harvester that sees one direction of a line hears one side of every call: that says nothing.
        sure[s->side] |= s->both_ways;
    }
    for (enum side side = SIDE_CALLER; side <= SIDE_CALLEE; side++)
        if (sent[side] >= ONE_WAY_PACKETS && sure[side] &&
            !heard[side == SIDE_CALLER ? SIDE_CALLEE : SIDE_CALLER])
            return side;
    return SIDE_NONE;
}

// An answer from where the first request went, seen by who saw that request.
void media_both_ways_message(struct world *w, const struct message *m)
{
    const struct call *c = m->call;
    const struct leg *l = m->leg;
    if (l && c->publishers > 0 && c->publisher[0] == m->publisher &&
        endpoint_eq(&m->src, &l->dst) && endpoint_eq(&m->dst, &l->src))
        w->publisher[m->publisher].both_ways = true;
}

bool media_mos_min(const struct call *c, double *ret)
{
    bool found = false;
    for (const struct stream *s = c->streams; s; s = s->next) {
        if (!s->rated || !s->quality.rated || (found && (double)s->quality.mos_min >= *ret))
            continue;
        *ret = (double)s->quality.mos_min;
        found = true;
    }
    return found;
}

void media_take_quality(struct stream *s, const Callmesh__V1__StreamQuality *q)
{
    s->rated = q != NULL;
    if (!q)
        return;
    s->quality = (struct quality){
        .late_f1 = q->late_f1,
        .late_f2 = q->late_f2,
        .late_adaptive = q->late_adaptive,
        .capture_lost = q->capture_lost,
        .mos_f1 = q->mos_f1,
        .mos_f2 = q->mos_f2,
        .mos_adaptive = q->mos_adaptive,
        .mos_min = q->mos_min,
        .mos_avg = q->mos_avg,
        .r_adaptive = q->r_adaptive,
        .burst_density = q->burst_density,
        .gap_density = q->gap_density,
        .burst_ms = q->burst_ms,
        .gap_ms = q->gap_ms,
        .skew_ppm = q->skew_ppm,
        .bursts = q->bursts,
        .rated = q->rated,
        .skew_known = q->skew_known,
        .capture_lost_bound = q->capture_lost_bound,
    };
}

void media_heard_report(struct world *w, struct stream *s)
{
    for (const struct stream *o = s->call->streams; o; o = o->next)
        if (o->publisher == s->publisher && endpoint_eq(&o->src, &s->dst) &&
            endpoint_eq(&o->dst, &s->src))
            w->publisher[s->publisher].both_ways = true;
    s->both_ways = w->publisher[s->publisher].both_ways;
    if (!s->call->answered_us || s->last_us <= s->call->answered_us)
        s->packets_early = s->packets;
}

void media_note_rtcp(struct stream *s, uint64_t before, int64_t feed_us)
{
    if (s->rtcp_packets > before && feed_us > s->call->last_rtcp_us)
        s->call->last_rtcp_us = feed_us;
}

static uint8_t u8(uint32_t v)
{
    return v < UINT8_MAX ? (uint8_t)v : UINT8_MAX;
}

static uint16_t u16(uint32_t v)
{
    return v < UINT16_MAX ? (uint16_t)v : UINT16_MAX;
}

static int8_t i8(int32_t v)
{
    return (int8_t)(v < INT8_MIN ? INT8_MIN : v > INT8_MAX ? INT8_MAX : v);
}

static void take_xr(struct stream *s, const Callmesh__V1__RtcpXr *x)
{
    s->rtcp_xr = x != NULL;
    if (!x)
        return;
    s->voip = (struct rtcp_voip){
        .loss_rate = u8(x->loss_rate),
        .discard_rate = u8(x->discard_rate),
        .burst_density = u8(x->burst_density),
        .gap_density = u8(x->gap_density),
        .burst_ms = u16(x->burst_duration_ms),
        .gap_ms = u16(x->gap_duration_ms),
        .round_trip_ms = u16(x->round_trip_delay_ms),
        .end_system_ms = u16(x->end_system_delay_ms),
        .signal_dbm = i8(x->signal_level_dbm),
        .noise_dbm = i8(x->noise_level_dbm),
        .rerl_db = u8(x->rerl_db),
        .gmin = u8(x->gmin),
        .r_factor = u8(x->r_factor),
        .external_r = u8(x->external_r_factor),
        .mos_lq = u8(x->mos_lq),
        .mos_cq = u8(x->mos_cq),
        .buffer_nominal_ms = u16(x->jb_nominal_ms),
        .buffer_maximum_ms = u16(x->jb_maximum_ms),
        .buffer_limit_ms = u16(x->jb_abs_max_ms),
    };
}

void media_take_rtcp(struct stream *s, const Callmesh__V1__RtcpSummary *r)
{
    s->rtcp = r != NULL;
    if (!r)
        return;
    s->rtcp_packets = r->packets;
    s->rtcp_fraction_lost = r->fraction_lost;
    s->rtcp_lost = r->cumulative_lost;
    s->rtcp_jitter = r->jitter;
    s->rtcp_sender_packets = r->sender_packets;
    s->rtcp_bye = r->bye;
    take_xr(s, r->xr);
}

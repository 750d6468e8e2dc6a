// The playout figures of a stream as the sig feed tells them.
#include "outbox.h"

void outbox_quality(Callmesh__V1__StreamQuality *q, const struct stream_cold *c,
                    const struct play *p)
{
    struct play_figures f = play_figures(p);
    callmesh__v1__stream_quality__init(q);
    q->rated = f.rated;
    q->mos_f1 = (float)f.mos[PLAY_F1];
    q->mos_f2 = (float)f.mos[PLAY_F2];
    q->mos_adaptive = (float)f.mos[PLAY_ADAPTIVE];
    q->mos_min = (float)f.mos_min;
    q->mos_avg = (float)f.mos_avg;
    q->r_adaptive = (float)f.r_adaptive;
    q->late_f1 = f.late[PLAY_F1];
    q->late_f2 = f.late[PLAY_F2];
    q->late_adaptive = f.late[PLAY_ADAPTIVE];
    q->bursts = f.burst.bursts;
    q->burst_density = (float)f.burst.burst_density;
    q->gap_density = (float)f.burst.gap_density;
    q->burst_ms = (float)(f.burst.burst_packets * p->ptime_us / 1000);
    q->gap_ms = (float)(f.burst.gap_packets * p->ptime_us / 1000);
    q->skew_known = f.skew_known;
    q->skew_ppm = (float)f.skew_ppm;
    q->capture_lost = c->capture_lost;
    q->capture_lost_bound = c->capture_lost_bound;
}

static void put_xr(Callmesh__V1__RtcpXr *x, const struct stream_rtcp *r)
{
    const struct rtcp_voip *v = &r->voip;
    callmesh__v1__rtcp_xr__init(x);
    x->blocks = r->voip_blocks;
    x->loss_rate = v->loss_rate;
    x->discard_rate = v->discard_rate;
    x->burst_density = v->burst_density;
    x->gap_density = v->gap_density;
    x->burst_duration_ms = v->burst_ms;
    x->gap_duration_ms = v->gap_ms;
    x->round_trip_delay_ms = v->round_trip_ms;
    x->end_system_delay_ms = v->end_system_ms;
    x->signal_level_dbm = v->signal_dbm;
    x->noise_level_dbm = v->noise_dbm;
    x->rerl_db = v->rerl_db;
    x->gmin = v->gmin;
    x->r_factor = v->r_factor;
    x->external_r_factor = v->external_r;
    x->mos_lq = v->mos_lq;
    x->mos_cq = v->mos_cq;
    x->jb_nominal_ms = v->buffer_nominal_ms;
    x->jb_maximum_ms = v->buffer_maximum_ms;
    x->jb_abs_max_ms = v->buffer_limit_ms;
}

void outbox_rtcp(Callmesh__V1__RtcpSummary *to, Callmesh__V1__RtcpXr *xr,
                 const struct stream_rtcp *r)
{
    callmesh__v1__rtcp_summary__init(to);
    to->packets = r->packets;
    to->fraction_lost = r->fraction_lost;
    to->cumulative_lost = r->cumulative_lost;
    to->jitter = r->jitter;
    to->sender_packets = r->sender_packets;
    to->bye = r->bye;
    if (r->voip_blocks) {
        put_xr(xr, r);
        to->xr = xr;
    }
}

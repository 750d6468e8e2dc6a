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

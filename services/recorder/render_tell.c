// render_tell.c: what a recording says of itself beside its sound: what the senders' clocks did, and what is missing.
#include <stdio.h>
#include "render_priv.h"

void render_tell_drift(const struct render *r, const struct job *j, const struct track *t,
                       struct render_result *res)
{
    for (size_t i = 0; i < t->timeline.n; i++) {
        const struct timeline_segment *s = &t->timeline.segments[i];
        if (s->stretch == 0)
            continue;
        if (res->drifts < RENDER_DRIFTS_MAX)
            res->drift[res->drifts] =
                (struct render_drift){.stream = (uint32_t)(t->stream - j->stream),
                                      .from = timeline_pos(s, s->ticks_min, res->start_us, r->rate),
                                      .to = timeline_pos(s, s->ticks_max, res->start_us, r->rate),
                                      .stretch = s->stretch};
        res->drifts++;
    }
}

static uint64_t refused_segments(const struct render *r)
{
    uint64_t n = 0;
    for (size_t i = 0; i < r->tracks; i++)
        n += r->track[i].timeline.refused;
    return n;
}

void render_tell_missing(struct render *r, const struct job *j, struct render_result *res)
{
    int64_t dropped = 0;
    window_add_pauses(&r->window, j, res->start_us, r->rate);
    for (uint32_t i = 0; i < j->losses; i++)
        window_add_uncaptured(&r->window,
                              timeline_samples(j->loss[i].from_us - res->start_us, r->rate),
                              timeline_samples(j->loss[i].to_us - res->start_us, r->rate));
    for (size_t i = 0; i < r->tracks; i++) {
        const struct track *t = &r->track[i];
        if (t->chain.truncated && t->first_us > res->start_us + dropped)
            dropped = t->first_us - res->start_us;
    }
    if (dropped > 0) {
        window_add_uncaptured(&r->window, 0, timeline_samples(dropped, r->rate));
        (void)snprintf(res->reason, sizeof(res->reason), "the first %.3f s had left the spool",
                       (double)dropped / 1e6);
    } else if (refused_segments(r) > 0) {
        (void)snprintf(res->reason, sizeof(res->reason),
                       "too many jumps of time stamps: %llu packets kept the clock before",
                       (unsigned long long)refused_segments(r));
    }
}

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

// A harvester has told packets of it, and nothing of them can be read here.
static bool is_not_here(const struct render *r, const struct job_stream *s)
{
    if (s->reported == 0)
        return false;
    for (size_t i = 0; i < r->tracks; i++) {
        const struct track *t = &r->track[i];
        if (t->stream == s)
            return t->audio == 0 && (t->chain.truncated || t->chain.unreadable > 0);
    }
    return !s->known;
}

// Media that was told and is not here is lost, and never taken for silence: with nothing else the recording has failed, beside a
// stream that is here the silence of that side, from where the other began, is no longer `not_sent`. What another recorder has
// (a second tap's) is missing only when nothing is here.
void render_tell_not_here(const struct render *r, const struct job *j, struct render_result *res)
{
    int64_t first_us = 0;
    for (uint32_t i = 0; i < j->streams && j->pauses == 0;
         i++) { // a pause keeps packets back that are told
        const struct job_stream *s = &j->stream[i];
        if (!is_not_here(r, s) || (s->elsewhere && res->verdict != RENDER_EMPTY))
            continue;
        int64_t at_us = s->first_at_us > 0 ? s->first_at_us : j->started_us;
        first_us = res->missing == 0 || at_us < first_us ? at_us : first_us;
        res->missing += s->reported;
        if (s->side != JOB_CALLER && s->side != JOB_CALLEE)
            continue;
        struct render_channel *ch = &res->channel[s->side - 1];
        if (ch->missing == 0 || at_us < ch->missing_us)
            ch->missing_us = at_us;
        ch->missing += s->reported;
        ch->lost += s->reported;
    }
    if (res->missing > 0 && res->verdict == RENDER_EMPTY) {
        res->verdict = RENDER_FAILED;
        res->start_us = first_us;
    }
    if (res->missing > 0 && res->reason[0] == '\0')
        (void)snprintf(res->reason, sizeof(res->reason),
                       "media was seen that is not in this recorder's look-back");
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
    for (int c = 0; c < 2; c++) {
        if (res->channel[c].missing > 0)
            window_lose_side(&r->window, c,
                             timeline_samples(res->channel[c].missing_us - res->start_us, r->rate));
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

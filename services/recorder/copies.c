#include "copies.h"

#define LAG_US (COPIES_APART_US + INT64_C(500000)) // well inside what the window keeps

// How far apart two segments of one SSRC stand by RTP time, in us; false when they are not of one clock.
static bool rtp_distance(const struct timeline_segment *from, const struct timeline_segment *to,
                         int64_t *ret_us)
{
    if (from->ssrc != to->ssrc || from->clock != to->clock || from->clock == 0)
        return false;
    int64_t ticks = (int32_t)(to->timestamp - from->timestamp);
    *ret_us = ticks * 1000000 / from->clock;
    return true;
}

// Where the segment would stand if the best copy had seen it, and how its clock runs there. False: it is of another stream.
static bool place_of(const struct timeline_segment *s, const struct timeline *best, int64_t *ret_us,
                     int32_t *ret_stretch)
{
    bool found = false;
    for (size_t i = 0; i < best->n; i++) {
        const struct timeline_segment *b = &best->segments[i];
        int64_t us;
        if (!rtp_distance(b, s, &us) || (found && us < 0))
            continue; // of the pieces of a clock that changes the last that begins before it
        int64_t at = b->anchor_us + us + us * b->stretch / DRIFT_ONE, apart = at - s->anchor_us;
        if (apart > -COPIES_APART_US && apart < COPIES_APART_US) {
            *ret_us = at;
            *ret_stretch = b->stretch;
            found = true;
        }
    }
    return found;
}

static void align(struct track *t, const struct track *best)
{
    int64_t us;
    int32_t stretch;
    for (size_t i = 0; i < t->timeline.n; i++) {
        if (!place_of(&t->timeline.segments[i], &best->timeline, &us, &stretch))
            continue;
        t->timeline.segments[i].anchor_us = us;
        t->timeline.segments[i].stretch = stretch;
        t->copy_of = best;
    }
}

void copies_align(struct render *r)
{
    for (size_t i = 0; i < r->tracks; i++)
        r->track[i].copy_of = NULL;
    for (size_t i = 0; i < r->tracks; i++) {
        struct track *t = &r->track[i], *best = NULL;
        for (size_t k = 0; k < r->tracks; k++) {
            struct track *o = &r->track[k];
            int64_t us;
            int32_t stretch;
            if (o->channel == t->channel && o->rank > t->rank && t->timeline.n > 0 &&
                place_of(&t->timeline.segments[0], &o->timeline, &us, &stretch) &&
                (!best || o->rank > best->rank))
                best = o;
        }
        if (best)
            align(t, best);
    }
}

int64_t copies_turn_us(const struct track *t)
{
    return t->next.at_us + (t->copy_of ? LAG_US : 0);
}

uint64_t copies_lost(const struct render *r, const struct track *t)
{
    uint64_t lost = t->copy_of ? 0 : rtpseq_lost(&t->timeline.seq);
    for (size_t i = 0; i < r->tracks; i++) {
        uint64_t filled = r->track[i].copy_of == t ? r->track[i].filled : 0;
        lost -= filled < lost ? filled : lost;
    }
    return lost;
}

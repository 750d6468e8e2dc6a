// What the streams of a call say together: who was heard, and how bad it sounded.
#include "base/mono.h"
#include "media_join.h"

#define ONE_WAY_US      (3 * US_PER_S)  // of an ended call
#define ONE_WAY_LIVE_US (10 * US_PER_S) // of one that goes on: both sides have reported twice
#define ONE_WAY_PACKETS 50

enum side media_one_way(const struct call *c)
{
    uint64_t sent[3] = {0};
    bool heard[3] = {false};
    int64_t talk_us = (c->ended_us ? c->ended_us : c->last_media_us) - c->answered_us;
    if (!c->answered_us || talk_us <= (c->ended_us ? ONE_WAY_US : ONE_WAY_LIVE_US))
        return SIDE_NONE;
    for (const struct stream *s = c->streams; s; s = s->next) {
        if (s->last_us <= c->answered_us)
            continue;
        heard[s->side] = true;
        sent[s->side] += s->packets - s->packets_early;
    }
    for (enum side side = SIDE_CALLER; side <= SIDE_CALLEE; side++)
        if (sent[side] >= ONE_WAY_PACKETS &&
            !heard[side == SIDE_CALLER ? SIDE_CALLEE : SIDE_CALLER])
            return side;
    return SIDE_NONE;
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
    s->quality = *q; // numbers alone
    s->quality.base.n_unknown_fields = 0;
    s->quality.base.unknown_fields = NULL;
}

void media_note_early(struct stream *s)
{
    if (!s->call->answered_us || s->last_us <= s->call->answered_us)
        s->packets_early = s->packets;
}

void media_note_rtcp(struct stream *s, uint64_t before, int64_t feed_us)
{
    if (s->rtcp_packets > before && feed_us > s->call->last_rtcp_us)
        s->call->last_rtcp_us = feed_us;
}

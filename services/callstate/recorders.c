#include "recorders.h"

void recorders_heard(struct world *w, struct publisher *p)
{
    if (w->wall_us - p->last_seen_wall_us > w->lim.recorder_dead_us)
        p->back_wall_us = w->wall_us;
    p->is_recorder = true;
    p->last_seen_wall_us = w->wall_us;
}

bool recorders_knows(const struct world *w, const struct publisher *p)
{
    return p->used && p->is_recorder && w->wall_us - p->last_seen_wall_us < w->lim.recorder_away_us;
}

// Silence says something only while we listened.
static bool is_away(const struct world *w, const struct publisher *p)
{
    int64_t heard = p->last_seen_wall_us > w->listening_since_wall_us ? p->last_seen_wall_us
                                                                      : w->listening_since_wall_us;
    return w->wall_us - heard > w->lim.recorder_dead_us;
}

// The site's own, and those of sites that share its addresses: of one call each may have a part, so none of them may be missing. Where
// there is none (a replayed file is a site of its own), any that is there.
struct recorders recorders_of(const struct world *w, uint16_t site)
{
    struct recorders own = {0}, all = {0};
    unsigned away = 0;
    for (size_t i = 0; i < w->lim.publishers; i++) {
        const struct publisher *p = &w->publisher[i];
        if (!recorders_knows(w, p))
            continue;
        bool gone = is_away(w, p), its = w->site[p->site].realm == w->site[site].realm;
        struct recorders *of[] = {&all, its ? &own : NULL};
        for (size_t k = 0; k < 2 && of[k]; k++) {
            of[k]->known++;
            of[k]->awaited |= gone;
            if (p->back_wall_us > of[k]->back_wall_us)
                of[k]->back_wall_us = p->back_wall_us;
        }
        away += gone;
    }
    all.awaited = away && away == all.known;
    return own.known ? own : all;
}

// recorders.h: which recorders there are, by what was heard of them: who is here, who is away and will come back. What one that is
// away has not recorded lies in the harvesters' journals, so its calls wait for it. State thread.
// Limits: they are publishers. One that was not heard of for `timers.recorder-away` is not known any more.
#pragma once
#include "world.h"

struct recorders {
    unsigned known;
    bool awaited;         // one that has calls of this site is away
    int64_t back_wall_us; // when the last one came back
};

// Its feed says something, whatever it is.
void recorders_heard(struct world *w, struct publisher *p);
bool recorders_knows(const struct world *w, const struct publisher *p);
// Who may record calls of a site.
struct recorders recorders_of(const struct world *w, uint16_t site);

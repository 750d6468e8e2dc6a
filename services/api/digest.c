// The mirror beside callstate's sum of what it has told (MeshDigest).
#include "base/log.h"
#include "base/uuid.h"
#include "mirror_priv.h"

bool mirror_agrees(const Callmesh__V1__MeshDigest *d)
{
    uint64_t sum = 0, calls = 0;
    if (stat_get(&mi.stat[MI_REFUSED]) > 0)
        return true; // the table was too small: it cannot be the same
    for (uint32_t i = 0; i < settings.mirror_calls;
         i++) { // the mesh thread alone writes: no lock to read
        const struct mirror_slot *c = slab_at(mi.calls, i);
        if (!c)
            continue;
        sum += uuid_digest(&c->id, c->revision);
        calls++;
    }
    stat_add(&mi.stat[MI_DIGESTS], 1);
    bool same = sum == d->sum && calls == d->calls, again = !same && mi.differed;
    mi.differed = !same && !again;
    if (again) {
        stat_add(&mi.stat[MI_DIVERGED], 1);
        log_error("the live mirror is not what callstate told: a snapshot mends it",
                  "calls=%llu told=%llu", (unsigned long long)calls, (unsigned long long)d->calls);
    }
    return !again;
}

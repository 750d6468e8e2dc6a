// mirror_priv.h: the tables of the live mirror (mirror.c) and the thread that fills them (mesh.c). Not for others.
#pragma once
#include <pthread.h>

#include "base/map.h"
#include "base/slab.h"
#include "base/stat.h"
#include "callmesh/v1/mesh.pb-c.h"
#include "mirror.h"

enum {
    MI_CALLS,
    MI_HARVESTERS,
    MI_FRESH,
    MI_CHANGES,
    MI_OLD,
    MI_GAPS,
    MI_SNAPSHOTS,
    MI_REFUSED,
    MI_BAD,
    MI_DIGESTS,
    MI_DIVERGED,
    MIRROR_STATS,
};

struct mirror_slot {
    struct uuid id;
    uint64_t revision, sweep;                 // sweep: number of the last snapshot that had it
    Callmesh__V1__CallState state, own_state; // of the whole call, of this part
    bool merged;                              // part of another call, which shows it
    char site[64];
    char codec[2][16];
    uint16_t text_n;
    char text[MIRROR_TEXT];
};

struct mirror_harvester {
    bool used, up, ended;
    uint64_t sweep;
    char name[96], site[64];
    const char *event; // waits to be told
    int64_t told_us;
    uint32_t text_n;
    char text[MIRROR_HARVESTER];
};

struct mirror {
    pthread_mutex_t lock; // the tables
    struct slab *calls;
    struct map *by_id;
    struct mirror_harvester *harvesters;
    uint64_t sweep;
    int64_t heard_us; // atomic; monotonic
    bool differed;    // at the last digest
    struct stat_cell stat[MIRROR_STATS];
};
extern struct mirror mi;

int mirror_init(void);
// Mesh thread. quiet: no event (the first snapshot). new_life: another life of callstate, revisions may be anything.
void mirror_take(const Callmesh__V1__MeshChange *c, bool quiet, bool new_life);
// Is the mirror what callstate says it told? False at the second difference in a row (the first may be a change on its way
// behind a snapshot): counted, and a snapshot is due.
bool mirror_agrees(const Callmesh__V1__MeshDigest *d);
void alerts_take(const Callmesh__V1__Alert *a); // alerts.c
void mirror_flush_harvesters(int64_t now_us);
struct mirror_slot *mirror_find(const struct uuid *id); // under the lock
void mirror_remove(struct mirror_slot *c);              // under the lock

// mesh.h: the thread that follows callstate: a snapshot at start and at each gap, then numbered changes. It decides when
// a call's media is complete (the feeds of its site have passed its end) and sends it to be cut; and it passes taps on.
// Limits: the mirror (calls.h); the ring of orders (full: tried again at the next round).
#pragma once
#include <stdatomic.h>
#include "base/ring.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "calls.h"
#include "erase.h"
#include "feeds.h"

struct mesh_opts {
    const char *mesh_url, *control_url;
    const char *name, *site; // of this recorder
    size_t calls;
    int64_t cut_delay_us; // feed time after the end
    int64_t wait_max_us;  // wall time for a publisher that is not there
    int64_t snapshot_every_us;
};

struct mesh {
    struct mesh_opts o;
    struct thread thread;
    struct calls calls;
    struct cast_sub *sub;
    struct ask *ask;
    struct feeds *feeds;             // shared with intake
    struct ring *orders;             // to intake
    struct ring *erases;             // struct erase, to the cutter
    struct ring *done;               // struct done, from the cutter
    _Atomic int64_t *wanted_us;      // of intake
    const _Atomic int64_t *heard_us; // of report
    uint8_t incarnation[16];
    uint64_t seq;
    bool whole; // a snapshot has been taken and no gap has shown since
    int64_t next_snapshot_us, next_round_us, next_wanted_us; // monotonic
    uint64_t foreign;                                        // calls of sites that are not ours
    struct order order;
    _Atomic bool up; // for readyz
};

int mesh_open(struct mesh *m, char *err, size_t err_cap);
int mesh_start(struct mesh *m);
void mesh_stop(struct mesh *m);

// intake.h: the owner thread of the recorder's media: rtp feed in, spool out, taps, and the places of a call's media for
// the cutter. Runs spool, streams, feeds, live; nobody else touches them.
// Limits: see each; rings: `orders` in (full: mesh tries again), `jobs` out (full: orders wait).
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include "base/ring.h"
#include "base/thread.h"
#include "bus/bus.h"
#include "feeds.h"
#include "live.h"
#include "spool.h"
#include "streams.h"

#define INTAKE_LOSSES 256u

struct intake_opts {
    const char *spool_dir;
    uint64_t spool_bytes, segment_bytes;
    int64_t look_back_us;
    size_t chains, blocks;
    const char *rtp_url, *rtp_ask_url;
    int64_t block_age_us;  // a block is written at this age
    int64_t commit_us;     // cursor and commit
    uint64_t commit_bytes; // and after so many bytes of one feed
};

struct intake_loss {
    uint64_t feed_key;
    int64_t from_us, to_us;
};

struct intake {
    struct intake_opts o;
    struct thread thread;
    struct spool *spool;
    struct streams *streams;
    struct feeds *feeds; // shared with mesh
    struct live *live;
    struct feed_sub *sub;
    struct ring *orders;                      // struct order, from mesh
    struct ring *jobs;                        // struct job, to the cutter
    struct order order;                       // being worked on
    struct intake_loss losses[INTAKE_LOSSES]; // newest last, a ring
    uint64_t losses_n;
    bool gave_up;       // a block was not written: no cursor moves any more
    int64_t no_disk_us; // monotonic, of the last line about it
    int64_t next_age_us, next_commit_us, next_sweep_us; // monotonic
    _Atomic bool disk_low;                              // by report
    _Atomic uint32_t newest;                            // segment being written, for report to sync
    _Atomic int64_t wanted_us; // by mesh: wall time since when media is needed; INT64_MAX: none
};

// Opens spool and feed, scans what is there. 0 or negative errno with a line in err.
int intake_open(struct intake *in, char *err, size_t err_cap);
int intake_start(struct intake *in);
// Writes what is unwritten, saves the cursor, commits.
void intake_stop(struct intake *in);

// calls.h: the mirror of the mesh that the recorder needs: which streams make which call, who has ended and waits for a
// cut, who is tapped. One owner thread (mesh).
// Limits: `calls` calls and 4 streams for each on average (full: refused, counted, alarmed; calls that are done go first).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/slab.h"
#include "callmesh/v1/mesh.pb-c.h"
#include "job.h"

#define CALLS_HARVESTERS 4u

enum call_stage {
    CALL_UP,      // in the mesh, not ended, or ended and not ours to cut
    CALL_PENDING, // waits for its media
    CALL_QUEUED,  // with intake or the cutter
    CALL_DONE,    // reported; callstate has not said so yet
};

struct call_stream {
    struct job_stream s;
    struct call_stream *next;
};

struct call {
    struct uuid id;
    uint64_t revision;
    char site[JOB_SITE_BYTES];
    char harvester[CALLS_HARVESTERS][96];
    uint32_t harvesters;
    int64_t started_us, ended_us; // capture time
    int64_t first_us;             // wall clock, when it was first seen here
    int64_t pending_us;           // since when it waits
    int64_t done_us;
    int64_t tap_until_us; // wall clock, 0: no tap
    uint32_t round;       // of the snapshot that named it last
    bool live, removed;
    // What the rules of recording want of it.
    bool from_answer;
    uint8_t sides; // bit 0 caller, bit 1 callee; 0: nobody has said
    char rule[64];
    int64_t answered_us;
    uint32_t pauses;
    struct job_pause pause[JOB_PAUSES_MAX];
    uint8_t key_rounds;   // of it that had no keys yet
    bool again;           // more streams came while it was cut
    uint32_t cut_streams; // that the last cut knew of
    enum call_stage stage;
    struct call_stream *streams;
    uint32_t streams_n;
    struct call *pending_prev, *pending_next;
};

struct calls {
    struct slab *slab, *streams;
    struct map *by_id;
    struct call *pending_first, *pending_last;
    size_t pending;
    bool
        new_life; // while a snapshot of another director's life is taken: its revisions may be lower
    uint32_t round;
    uint64_t refused;
    size_t hand;      // of the search for a call that is done
    int64_t heard_us; // wall clock: what we had reported until then is stored by callstate
};

int calls_init(struct calls *c, size_t calls);
void calls_deinit(struct calls *c);
struct call *calls_find(struct calls *c, const struct uuid *id);
// The whole call as callstate says it. The call, or NULL when it is not (or no longer) of interest.
struct call *calls_apply(struct calls *c, const Callmesh__V1__Call *m, int64_t wall_us);
void calls_remove(struct calls *c, const struct uuid *id);
// A snapshot begins; at its end what it did not name and is not waiting for us goes.
void calls_round_begin(struct calls *c);
void calls_round_end(struct calls *c);
void calls_set_stage(struct calls *c, struct call *call, enum call_stage stage, int64_t wall_us);
// The cutter is done with it (abandoned: it waits again).
void calls_on_done(struct calls *c, const struct done *d, int64_t wall_us);
void calls_fill_job(const struct call *call, struct job *ret);
// The same for a cut: what the rules of recording do not want of it is left out.
void calls_fill_cut(const struct call *call, struct job *ret);
// Wall time since when media must be kept; INT64_MAX: nobody needs any.
int64_t calls_wanted_us(const struct calls *c);

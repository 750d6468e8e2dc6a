// intake.h: feeds in. Each envelope is taken event by event; where a batch is full in the middle, the cursor remembers how
// many of its events are done. No sockets here: the loop (state.c) gives it envelopes, so that tests can.
#pragma once
#include "callmesh/v1/capture.pb-c.h"
#include "callmesh/v1/envelope.pb-c.h"
#include "callmesh/v1/recorder.pb-c.h"
#include "world.h"

// Where a publisher was when the process started.
struct known_cursor {
    char publisher[96];
    uint8_t incarnation[16];
    uint64_t epoch;
    struct cursor at;
};

struct intake {
    struct world *w;
    void (*seal)(void *ctx); // the open batch is full: seal it, get another
    void *ctx;
    struct known_cursor *known;
    size_t knowns;
};

// The publisher of this envelope, ready for its events. NULL: no place for it (counted); the envelope is not taken.
struct publisher *intake_begin(struct intake *in, const Callmesh__V1__Envelope *env,
                               uint32_t bus_slot, uint64_t lost_before);
// Its payload; NULL: it could not be unpacked (quarantine).
void intake_sig(struct intake *in, struct publisher *p, uint64_t seq,
                const Callmesh__V1__SigBatch *b);
void intake_report(struct intake *in, struct publisher *p, uint64_t seq,
                   const Callmesh__V1__ReportBatch *b);
void intake_unreadable(struct intake *in, struct publisher *p, uint64_t seq, const char *why,
                       struct span payload);
// Once a loop: who is up, what is due for database and mesh.
void intake_tick(struct intake *in);

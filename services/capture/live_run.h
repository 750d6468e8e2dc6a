// live_run.h: the inside of a worker of live capture, shared by live_worker.c (its life), live_decide.c (what is the next step),
// live_steps.c (doing it) and live_out.c (what it hands over). All of it is the state that a parked copy keeps.
#pragma once
#include <signal.h>
#include "live.h"
#include "report.h"

struct lane_run {
    struct live *live;
    uint32_t no;
    struct lane *lane;
    struct heirs heirs;
    struct outbox *outbox; // NULL: no bus
    struct worker *worker;
    struct report *report; // NULL: nothing is printed
    struct xring_producer out;
    uint64_t crossed; // words to other workers
    struct xring_consumer inbox[LANES_MAX];
    uint64_t out_parked_at; // of the handover ring, at the last parking
    uint64_t at, parked_at; // steps done; at the last parking
    uint64_t block, packets;
    uint64_t place; // of the packet on its way
    int64_t parked_us, tick_us, close_us, stop_us, began_us;
    uint32_t ticks, announce;
    bool fed; // something to park since the last time
    struct lane_tick told;
    uint32_t shed_level, shed_calm; // ticks without pressure
    int64_t slack_us;
    sigset_t awake; // signals that end a wait
};
// live_out.c
struct outbox_sink live_out_sink(struct lane_run *w);
// With counters: those of now; the sender has had all before them.
void live_out_tick(void *ctx, int64_t at_us, bool with_counters);
void live_out_end(struct lane_run *w);
void live_ring_bell(int fd);

// live_cross.c: what other workers are to know.
void live_cross_sdp(void *ctx, int64_t at_us, struct span body);
void live_cross_rtcp(void *ctx, const struct pkt *p);
void live_cross_media(void *ctx, int64_t at_us, const struct sigmedia *m);
void live_cross_take(struct lane_run *w, const struct xring_record *rec, const uint8_t *payload);

// live_steps.c
void live_perform(struct lane_run *w, const struct step *s);

// live_decide.c: waits for something to do and writes it down.
void live_decide(struct lane_run *w, struct step *s);

// live.h: what the processes of live capture share, and who they are.
//
//   keeper   opens the kernel's rings, gives up every right, starts the others, counts what the kernel dropped, replaces the
//            sender when it dies. Parses nothing, opens nothing. The process that was started (its pid, its signals).
//   worker   one for each ring, with no right at all (cage/sandbox.h): parses. Its state lives on in a parked copy (heirs.h).
//   sender   journals and bus, health port, listeners (HEP, mirrors), counters.
//
// All memory here is mapped before they fork, so it has one address everywhere. Each field has one writing process.
#pragma once
#include <stdatomic.h>
#include "base/conf.h"
#include "heirs.h"
#include "inputs.h"
#include "pause.h"
#include "tpring.h"
#include "xring.h"

#define LANES_MAX 16
#define STEPS_MAX 4096 // of the order since the last parked copy; half of them bring on the next

// What a worker did, in order, written before it is done: a successor does the same again. Packets stand in the ring's blocks and in
// the inbox; all else that comes from outside (clocks, counts) stands here.
enum step_kind {
    STEP_BLOCK = 1, // the next block of the ring
    STEP_INBOX,     // the next record of inbox `which`
    STEP_TICK,
    STEP_CLOSE, // old batches
    STEP_REST,  // nothing; a copy is parked after it
    STEP_END,
};
struct step {
    uint32_t kind, which;
    int64_t feed_us, clock_us;
    struct loss_counts {
        uint64_t kernel, crossing, handover, journal, bus, hep_connections, hep_refused,
            hep_evicted;
    } lost;        // totals
    uint32_t shed; // level, worker_shed
    uint32_t
        announce; // changed: a sender was replaced, all streams are to be named to the next one
};

// Records in a worker's outbox ring (kind); sig and rtp are batches as the bus carries them.
enum out_kind {
    OUT_SIG = 1,
    OUT_RTP,  // b: packets in it
    OUT_TICK, // a: feed time; payload: struct lane_tick, or none
    OUT_END,
    OUT_LOST, // b: packets of an rtp batch that found no room
};
// Records in an inbox.
enum in_kind {
    IN_PACKET = 1, // a: at_us; payload: struct in_packet, then the frame
    IN_SDP,        // a: at_us; of another worker
    IN_RTCP,       // a: at_us; payload: endpoints, then the packet
    IN_PAUSES,     // of the sender; payload: struct pauses
    IN_MEDIA,      // a: at_us; of another worker; payload: struct sigmedia (sigcalls.h)
};

struct in_packet {
    int32_t link_type;
    uint32_t wire_length;
    uint32_t input; // its place in inputs
    uint32_t hep;
};

struct in_rtcp {
    struct endpoint src, dst;
};

struct lane_tick {
    struct capture_counts counts;
    struct hep_agents hep;
    uint64_t input_packets[INPUTS_MAX], input_bytes[INPUTS_MAX], input_duplicates[INPUTS_MAX];
    uint64_t sig_batches, rtp_batches, rtp_packets; // published so far
    uint64_t checkpoints;
};

struct lane {
    struct tpring ring;
    struct xring *out;
    struct xring *inbox[LANES_MAX]; // by who writes: [own number] is the sender's
    struct lane_shared {
        // the worker
        _Atomic uint64_t steps;    // begun
        _Atomic uint64_t released; // blocks given back
        _Atomic uint64_t begun_blocks,
            begun_packets; // of steps begun: where a worker without forerunner begins
        _Atomic uint64_t begun_inbox[LANES_MAX];
        _Atomic uint32_t last_stream_no;
        _Atomic bool started, done;
        _Atomic uint64_t crossed,
            cross_lost;               // words to other workers: told (or lost), of them lost
        struct capture_counts counts; // as of the last second, for a worker without forerunner
        struct heirs_shared heirs;
        // the keeper
        _Alignas(64) _Atomic uint64_t kernel_seen, kernel_dropped;
        struct step step[STEPS_MAX];
    } * shared;
};

struct live {
    const struct conf *conf;
    uint32_t lanes;
    char publisher[96];
    char input[512]; // "eth0+hep:0.0.0.0:9060"
    bool no_bus, json;
    int keylog_fd; // 0: none; read by the workers, each at its own place
    // What stood when the keeper began; from then on it is in shared.
    struct pauses found;
    int alive_fd;           // readable (hung up) when the keeper has gone
    int bell_fd[LANES_MAX]; // eventfd: the sender or another worker has put something into an inbox
    int out_bell_fd;        // eventfd: a worker has put something into an outbox
    struct live_shared {
        _Atomic bool stop; // keeper or sender: end in order
        _Atomic bool sender_ready;
        _Atomic int failed; // keeper: exit code of an interface that has gone
        _Atomic uint32_t sender_restarts, announce;
        _Atomic bool sender_asleep; // wants the bell
        // the sender, for the next tick of the first worker
        _Atomic uint64_t handover_lost; // RTP packets
        _Atomic uint64_t journal_lost, bus_lost, listener_dropped;
        _Atomic uint64_t hep_connections, hep_refused, hep_evicted;
        // The sender: what is paused, for a worker without forerunner. The others hear of it by inbox, in order.
        struct pauses pauses[2];
        _Atomic uint32_t pauses_at;
    } * shared;
    struct lane lane[LANES_MAX];
};

// The keeper's way: returns 0 in the sender, which goes on as a service; in all others it does not return. Or an exit code after
// one line: nothing was started.
int keeper_split(struct live *l, const char *interface);
// A worker, in its cage; does not return.
__attribute__((noreturn)) void live_worker_run(struct live *l, uint32_t lane);

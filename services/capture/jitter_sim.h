// jitter_sim.h: what a listener would have heard of a stream: three simulated playout buffers (50 ms, 200 ms, adaptive).
// A packet is played when it is in time, discarded when late, lost when it never came. A step costs a few additions, whatever
// the buffers hold: no packet is kept, a buffer is a bit a packet for the newest 64. Pure; time is given; one owner.
//
// Lateness is counted from the fastest packet of the last 256 to 512 (their least transit time), so a drifting clock or a
// route that becomes faster moves all buffers. A sender whose time stamps jump back (hold, a new source behind the same
// SSRC) is late for 16 packets, or until one with the marker bit; then the buffers begin anew.
// Adaptive: begins with 60 ms; a packet later than its delay is discarded and makes the delay that packet's lateness
// and 10 ms (at most 500 ms); each 256 packets it goes half the way down to the worst lateness of the last two times 256 and 10 ms
// (at least 20 ms).
#pragma once
#include <stdbool.h>
#include "burst.h"
#include "emodel.h"

enum {
    PLAY_F1,
    PLAY_F2,
    PLAY_ADAPTIVE,
    PLAY_BUFFERS
};
#define PLAY_F1_US       50000
#define PLAY_F2_US       200000
#define PLAY_FIRST_US    60000
#define PLAY_LEAST_US    20000
#define PLAY_MOST_US     500000
#define PLAY_MARGIN_US   10000
#define PLAY_RUN         16  // so many in a row beyond the 200 ms buffer: time stamps have jumped
#define PLAY_WINDOW      256 // packets
#define PLAY_LEAST_RATED 50  // packets: less is not rated
#define PLAY_INTERVAL_US 5000000

struct play {
    // Touched for each packet.
    uint64_t window[PLAY_BUFFERS]; // bit i: the packet i before the newest was played
    int64_t anchor_us,
        ticks; // capture time of the packet that lateness is measured from, and time stamp units since
    uint64_t delay_sum_us; // of the adaptive buffer, over packets in order
    uint32_t
        packets; // steps of the sequence number since the beginning, and 64 for each time the window was emptied
    uint32_t late[PLAY_BUFFERS];
    uint32_t last_timestamp;
    float us_per_tick;
    int32_t least_us, least_before_us;   // transit: of this window and the one before
    int32_t excess_us, excess_before_us; // worst lateness, for the adaptive buffer
    int32_t delay_us;                    // of the adaptive buffer
    int32_t skew_least_us;               // least transit of the last 64 packets
    uint8_t over;                        // packets in a row beyond the 200 ms buffer
    bool begun, ended;                   // begun: there is an anchor
    // Touched for losses, and each 64 packets.
    const struct emodel_codec *codec; // NULL: intervals are not rated. Both are set by the owner
    uint32_t ptime_us;                // of a packet; part of the delay
    uint32_t unseen, settled_least;   // steps that were no packets; settled before the last restart
    struct burst burst[PLAY_BUFFERS];
    struct { // the open interval began with these
        int64_t at_us;
        uint64_t delay_sum_us;
        uint32_t steps, packets, lost, runs;
    } interval;
    uint32_t intervals;
    float mos_least, mos_sum;                        // of closed intervals, adaptive
    int64_t skew_from_us;                            // first point of the line
    double skew_n, skew_x, skew_y, skew_xx, skew_xy; // transit in us over seconds
};

_Static_assert(sizeof(struct play) % 64 == 0, "whole cache lines");

struct play_packet {
    int64_t at_us;
    uint32_t timestamp;
    int32_t
        step; // positive: so far beyond the newest sequence number; 0 or less: so far behind it, and new
    float us_per_tick; // 0: unknown, then no packet is late
    bool
        timed; // the time stamp tells when it was sampled (not so for telephone-event and comfort noise)
    bool marker; // begins a talk spurt
};
void play_init(struct play *p, int64_t at_us);
void play_step(struct play *p, const struct play_packet *k);
// The sequence numbers begin anew: what was open is settled.
void play_restart(struct play *p);
// No packet will come: the newest 64 are settled.
void play_end(struct play *p);

struct play_figures {
    bool rated; // long enough and the codec known: the eight below hold
    double mos[PLAY_BUFFERS], r_adaptive, mos_min, mos_avg;
    double loss[PLAY_BUFFERS]; // not played of all settled, 0 .. 1
    uint32_t late[PLAY_BUFFERS];
    struct burst_figures burst; // adaptive
    bool skew_known;
    double skew_ppm;  // positive: the sender's clock is fast
    uint32_t packets; // settled
};
struct play_figures play_figures(const struct play *p);

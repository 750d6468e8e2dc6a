// burst.h: the bursts and gaps of RFC 3611 4.7.2 from the places of what was not played (lost, or discarded as late).
// Work is done for each run of losses, none for a packet that is played. Pure; one owner.
//
// A burst begins and ends with a loss, has at least two, and never BURST_GMIN played packets in a row; all else is gap.
#pragma once
#include <stdint.h>

#define BURST_GMIN 16

struct burst {
    uint32_t start, end; // of the open group of losses; end is one past its last loss
    uint32_t open;       // losses in it
    uint32_t lost, runs; // all losses, and runs of losses with nothing played between
    uint32_t bursts, burst_packets, burst_lost; // of closed groups that were bursts
};
_Static_assert(sizeof(struct burst) == 32, "half a cache line");

struct burst_figures {
    uint32_t bursts;
    double burst_density, gap_density; // lost of all in bursts, in gaps: 0 .. 1
    double burst_packets, gap_packets; // mean length in packets
};

// The n packets from place at on were not played. Places rise (and may wrap).
void burst_lose(struct burst *b, uint32_t at, uint32_t n);
// Of all packets so far.
struct burst_figures burst_figures(const struct burst *b, uint32_t packets);

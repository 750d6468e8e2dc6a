// books.h: what went in is what came out and what was counted, each second, for each worker. Three sums that must come to nothing:
//   wire    packets that the kernel says it delivered = packets the worker read (and those that wait in the ring)
//   ways    packets read = packets of each way, each on one way
//   handed  batches and RTP packets that the worker handed over = those that the sender took
// Shown as capture_books_off{book="..."}: how far they are apart, in packets or batches; anything but 0 is a fault of ours.
// The wire's sum is exact when the ring is at rest; under load packets of the last second may be on their way and hide as many.
#pragma once
#include "live.h"

struct books {
    struct book_lane {
        uint64_t sig_batches, rtp_batches, rtp_packets; // taken since the last tick
        uint64_t told_sig, told_rtp, told_packets;      // of the last tick
        uint64_t delivered, read;                       // of the wire, at the last tick
        uint64_t broken; // places of the handover ring that were passed over
        uint64_t wire_off, ways_off, handed_off;
        bool begun;
    } lane[LANES_MAX];
};

void books_register(void);
void books_batch(struct books *b, uint32_t lane, bool media, uint64_t packets);
void books_tick(struct books *b, const struct live *l, uint32_t lane, const struct lane_tick *t);
void books_publish(const struct books *b, const struct live *l);
// By how many packets the ways differ from what was read.
uint64_t books_ways_off(const struct capture_counts *c);

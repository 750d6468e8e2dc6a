// rtpseq.h: order by extended RTP sequence number (RFC 3550 A.1), with a window of what has come: new, late, double or
// a jump. Pure state of one SSRC, a few hundred bytes; the caller owns it and its thread.
// Limits: 1,024 numbers back (20 s at 20 ms), 3,000 forward (MAX_DROPOUT); beyond that it is a jump and nothing is "lost".
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define RTPSEQ_WINDOW  1024u
#define RTPSEQ_DROPOUT 3000u

enum rtpseq_verdict {
    RTPSEQ_FIRST, // the run starts here
    RTPSEQ_NEXT,  // newest so far; ret_gap numbers before it have not come (yet)
    RTPSEQ_LATE,  // older than the newest, not seen before: reordered
    RTPSEQ_DUP,   // seen before
    RTPSEQ_JUMP,  // too far away: a new run starts here, the old one is counted up
};

struct rtpseq {
    bool started;
    uint64_t first, newest; // extended, of this run
    uint64_t received;      // distinct numbers of this run
    uint64_t lost_before;   // of the closed runs
    uint64_t duplicates, late, jumps;
    uint64_t seen[RTPSEQ_WINDOW / 64];
};

void rtpseq_init(struct rtpseq *s);
// A new SSRC: closes the run, keeps the sums.
void rtpseq_break(struct rtpseq *s);
enum rtpseq_verdict rtpseq_on(struct rtpseq *s, uint16_t seq, uint64_t *ret_ext, uint32_t *ret_gap);
// Numbers that never came, over all runs so far.
uint64_t rtpseq_lost(const struct rtpseq *s);

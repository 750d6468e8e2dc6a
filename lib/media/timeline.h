// timeline.h: where on the clock of the capture the samples of one RTP stream belong. A stream is cut into segments; within
// one the RTP timestamp places each packet, and the segment is anchored by capture time: the least (capture time - RTP time)
// of its first 50 packets, which takes jitter out. A new SSRC or clock rate, and packets over 250 ms off that are no burst
// after a stall, begin a new segment. A sender's clock that is not the capture's (drift.h) stretches its segments, and where
// it changes a joined segment goes on without a break.
// Two passes over the same packets: timeline_learn finds the segments, timeline_learnt ends the first pass (and takes out a
// drift that stays small), timeline_place gives positions by them. The state
// is the caller's, one per stream; segments go to the caller's array. Limit: its length; when full the last segment stays (counted).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/drift.h"
#include "media/rtpseq.h"

#define TIMELINE_JUMP_US INT64_C(250000)
#define TIMELINE_SETTLE  50u

struct timeline_packet {
    uint64_t key;  // rises from packet to packet of the stream, the same in both passes
    int64_t at_us; // capture time
    uint32_t ssrc, timestamp;
    uint16_t seq;
    bool audio;        // false: counted by sequence only (comfort noise, telephone-event)
    uint32_t clock;    // Hz, > 0
    uint32_t duration; // in units of the clock
};

struct timeline_segment {
    uint64_t key;                 // of its first packet
    uint64_t first_seq;           // extended
    int64_t anchor_us;            // capture time of RTP time 0 of the segment
    int64_t ticks_min, ticks_max; // begin of its first and end of its last packet, by RTP time
    uint32_t timestamp, clock, ssrc;
    uint32_t run;    // rises with each SSRC and each jump of the sequence
    int32_t stretch; // of its RTP time, in parts of DRIFT_ONE; negative: the sender's clock is fast
    bool joined;     // goes on from the segment before
    int64_t joins_at; // in ticks of that one
};

struct timeline {
    struct rtpseq seq;
    struct timeline_segment *segments; // borrowed
    size_t cap, n;
    size_t at;          // pass 2: the current segment
    uint64_t refused;   // segments that found no place
    uint32_t settled;   // packets that the current anchor has seen
    struct drift drift; // of the newest segment
    uint32_t ssrc;
    bool has_ssrc;
    int64_t ticks;                // of the newest audio packet, from the segment's start
    uint32_t timestamp, duration; // of the newest audio packet
    uint64_t ext;                 // of the newest audio packet
    int64_t ticks_prev;           // the same of the segment before, for late packets
    uint32_t timestamp_prev;
    uint32_t run;
    uint64_t audio; // audio packets placed
    uint32_t rate;  // Hz of positions, 8000 unless set after pass 1
};

enum timeline_verdict {
    TIMELINE_PLACED, // newest audio
    TIMELINE_LATE,   // audio, reordered
    TIMELINE_DUP,
    TIMELINE_OTHER,   // not audio
    TIMELINE_OUTSIDE, // pass 2: no segment for it (it came before the first)
};

struct timeline_place {
    int64_t pos;      // sample at `rate` from start_us
    int64_t samples;  // of this packet, at `rate`
    uint32_t missing; // numbers that did not come just before this one
    int32_t stretch;  // as the segment's
    bool fresh;       // first of its segment
};

void timeline_init(struct timeline *t, struct timeline_segment *segments, size_t cap);
enum timeline_verdict timeline_learn(struct timeline *t, const struct timeline_packet *p);
// The end of pass 1. Where drift never moves the sound by more than least_us from where its RTP time alone would put it, it
// stays there: not one sample is touched.
void timeline_learnt(struct timeline *t, int64_t least_us);
// After it: the same packets again, from the start.
void timeline_rewind(struct timeline *t);
enum timeline_verdict timeline_place(struct timeline *t, const struct timeline_packet *p,
                                     int64_t start_us, struct timeline_place *ret);
// Capture time of the first audio sample of all segments; false when there is none.
bool timeline_start(const struct timeline *t, int64_t *ret_start_us);
// Position after the last sample of all segments, at `rate` from start_us; 0 when there is none.
int64_t timeline_end(const struct timeline *t, int64_t start_us);
// Position of RTP time `ticks` of a segment, at `rate` from start_us.
int64_t timeline_pos(const struct timeline_segment *s, int64_t ticks, int64_t start_us,
                     uint32_t rate);
// Samples in a span of time, rounded.
int64_t timeline_samples(int64_t us, uint32_t rate);

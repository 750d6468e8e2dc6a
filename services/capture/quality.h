// quality.h: what one RTP stream's sequence numbers and times say: loss, order, duplicates, jitter, gaps
// (RFC 3550 A.1, A.3, A.8). Small and packed: it is touched for each packet. Pure; time is given.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct quality {
    int64_t last_at_us;
    uint64_t window;  // bit i: sequence number max_seq - i has come
    uint64_t bytes;   // payload
    uint32_t packets; // 2^32 packets are 2.7 years of one stream
    uint32_t duplicates, out_of_order;
    uint32_t
        expected_before; // of finished sequence ranges (a jump of more than MAX_DROPOUT begins a new one)
    uint32_t last_timestamp;
    uint32_t since_timed_us; // from the last packet that counts for jitter to the last packet
    float us_per_tick;       // 0: clock unknown, no jitter
    float jitter_us, jitter_max_us;
    uint32_t delta_max_us;
    uint32_t step; // most common spacing of the time stamps, by majority vote
    uint16_t base_seq, max_seq;
    uint16_t cycles;  // 65,536 wraps of 65,536 are again 2.7 years
    uint16_t strays;  // packets far outside the range, in no range yet
    uint16_t bad_seq; // the one that would confirm a jump, when has_bad
    uint8_t step_votes;
    bool has_bad;
};
_Static_assert(sizeof(struct quality) == 80, "with the key a stream is two cache lines");

#define QUALITY_MAX_DROPOUT  3000 // RFC 3550 A.1
#define QUALITY_MAX_MISORDER 100

// The first packet is counted by quality_packet, like every other.
void quality_init(struct quality *q, uint16_t seq, uint32_t timestamp, int64_t at_us);
// The clock of the payload type that comes now; 0 unknown. timed: the time stamps go with the packets (not
// telephone-event, whose stamp stands still, RFC 4733 2.2.1, and not comfort noise).
// How far beyond the newest sequence number it is (1: the next), 0 or less: how far behind; or one of the three.
#define QUALITY_DUPLICATE INT32_MIN
#define QUALITY_STRAY     (INT32_MIN + 1) // far outside; most likely nobody's
#define QUALITY_RESTART   INT32_MAX       // the second of a new range
int32_t quality_packet(struct quality *q, uint16_t seq, uint32_t timestamp, int64_t at_us,
                       uint32_t payload_bytes, bool timed);
// Clock in Hz of the payload type that comes now (0: unknown). The next packet begins a new jitter pair.
void quality_set_clock(struct quality *q, uint32_t clock_rate);
// Expected minus received over the sequence ranges, never below 0 (A.3).
uint64_t quality_lost(const struct quality *q);
uint32_t quality_ptime_us(const struct quality *q);
// Jitter in whole us; a time stamp from nowhere can make it larger than 32 bits hold.
static inline uint32_t quality_whole_us(float us)
{
    return us < 4e9F ? (uint32_t)us : UINT32_MAX;
}

// flows.h: the RTP streams: one SSRC on one address pair in one direction. Each packet of a stream touches
// the first four cache lines of its struct stream, which lie together; what is needed seldom is in struct stream_cold. Slots
// are fixed; one owner thread.
//
// Each stream stands in one of two queues by the time when it is looked at next: those on probation each 3 s, the
// confirmed each second. So ageing and reports cost nothing per packet and nothing per empty slot.
// More on probation than their share: the one longest on probation goes, so a flood of what looks like RTP takes no
// slot that a stream named by SDP could have. Full: the one longest on probation goes; else, of the 64 next in the queue, the one idle longest if it is idle for a
// second; else the newcomer is refused. Each is counted.
#pragma once
#include "base/uuid.h"
#include "classify.h"
#include "digits.h"
#include "jitter_sim.h"
#include "quality.h"
#include "wire/pkt.h"
#include "wire/rtp.h"

enum stream_state {
    STREAM_PROBATION = 1,
    STREAM_CONFIRMED,
    STREAM_REJECTED
};
enum stream_flag {
    STREAM_ANNOUNCED = 1,
    STREAM_SRTP = 2,
    STREAM_UNTIMED = 4,
    STREAM_EVENT = 8,
    STREAM_PAUSED = 16
};

struct stream {
    // The key: for IPv4 only the first 8 bytes of addr are used, and hashed (source, then destination).
    uint32_t ssrc;
    uint16_t sport, dport;
    uint8_t addr[32];
    uint8_t family;
    uint8_t state;        // enum stream_state
    uint8_t flags;        // enum stream_flag; UNTIMED and EVENT speak of payload_type
    uint8_t payload_type; // of the last packet
    uint32_t no;          // stream_no of the protos
    struct quality q;
    struct play play; // its first two lines
};
_Static_assert(offsetof(struct stream, play) == 128 && offsetof(struct play, codec) <= 128,
               "four cache lines a packet");

struct stream_rtcp {
    uint64_t packets;
    uint64_t sender_packets;
    uint32_t jitter;
    int32_t cumulative_lost;
    uint8_t fraction_lost;
    bool bye;
    uint64_t voip_blocks; // 0: voip is not set
    struct rtcp_voip voip;
    char cname[64];
};

#define STREAM_PAYLOAD_TYPES_MAX 8
struct stream_cold {
    struct uuid id;
    int64_t first_at_us;
    int64_t due_us;
    uint32_t prev, next; // queue; slot index + 1
    uint32_t first_timestamp;
    uint32_t clock_rate; // of the first payload type; 0 unknown
    int64_t
        clock_from_us; // since when this payload type: a clock nobody told is guessed from there
    uint32_t clock_from_timestamp;
    uint32_t looks;    // how often its turn came
    uint32_t reported; // packets at the last report
    uint64_t dtmf_packets;
    struct digit_tail digits; // while codes are looked for
    uint32_t event_timestamp; // of the last digit: all packets of an event have the same
    bool event_seen;
    uint16_t first_seq;
    uint8_t first_payload_type;
    uint8_t payload_types;
    uint8_t payload_type[STREAM_PAYLOAD_TYPES_MAX];
    char codec[18];
    struct probation probation;
    struct stream_rtcp rtcp;
    // Packets the harvester lost while this stream was alive: at its begin and at each look the total is read.
    uint64_t drops_seen, capture_lost;
    uint32_t drops_packets;   // packets at that look
    uint64_t shed, shed_told; // not sent under overload; said so far
    int64_t shed_from_us;
    bool capture_lost_bound; // others were alive too: so many at most were of this stream
};

// The same 40 bytes as at the head of struct stream, in words: written whole and read whole, which the processor
// forwards; written in bytes and hashed in words it would wait. Of IPv4 only the first two words are set and looked at.
struct flow_key {
    uint64_t word[5];
    uint8_t family;
};
void flow_key_set(struct flow_key *ret, const struct ip_addr *src, uint16_t sport,
                  const struct ip_addr *dst, uint16_t dport, uint32_t ssrc);
uint64_t flow_key_hash(const struct flow_key *k);

enum flow_end {
    FLOW_END_IDLE,
    FLOW_END_EVICTED,
    FLOW_END_REJECTED,
    FLOW_END_INPUT
};
struct flows_opts {
    size_t streams;
    size_t probation; // of them at most so many on probation; 0: all
    uint32_t no_first,
        no_step; // numbers of streams: first, first + step, ... so that several workers share them; 0: 1, 1
    int64_t idle_us; // a  // a confirmed stream without a packet for so long has ended
    // The stream's turn has come: now and then while it lives (report) and once when it leaves (end; its slot is given
    // back after the call). on_due returns false to end the stream (probation failed).
    bool (*on_due)(void *ctx, struct stream *s, struct stream_cold *c);
    void (*on_end)(void *ctx, struct stream *s, struct stream_cold *c, enum flow_end why);
    void *ctx;
};
struct flows;
struct flows *flows_new(const struct flows_opts *o);
struct flows *flows_free(struct flows *f);
// Calls take turns: who spoke behind a stream 20 ms ago most likely does so again. The stream that is expected now, when it is this one;
// NULL: another, look it up. flows_spoke tells who it was, and asks for the memory of the one that is expected some packets later.
struct stream *flows_expected(const struct flows *f, const struct flow_key *k);
void flows_spoke(struct flows *f, const struct stream *s);
struct stream *flows_find(const struct flows *f, const struct flow_key *k, uint64_t hash);
// A new stream on probation, or NULL when refused.
struct stream *flows_add(struct flows *f, const struct flow_key *k, uint64_t hash, int64_t now_us);
struct stream_cold *flows_cold(const struct flows *f, const struct stream *s);
void flows_confirm(struct flows *f, struct stream *s, int64_t now_us);
// Looks at what is due.
void flows_advance(struct flows *f, int64_t now_us);
// End of input: all streams leave, oldest first.
void flows_end_all(struct flows *f);

void flows_each(const struct flows *f,
                void (*fn)(void *ctx, const struct stream *s, const struct stream_cold *c),
                void *ctx);
void flows_visit(struct flows *f, void (*fn)(void *ctx, struct stream *s), void *ctx);
// The number of the newest stream; the next one's is one higher, never one that was given before.
uint32_t flows_last_no(const struct flows *f);
void flows_set_last_no(struct flows *f, uint32_t no);

struct flows_stat {
    size_t used, slots, bytes, probation;
    uint64_t evicted, refused;
};
struct flows_stat flows_stat(const struct flows *f);
struct endpoint stream_src(const struct stream *s);
struct endpoint stream_dst(const struct stream *s);

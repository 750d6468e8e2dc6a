// traffic.h: the traffic maker. Makes whole SIP calls with their RTP, deterministic by seed: the
// same options give the same packets. One thread. Calls live in a fixed table of --concurrent
// slots; packets that jitter delays live in a fixed pool (full: sent at once, counted). Output is a
// sink: a pcap file, a pipe, or real UDP sockets in real time.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum outcome {
    OUT_ANSWERED,
    OUT_BUSY,
    OUT_CANCELED,
    OUT_FAILED,
    OUT_KINDS
};
enum audio_kind {
    AUDIO_TONES,
    AUDIO_TALK,
    AUDIO_COUNT // each frame says which it is: nothing to hear, everything to check
};

struct options {
    uint64_t calls, concurrent, seed;
    double rate;                     // new calls per second; 0: as many as --concurrent lets up
    double talk_s;                   // mean time between answer and BYE
    double ring_s;                   // between 180 and 200
    double loss, reorder, duplicate; // 0..1 of RTP packets
    double jitter_ms;                // mean extra delay of an RTP packet
    unsigned mix[OUT_KINDS];
    unsigned hold_percent; // of answered calls with a hold of 2 s by re-INVITE
    unsigned codec_mask;   // bit 0 PCMU, bit 1 PCMA: drawn for each call
    unsigned ptime_ms;
    bool no_rtp;
    int srtp;   // suite (srtp_suite), 0: plain RTP
    bool rekey; // another key with each re-INVITE
    int seq;    // first sequence number, -1: drawn
    enum audio_kind audio;
    double day_s;     // length of a day/night wave of the rate; 0: none
    int64_t start_us; // capture time of the first packet (pcap)
    const char *out;  // file, "-" or NULL
    bool wire;
    const char *truth; // one JSON line a call
    const char *tee;   // wire: a pcap of the SIP as it was sent, with the time of sending
    uint8_t net;       // first byte of the addresses: 10 for files, 127 on the wire
    bool forever;
    const volatile bool *drain; // set: no new calls, those that are up go on to their end
};

// ---- sink.c
// ---------------------------------------------------------------------------------------------------------
#define SIP_PORT 5060

struct addr {
    uint32_t ip; // host order
    uint16_t port;
};
struct sink;
// NULL after one clear line on stderr.
struct sink *sink_new(const struct options *o);
// One UDP datagram at a time that never goes backwards. On the wire it is sent when the clock gets
// there.
bool sink_udp(struct sink *s, int64_t at_us, struct addr src, struct addr dst, const void *p,
              size_t n);
// Wire: opens the socket of an address before it is first used. False after one clear line.
bool sink_open_addr(struct sink *s, struct addr a);
bool sink_close(struct sink *s);
uint64_t sink_packets(const struct sink *s);

// ---- audio.c
// --------------------------------------------------------------------------------------------------------
// Sample `n` (8 kHz) of a voice: AUDIO_TONES is a steady sine of hz; AUDIO_TALK is a voice-like
// sound of that pitch that takes turns with the other side (side 0 and 1 speak alternately, about 2
// s each).
int16_t audio_sample(enum audio_kind kind, double hz, unsigned side, uint64_t n);
// The two frequencies of a call, different from each other and from its neighbours'.
double audio_hz(uint64_t call, unsigned side);
uint8_t audio_ulaw(int16_t pcm);
uint8_t audio_alaw(int16_t pcm);
void audio_init(void);
// AUDIO_COUNT: 10 bytes again and again: C3 5A, number of the call (4), side (1), frame of the side (3), all big-endian.
void audio_count(uint8_t *p, size_t n, uint32_t call, unsigned side, uint32_t frame);

// ---- calls.c
// --------------------------------------------------------------------------------------------------------
// 0: not one of ours.
int srtp_suite(const char *name);

struct totals {
    uint64_t calls, answered, sip, rtp, rtp_lost, rtp_duplicated, rtp_late, pool_full;
};
// Runs until all calls have ended or *stop. False when the sink failed.
bool calls_run(const struct options *o, struct sink *s, FILE *truth, volatile bool *stop,
               struct totals *ret);

// ---- random numbers, deterministic (SplitMix64)
// -----------------------------------------------------------------------
struct rng {
    uint64_t s;
};
static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = (r->s += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}
static inline double rng_unit(struct rng *r) // [0,1)
{
    return (double)(rng_next(r) >> 11) * 0x1.0p-53;
}
double rng_exp(struct rng *r, double mean);

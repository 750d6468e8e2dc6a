// srtp_stream.h: one captured stream of SRTP to RTP, by whichever of the call's keys fits: the tag of a packet says which one it is and where
// its roll-over counter stands, so offer, answer, tags and re-INVITEs need not be followed. What was seen late begins with any
// counter that its time allows; a key that changes in mid-call is looked for when the present one no longer fits; the one before stays for
// packets that come late. A pass begins with srtp_stream_open. One thread.
// Limits: SRTP_STREAM_SSRCS at a time (full: the one opened first goes), two contexts each; SRTP_STREAM_KEYS keys. When no key has fitted
// SRTP_STREAM_TRIES packets one after the other, only each SRTP_STREAM_REST-th is tried. Who may not be held up gives a budget of tries.
#pragma once
#include "media/srtp.h"

#define SRTP_STREAM_KEYS  64u
#define SRTP_STREAM_SSRCS 4u
#define SRTP_STREAM_TRIES 50u
#define SRTP_STREAM_REST  250u
#define SRTP_STREAM_ROCS  256u // 65,536 packets each: 93 hours at 20 ms
#define SRTP_STREAM_DUPS  8u   // one after the other: it may be another key's count
#define SRTP_STREAM_OPEN  8u   // a context that is made takes as long as so many tries

// One key at work.
struct srtp_pass {
    struct srtp_in in;
    uint32_t key;
    uint64_t top; // the highest index (RFC 3711 3.3.1) that it has opened
};

struct srtp_ssrc {
    bool used;
    uint32_t ssrc;
    struct srtp_pass now, before;
    uint64_t misses; // packets since the last that was clear
};

struct srtp_stream {
    const struct srtp_key *keys; // borrowed
    uint32_t n;
    struct srtp_ssrc at[SRTP_STREAM_SSRCS];
    uint32_t oldest;
    uint64_t clear, duplicates, failed; // packets
    uint64_t used;                      // keys that fitted: bits
    uint32_t *
        budget; // borrowed: tries that a search may still make, set after srtp_stream_open; NULL: any number
};

void srtp_stream_open(struct srtp_stream *s, const struct srtp_key *keys, uint32_t n);
// roc_max: the largest roll-over counter that its sender may have reached. The RTP packet into out, as srtp_in_take.
enum srtp_verdict srtp_stream_take(struct srtp_stream *s, struct span packet, uint32_t roc_max,
                                   uint8_t *out, size_t *ret_n);
// Fine twice, and for one of zeros.
void srtp_stream_close(struct srtp_stream *s);

// dtls_seen.h: between which endpoints DTLS was spoken of late: media between them is SRTP (RFC 5764), also where no SDP says so
// because signalling is encrypted. A fixed table with one place for each hash; a later pair takes it, counted. Owner: worker.
#pragma once
#include "wire/pkt.h"

#define DTLS_SEEN_SLOTS 1024
#define DTLS_SEEN_AGE_US                                                                           \
    (INT64_C(600) * 1000 *                                                                         \
     1000) // media follows within seconds; each new stream of the pair counts anew

struct dtls_seen {
    struct {
        uint64_t hash;
        int64_t at_us;
    } slot[DTLS_SEEN_SLOTS];
    uint64_t overwritten;
};
void dtls_seen_note(struct dtls_seen *d, const struct endpoint *a, const struct endpoint *b,
                    int64_t at_us);
bool dtls_seen_between(struct dtls_seen *d, const struct endpoint *a, const struct endpoint *b,
                       int64_t at_us);

// srtp.h: the door to libsrtp2: packets of one SSRC under one master key become RTP again (RFC 3711; AES 256: RFC 6188; GCM: RFC 7714).
// A context begins fresh and lives for one pass over a stream; libsrtp2 allocates it (about 5 KiB with a replay window of SRTP_WINDOW)
// and clears it when it goes. The owner of a key wipes it (srtp_key_wipe); nothing here keeps one. One thread for a context.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"

#define SRTP_KEY_BYTES  46u // AES_256_CM: 32 of key, 14 of salt
#define SRTP_MKI_BYTES  128u
#define SRTP_WINDOW     1024u // as far as rtpseq.h goes back
#define SRTP_SUITE_MAX  32u   // with its zero
#define SRTP_PACKET_MAX 8192u

struct srtp_key {
    char suite[SRTP_SUITE_MAX];    // by its name in SDP (RFC 4568)
    uint8_t bytes[SRTP_KEY_BYTES]; // master key, master salt
    uint8_t n;
    uint8_t mki[SRTP_MKI_BYTES];
    uint8_t mki_n;    // 0: packets carry none
    bool unencrypted; // UNENCRYPTED_SRTP
};

// How many bytes of key and salt the suite has; 0: not one of ours.
size_t srtp_suite_bytes(const char *name);
void srtp_key_wipe(struct srtp_key *keys, size_t n);

struct srtp_in {
    void *context; // NULL: closed
    uint32_t ssrc;
    uint16_t trailer; // bytes behind the payload: tag and MKI
    bool mki;
};

enum srtp_verdict {
    SRTP_CLEAR,
    SRTP_DUPLICATE, // its number has come already
    SRTP_OLD,       // older than the window: a packet sent again, or a sender that counts anew
    SRTP_FAILED     // the tag does not fit, or the packet is too short to have one
};

// 0; -ENOTSUP: the suite; -EINVAL: a key of another length; -ENOMEM.
int srtp_in_open(struct srtp_in *s, const struct srtp_key *key, uint32_t ssrc);
// The roll-over counter of the packets to come (a context begins with 0); before the first packet that was SRTP_CLEAR.
void srtp_in_set_roc(struct srtp_in *s, uint32_t roc);
// The RTP packet into out (aligned to 4 bytes, at least packet.n of them); only when SRTP_CLEAR.
enum srtp_verdict srtp_in_take(struct srtp_in *s, struct span packet, uint8_t *out, size_t *ret_n);
void srtp_in_close(struct srtp_in *s);

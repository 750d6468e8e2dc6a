// sdp_crypto.h: a=crypto of a session description (RFC 4568; suites of RFC 4568 6.2, 6188 and 7714): which suite a sender of SRTP
// uses, and its master key and salt. Pure. What comes out is secret: the caller wipes it (sdp_crypto_wipe), logs none of it and
// sends it nowhere in the clear.
// Limits: SDP_CRYPTO_KEYS_MAX keys of a line (more: malformed), a tag of 9 digits, a suite's name of 40 signs.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

#define SDP_CRYPTO_KEYS_MAX  4u
#define SDP_CRYPTO_BYTES_MAX 46u // AES_256_CM: 32 of key, 14 of salt
#define SDP_CRYPTO_MKI_MAX   128u

struct sdp_crypto_key {
    uint8_t bytes[SDP_CRYPTO_BYTES_MAX]; // master key, then master salt
    uint8_t n;
    uint8_t mki[SDP_CRYPTO_MKI_MAX]; // as it stands in each packet; a number of 64 bits at most
    uint8_t mki_n;                   // 0: none does
};

struct sdp_crypto {
    uint32_t tag;
    struct span suite; // as written: a view of the line
    struct sdp_crypto_key key[SDP_CRYPTO_KEYS_MAX];
    uint32_t keys;
    bool unencrypted; // UNENCRYPTED_SRTP: authenticated only
};

enum sdp_crypto_verdict {
    SDP_CRYPTO_GOOD,
    SDP_CRYPTO_UNSUPPORTED, // a suite or session parameter that is not known here; suite says which. No keys.
    SDP_CRYPTO_MALFORMED
};

// The next a=crypto of an audio media; *ret is what follows the colon. False: no more. *rest is the body at first; *audio is false.
bool sdp_crypto_next(struct span *rest, bool *audio, struct span *ret);
enum sdp_crypto_verdict sdp_crypto_parse(struct span value, struct sdp_crypto *ret);
void sdp_crypto_wipe(struct sdp_crypto *c);

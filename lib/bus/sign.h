// sign.h: Ed25519 over envelopes and Asks (libsodium). Signed is what stands in the head (publisher, incarnation, epoch, seq,
// kind, times, site, the payload's length) and a BLAKE2b hash of the payload, so that a signature fits one place in one feed
// and nothing else. An Ask is signed without the envelopes in it: each of them has its own.
// A chain from envelope to envelope would say no more: the numbers are dense and signed, and nobody keeps the envelopes.
// Not signed: fields that a later version adds and this one does not know.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "envelope.h"
#include "guard.h"

// The process's key, once before threads: 64 hex digits (then white space). 0 or -EINVAL.
int sign_setup(const char *hex);
bool sign_ready(void);
const uint8_t *sign_public_key(void); // BUS_KEY_BYTES; NULL: no key

// Into ret (ENVELOPE_SIGNATURE bytes): the key's id and the signature.
void sign_envelope(const struct envelope *e, uint8_t ret[ENVELOPE_SIGNATURE]);
void sign_ask(const struct ask_msg *a, uint8_t ret[ENVELOPE_SIGNATURE]);
// The same for anything else: the caller's bytes say what they are.
void sign_bytes(struct span bytes, uint8_t ret[ENVELOPE_SIGNATURE]);

enum sign_answer {
    SIGN_GOOD,
    SIGN_NONE,    // not signed
    SIGN_UNKNOWN, // a key of no admitted site, or of another one than the publisher names
    SIGN_REVOKED,
    SIGN_WRONG
};
enum sign_answer sign_check_envelope(const struct envelope *e);
enum sign_answer sign_check_ask(const struct ask_msg *a);
const char *sign_answer_text(enum sign_answer a); // for the publisher

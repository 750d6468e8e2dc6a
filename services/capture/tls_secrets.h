// tls_secrets.h: the secrets that a key log told, by the client's random. A fixed table; the one told longest ago goes when
// it is full. What goes is overwritten. One owner thread.
#pragma once
#include "wire/tls.h"

struct tls_secret { // all that was told of one connection
    uint8_t random[TLS_RANDOM_BYTES];
    uint8_t n[TLS_LABEL_COUNT]; // 0: not told
    uint8_t secret[TLS_LABEL_COUNT][TLS_SECRET_MAX];
};

struct tls_secrets;
struct tls_secrets *tls_secrets_new(size_t slots);
struct tls_secrets *tls_secrets_free(struct tls_secrets *t);
void tls_secrets_put(struct tls_secrets *t, const struct tls_key *k);
// Valid until the next put; NULL: nothing was told.
const struct tls_secret *tls_secrets_find(const struct tls_secrets *t, const uint8_t *random);
struct tls_secrets_stat {
    size_t used, slots, bytes;
    uint64_t told, evicted;
};
struct tls_secrets_stat tls_secrets_stat(const struct tls_secrets *t);

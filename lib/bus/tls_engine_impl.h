// tls_engine_impl.h: what the engine's two halves share: tls_context.c (settings) and tls_engine.c (connections). Nobody else
// includes it.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <nng/nng.h>
#include <nng/supplemental/tls/engine.h>
#include <openssl/ssl.h>

#include "guard.h"

#define SERVER_NAME_MAX 253
#define SUBJECT_MAX     64

// nng allocates both of these, zeroed.
struct nng_tls_engine_config {
    SSL_CTX *ctx;
    bool server, pinned;
    uint8_t pin[32]; // of the authority's certificate, where only its fingerprint is known
    char name[SERVER_NAME_MAX + 1]; // that the peer's certificate must bear; empty: any
};

struct nng_tls_engine_conn {
    SSL *ssl;
    bool server, up, failed, checked;
    uint64_t generation; // of the guard's table when it was last asked
    uint8_t print[GUARD_PRINT];
    char subject[SUBJECT_MAX];
};

extern const nng_tls_engine_config_ops tls_context_ops;
// SHA-256 of a certificate's DER.
bool tls_print_of(X509 *cert, uint8_t ret[GUARD_PRINT]);

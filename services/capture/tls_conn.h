// tls_conn.h: one TLS connection: segments of both directions in, plaintext of its data out. A direction's bytes wait in its
// buffer until the keys are there; the buffer is what is held at most. Used by tls.c, which owns the table.
//
// Life of a direction: clear (hello messages are read) -> ciphered, each record under a number that starts at 0 with
// each change of keys. After a hole the number, or even where records begin, is not known ("unsure"): records are tried with
// the numbers that may be; authentication tells which is right, so nothing is ever guessed.
#pragma once
#include "capture.h"
#include "tls_crypto.h"
#include "tls_secrets.h"
#include "wire/pkt.h"
#include "wire/tcpbuf.h"

#define TLS_MARKS                                                                                  \
    16 // segments whose capture times are known in a buffer; beyond, the later one stands for two
#define TLS_HELLO_KEEP 2048 // bytes of a handshake message that are looked at
#define TLS_HOLE_US    (INT64_C(3) * 1000 * 1000)

enum tls_side {
    TLS_CLIENT,
    TLS_SERVER
};

struct tls_mark {
    uint32_t end_seq;
    int64_t at_us;
};

struct tls_dir {
    struct tcpbuf in;
    struct tls_handshake handshake;
    struct tls_keys keys;           // suite NULL: not derived yet
    uint8_t secret[TLS_SECRET_MAX]; // TLS 1.3: what keys were made of
    struct tls_mark mark[TLS_MARKS];
    uint32_t marks;
    bool begun, ciphered, unsure, resync, failed, fin;
    bool data;  // TLS 1.3: behind Finished
    bool waits; // for keys, since
    int64_t wait_from_us;
    uint64_t number; // of the next record
    uint32_t skip;   // bytes of a record that is not looked at
    uint32_t misses; // records in a row that the keys did not open
    // The plaintext as if it were a TCP direction of its own.
    bool out_begun, out_lost, out_ended;
    uint32_t out_seq;
};

struct tls_conn {
    struct endpoint end[2]; // by enum tls_side
    struct tls_dir dir[2];
    uint8_t random[2][TLS_RANDOM_BYTES];
    bool hello[2];
    uint16_t version;
    const struct tls_suite *suite; // NULL: server hello not seen, or not one that is read
    bool encrypt_then_mac;
    struct tls_secret secret; // what was told so far; copied, for the table forgets
    bool opaque;              // counted as such
    bool hopeless;            // has waited long enough
};

// Shared by all connections.
struct tls_env {
    struct tls_crypto *crypto; // NULL: no keys will ever come, nothing is held
    struct tls_secrets *secrets;
    struct capture_counts *counts;
    int64_t wait_us;
    // A packet of the plaintext: addresses, time, number, flags and payload are set; protocol is 22, as HEP calls TLS.
    void (*on_plain)(void *ctx, const struct pkt *p);
    void *ctx;
};

// memory: two buffers of bytes each, then two of TLS_HELLO_KEEP (only with crypto).
void tls_conn_begin(struct tls_conn *c, uint8_t *memory, uint32_t bytes, bool keep);
void tls_conn_segment(const struct tls_env *e, struct tls_conn *c, enum tls_side side,
                      const struct pkt *p, uint32_t seq);
// Neither side sends any more; what waits for keys goes on waiting.
void tls_conn_reset(const struct tls_env *e, struct tls_conn *c, int64_t now_us);
// Keys may have come, or time has passed.
void tls_conn_look(const struct tls_env *e, struct tls_conn *c, int64_t now_us);
// Ends the plaintext; what waits is counted as opaque.
void tls_conn_end(const struct tls_env *e, struct tls_conn *c, int64_t now_us);
bool tls_conn_is_done(const struct tls_conn *c); // both directions have ended and nothing waits
size_t tls_conn_held(const struct tls_conn *c);

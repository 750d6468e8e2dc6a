// tls.h: SIP over TLS, read where a key log tells the secrets, counted where none does. A table of connections by address
// pair, whatever the ports: a connection is TLS when a direction begins with a handshake record that has a hello in it.
// Two queues by last use: those that carried SIP, and all others; when the table is full the oldest of the others goes first.
// Memory is fixed; without a key log no bytes are held. One owner thread.
#pragma once
#include "capture.h"
#include "wire/pkt.h"

struct tls_opts {
    size_t connections; // default 256
    uint32_t
        hold_bytes;  // of a direction, while keys are waited for; default 64 KiB, at least a record
    int64_t wait_us; // so long; default 5 s
    size_t secrets;  // connections whose secrets are kept; default 4096
    int keylog_fd;   // taken over; -1: none
    struct capture_counts *counts; // borrowed
    // The plaintext of a direction as TCP packets of protocol 22.
    void (*on_plain)(void *ctx, const struct pkt *p);
    void *ctx;
};

struct tls;
// NULL: no memory, or no crypto library. All of the key log that is there is read now.
struct tls *tls_new(const struct tls_opts *o);
struct tls *tls_free(struct tls *t);
// True: the packet belongs to a TLS connection. taken: somebody else reads this direction, so it is none.
bool tls_feed(struct tls *t, const struct pkt *p, bool taken);
// From within on_plain: this connection carries SIP.
void tls_found_sip(struct tls *t);
// Reads the key log on, at most each 20 ms of clock_us; looks at who waits. now_us: feed time.
void tls_tick(struct tls *t, int64_t now_us, int64_t clock_us);
void tls_end(struct tls *t, int64_t now_us);
size_t tls_bytes(const struct tls *t);

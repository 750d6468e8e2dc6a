// tcpbuf.h: the bytes of one TCP direction put in order in a buffer that the owner gives. What comes behind a hole waits in
// its place; what was there first stays, whatever a later copy says. Pure; one owner. For protocols that are not SIP
// (sipflow.h cuts SIP itself).
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/span.h"

#define TCPBUF_AHEAD_MAX 16 // pieces behind holes

struct tcpbuf_piece {
    uint32_t from, to;
};
struct tcpbuf {
    uint8_t *buf; // borrowed
    uint32_t cap;
    uint32_t base_seq;                           // TCP sequence number of buf[0]
    uint32_t start, n;                           // in order, not yet taken: [start, n)
    struct tcpbuf_piece ahead[TCPBUF_AHEAD_MAX]; // sorted, apart, behind n
    uint32_t aheads;
    int64_t ahead_at_us; // since when something waits
};

void tcpbuf_begin(struct tcpbuf *b, uint8_t *buf, uint32_t cap, uint32_t seq);
// How many bytes were stored or known already. Fewer than data.n: no room; take some, pass the hole, or jump.
size_t tcpbuf_put(struct tcpbuf *b, uint32_t seq, struct span data, int64_t at_us);
// The bytes in order; valid until the next call.
struct span tcpbuf_waiting(const struct tcpbuf *b);
void tcpbuf_take(struct tcpbuf *b, size_t n); // at most what waits
// Sequence number of the first byte that waits, and of the one that is expected next.
uint32_t tcpbuf_seq(const struct tcpbuf *b);
uint32_t tcpbuf_next_seq(const struct tcpbuf *b);
// Goes on behind the first hole: what waited before it is gone. Returns the bytes that are missing; 0: no hole.
uint32_t tcpbuf_pass_hole(struct tcpbuf *b);
// Forgets all and goes on at seq.
void tcpbuf_jump(struct tcpbuf *b, uint32_t seq);

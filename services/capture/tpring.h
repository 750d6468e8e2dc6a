// tpring.h: the kernel's packet ring (AF_PACKET, TPACKET_V3) of one worker. The keeper opens it, with the filter; the worker reads
// the blocks in order and gives each back when it will never want it again. Block n is the n-th the kernel filled, from 0; the
// kernel numbers them too (seq_num), so nobody can give back a block that is not the one he means, however often he dies.
#pragma once
#include "source.h"

#define TPRING_BLOCK_BYTES                                                                         \
    (128 * 1024)            // holds the largest frame (64 kB and heads, where segments are joined)
#define TPRING_RETIRE_MS 10 // the kernel hands over a block that is not full after so long

struct tpring {
    int fd;
    uint8_t *map;
    uint32_t blocks;
    bool cooked; // no link header: one is made up before the packet
};

struct tpring_opts {
    const char *interface; // "any": all
    const char *filter;    // BPF expression; ""
    uint64_t bytes;        // of all rings together
    uint32_t rings;        // more than one: the kernel shares the packets out by their addresses
};
// Opens `rings` rings that get nothing yet. 0; or a sysexits code (64 bad filter, 66 no such interface, 77 no permission)
// with one line in err.
int tpring_open(struct tpring *ret, const struct tpring_opts *o, char *err, size_t err_cap);
void tpring_close(struct tpring *all, uint32_t rings);

bool tpring_ready(const struct tpring *r, uint64_t n); // the kernel has handed over block n
uint32_t tpring_packets(const struct tpring *r, uint64_t n);
// Gives each packet to fn, in order.
void tpring_read(const struct tpring *r, uint64_t n, source_fn fn, void *ctx);
// Gives block n back. Once or twice is the same.
void tpring_release(const struct tpring *r, uint64_t n);
// How many blocks from n on wait to be read.
uint32_t tpring_waiting(const struct tpring *r, uint64_t n);

struct tpring_count {
    uint64_t seen, dropped; // packets that passed the filter; those of them that found no room
};
// Adds what the kernel counted since the last call, and forgets there. The keeper alone.
void tpring_count(const struct tpring *r, struct tpring_count *sum);
// 0, or why the ring gives nothing any more (negative errno): the interface went down or away.
int tpring_error(const struct tpring *r);

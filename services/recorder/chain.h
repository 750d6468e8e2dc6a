// chain.h: the packets of one stream, oldest first, out of its chain of blocks. The places of the blocks are collected
// backwards into the caller's array; then blocks are read one at a time. One thread. A block whose segment has gone in
// the meantime is skipped and counted.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "spool.h"

struct chain {
    struct spool_reader *reader;  // borrowed
    const struct spool_pos *refs; // borrowed, oldest first
    size_t n, at;
    bool truncated;      // older blocks had left the spool, or found no place in the array
    uint64_t unreadable; // blocks
    struct cur cur;
    uint32_t index;
    uint8_t block[SPOOL_BLOCK_BYTES];
};

struct chain_packet {
    uint64_t key; // rises, the same each time the chain is read
    int64_t at_us;
    uint16_t flags;
    struct span packet; // until the next call
};

// Collects from head backwards; at most cap blocks. Returns how many stand in refs.
size_t chain_collect(struct chain *c, struct spool_reader *reader, struct spool_pos head,
                     struct spool_pos *refs, size_t cap);
void chain_rewind(struct chain *c);
bool chain_next(struct chain *c, struct chain_packet *ret);

// proof.h: what is remembered of a stored file so that a changed byte is found and said where: SHA-256 of each chunk, put
// together as the hash tree of RFC 6962 (leaf 0x00, node 0x01). At most PROOF_PIECES hashes are kept, however long the
// file: when they are full, neighbours become their common node, so a piece covers 1, 2, 4 ... chunks. One owner thread.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROOF_HASH   32u
#define PROOF_PIECES 256u // one chunk each up to 16 MiB: 17 minutes of two-way G.711
#define PROOF_LEVELS 48u

struct proof {
    uint64_t bytes;
    uint32_t lead, chunk;   // bytes of the first chunk (0: as all) and of the others
    uint32_t pieces, level; // complete pieces of 2^level chunks each
    uint8_t piece[PROOF_PIECES + 1][PROOF_HASH]; // the last one may be of fewer chunks
    uint8_t root[PROOF_HASH];
    // Of the piece that is being filled.
    uint64_t chunks;
    uint8_t stack[PROOF_LEVELS][PROOF_HASH];
    void *digest; // EVP_MD_CTX
    size_t in_chunk;
};

int proof_init(struct proof *p); // 0 or -ENOMEM
void proof_deinit(struct proof *p);
void proof_begin(struct proof *p, uint32_t lead, uint32_t chunk);
void proof_add(struct proof *p, const void *bytes, size_t n);
// After it pieces, piece and root stand.
void proof_end(struct proof *p);
// Bytes of the file that piece i covers: from .. to - 1.
void proof_range(const struct proof *p, uint32_t i, uint64_t *ret_from, uint64_t *ret_to);

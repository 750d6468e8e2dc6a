// seal.h: the form of an encrypted file, and its writer. AES-256-GCM in chunks, so that a range of the content needs its own
// chunks only.
//
//     0   8  magic "CMSEAL01"
//     8   4  bytes of this head: 128          all numbers little-endian
//     12  4  content bytes of a chunk: 65536
//     16  16 recording id
//     32  1  part: 1 audio, 2 manifest, 3 payload
//     33  7  zero
//     40  32 salt: file key = HKDF-SHA-256(data key, salt, "callmesh file" + recording id + part)
//     72  16 id of the data key
//     88  24 zero
//     112 16 tag over bytes 0 to 111 (empty text, nonce all 0xFF)
//     128    chunk 0, chunk 1, ...: each its ciphertext and 16 bytes of tag; nonce = number of the chunk (8 bytes) and four
//            zeros; associated data = recording id, part, number, 1 for the last chunk else 0
//
// All chunks but the last are full; the last has 0 (only of an empty file) to 65536 bytes of content. So a chunk that is
// changed, moved, taken from another file or cut off fails. Each writing has a new salt, so no nonce is used twice with one
// key. One owner thread each; the writer's memory is fixed.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "base/uuid.h"

#define SEAL_HEAD   128u
#define SEAL_CHUNK  65536u
#define SEAL_TAG    16u
#define SEAL_STRIDE (SEAL_CHUNK + SEAL_TAG)
#define SEAL_SUFFIX ".sealed"

enum seal_part {
    SEAL_AUDIO = 1,
    SEAL_MANIFEST = 2,
    SEAL_PAYLOAD = 3
};

struct data_key {
    uint8_t id[16], key[32];
};

struct seal_head {
    struct uuid recording;
    uint8_t part;
    uint8_t salt[32], key_id[16];
};

struct seal {
    void *cipher; // EVP_CIPHER_CTX
    uint8_t key[32];
    struct seal_head head;
    uint64_t chunk; // the next
};

int seal_init(struct seal *s); // 0 or -ENOMEM
void seal_deinit(struct seal *s);
// A new file: the key made, the head written to out (SEAL_HEAD bytes). 0 or negative errno.
int seal_begin(struct seal *s, const struct uuid *recording, enum seal_part part,
               const struct data_key *k, uint8_t *out);
// The next chunk: n bytes of content to n + SEAL_TAG bytes at out. Only the last may be shorter than SEAL_CHUNK.
int seal_chunk(struct seal *s, const uint8_t *content, size_t n, bool last, uint8_t *out);

// Reading. False: no such head (its tag is for seal_open).
bool seal_parse(struct span head, struct seal_head *ret);
// The key of the file behind this head (SEAL_HEAD bytes). 0, -EBADMSG when the tag does not fit.
int seal_open(struct seal *s, const uint8_t *head, const struct data_key *k);
// n + SEAL_TAG bytes at in to n bytes at out. 0 or -EBADMSG.
int seal_read(struct seal *s, uint64_t chunk, bool last, const uint8_t *in, size_t n, uint8_t *out);
// Content bytes of a file of so many bytes; false: no length that a sealed file can have.
bool seal_content(uint64_t file_bytes, uint64_t *ret_content);
// A key under another key: AES-256-GCM, 32 bytes to 48 (with the tag) and back. 0, -EIO; unwrap -EBADMSG.
int seal_wrap(const uint8_t master[32], const uint8_t nonce[12], struct span label,
              const uint8_t key[32], uint8_t out[48]);
int seal_unwrap(const uint8_t master[32], const uint8_t nonce[12], struct span label,
                const uint8_t in[48], uint8_t ret_key[32]);

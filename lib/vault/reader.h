// reader.h: the content of a stored file by offset, encrypted or not, wherever its bytes lie. One chunk is kept decrypted, so
// that reading on in small steps costs one decryption a chunk. Nothing that failed its tag is ever given out.
// A path that ends in SEAL_SUFFIX is encrypted and nothing else is taken for it: a plain file put in its place is refused.
// One owner thread each. Memory: struct reader, 128 KiB.
#pragma once
#include <sys/types.h>
#include "vault/keyring.h"

// Where the bytes are. read: up to n bytes at offset into buf; returns how many (0: end) or negative errno.
struct reader_source {
    ssize_t (*read)(void *ctx, uint64_t offset, void *buf, size_t n);
    void *ctx;
    uint64_t bytes;
};

struct reader {
    struct reader_source source;
    struct seal seal;
    bool sealed;
    uint64_t content; // bytes of it
    uint64_t at;      // number of the chunk in plain, UINT64_MAX none
    size_t plain_n;
    uint8_t cipher[SEAL_STRIDE], plain[SEAL_CHUNK];
};

int reader_init(struct reader *r); // 0 or -ENOMEM
void reader_deinit(struct reader *r);
// 0; KEYRING_E_* when there is no key; -EBADMSG when the file is not whole (its last chunk is tried too, so a file that was
// cut is refused here); or negative errno. keys may be NULL: then only plain files open.
int reader_open(struct reader *r, const struct reader_source *source, const char *path,
                struct keyring *keys);
// The same for a sealed file whose key the caller has. 0, -EBADMSG, or negative errno.
int reader_open_with(struct reader *r, const struct reader_source *source,
                     const struct data_key *key);
// Up to n bytes at offset; 0 at the end; -EBADMSG: the chunk does not fit (reader.at names it).
ssize_t reader_read(struct reader *r, uint64_t offset, void *buf, size_t n);
// A source that is a descriptor (borrowed).
int reader_source_fd(struct reader_source *ret, int fd);

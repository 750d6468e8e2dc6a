// sink.h: a file being made: <path>.part, encrypted on the way when there is a key, hashed on the way (SHA-256 and SHA-512 of the
// content, the proof of the bytes as stored), fsync and rename at the end. One thread.
// Limit: one chunk of content and one of ciphertext; OpenSSL's contexts are made once.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vault/proof.h"
#include "vault/seal.h"

// What a file is encrypted as.
struct sink_seal {
    const struct data_key *key; // borrowed until sink_open returns; NULL: the file is plain
    struct uuid recording;
    enum seal_part part;
};

struct sink_sums {
    uint64_t bytes; // of the content
    uint8_t sha256[32], sha512[64];
};

struct sink {
    int fd;
    char part[4200], path[4160];
    uint64_t bytes; // of content
    size_t used;
    int error; // first negative errno, sticky
    bool sealed;
    void *sha256, *sha512; // EVP_MD_CTX
    struct seal seal;
    struct proof proof; // of the file as stored; stands from sink_commit to the next sink_open
    uint8_t buffer[SEAL_CHUNK], out[SEAL_STRIDE];
};

int sink_init(struct sink *s);
void sink_deinit(struct sink *s);
// Makes the folders of the path too. seal NULL: plain.
int sink_open(struct sink *s, const char *path, const struct sink_seal *seal);
void sink_write(struct sink *s, const void *p, size_t n);
// 0 and the sums, or negative errno with the .part gone.
int sink_commit(struct sink *s, struct sink_sums *ret);
// Removes the .part; fine when nothing is open.
void sink_abandon(struct sink *s);
// Removes what a life before left unfinished below dir (files ending in .part). Returns how many.
unsigned sink_clean(const char *dir);

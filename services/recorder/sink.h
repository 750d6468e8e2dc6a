// sink.h: a file being made: <path>.part, SHA-256 on the way, fsync and rename at the end. One thread.
// Limit: one write buffer; OpenSSL's digest context is made once.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SINK_BUFFER (64u * 1024u)

struct sink {
    int fd;
    char part[4200], path[4160];
    uint64_t bytes;
    size_t used;
    int error;    // first negative errno, sticky
    void *digest; // EVP_MD_CTX
    uint8_t buffer[SINK_BUFFER];
};

int sink_init(struct sink *s);
void sink_deinit(struct sink *s);
// Makes the folders of the path too.
int sink_open(struct sink *s, const char *path);
void sink_write(struct sink *s, const void *p, size_t n);
// 0 and the sum, or negative errno with the .part gone.
int sink_commit(struct sink *s, uint8_t ret_sha256[32]);
// Removes the .part; fine when nothing is open.
void sink_abandon(struct sink *s);
// Removes what a life before left unfinished below dir (files ending in .part). Returns how many.
unsigned sink_clean(const char *dir);

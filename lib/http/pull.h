// pull.h: a reply of known length whose bytes are made by another thread, a buffer at a time: when the socket takes more and
// there is nothing, the connection sleeps and want() hands the request on; whoever has it sets pull.bytes and pull.have (or
// pull.failed) and calls http_wake. The buffer is the maker's and stays until the next want() or on_close().
// Server's thread, but for the maker between want() and http_wake.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_req;

struct pull_ops {
    void (*want)(struct http_req *q, uint64_t at); // at: bytes sent so far
    void (*on_close)(struct http_req *q); // exactly once, also when nothing was sent (HEAD)
};

struct http_pull {
    const struct pull_ops *ops;
    void *ctx; // the service's own
    const uint8_t *bytes;
    size_t have, sent;
    bool failed; // the connection is cut: what is there is shorter than what was promised
    bool open;
};

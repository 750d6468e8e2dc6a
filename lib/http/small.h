// small.h: the little HTTP server of the health ports, on libmicrohttpd. GET and HEAD of a fixed table of paths; one thread
// of its own, which calls the handlers one after the other. Not for the public: no TLS, no login, plain text.
// Limits: 16 connections (further ones wait in the kernel), 4 KiB for a request, 5 s of silence, 256 KiB for an answer
// (beyond: 500).
#pragma once
#include <stddef.h>
#include <stdint.h>

struct small;
struct small_request;
// The value of a query argument ("" when it has none), NULL when it is not there. Lives as long as the handler runs.
const char *small_arg(const struct small_request *q, const char *name);

struct small_reply {
    char *buf; // the handler writes the body here
    size_t cap, n;
    int status;               // 200 unless changed
    const char *content_type; // text/plain unless changed; not copied
};
// Runs on the server's thread. An n above cap says that the body did not fit: the client gets 500.
typedef void (*small_fn)(void *ctx, const struct small_request *q, struct small_reply *r);

struct small_route {
    const char *path; // whole path, "/livez"
    small_fn fn;
};

// listen: "127.0.0.1:7651", "[::1]:7651", "localhost:7651"; port 0 takes a free one. routes live as long as the server.
// 0, or negative errno after one clear line in err.
int small_start(struct small **ret, const char *listen, const struct small_route *routes, size_t n,
                void *ctx, char *err, size_t err_cap);
uint16_t small_port(const struct small *s);
// Ends the thread and the connections. Returns NULL; takes NULL.
struct small *small_stop(struct small *s);

// server.h: the one door to libmicrohttpd. The library is driven from outside: http_server_step is called in a loop by one
// thread, and everything (handlers, readers of long replies, resuming) happens on it; so a connection's flags have one
// owner and are never set by two. Other threads may only call http_wake and http_server_poke.
// Limits: connections (a further one is refused by the library, counted), reply buffers (a 503 problem when all are out,
// counted), memory per connection, seconds without progress.
#pragma once
#include "http/request.h"
#include "http/route.h"

struct http_opts {
    const char *listen;        // host:port, [v6]:port
    uint32_t connections;      // default 1024
    size_t connection_memory;  // of the library for each; default 8 KiB
    uint32_t timeout_s;        // without progress; default 15
    uint32_t stream_timeout_s; // the same for long replies; default 30
    uint32_t
        stream_sndbuf; // kernel send buffer of long replies; default 8 KiB: a stalled reader shows early
    uint32_t replies;   // buffers, default 32
    size_t reply_bytes; // each, default 512 KiB
    const struct route *routes;
    size_t nroutes;
    http_handler_fn
        first; // runs for each request that a route was found for (who asks?), then calls q->route->handler
    http_handler_fn unrouted; // no route: files, or a 404 problem
};

struct http_server;
// 0, or negative errno with one clear line in err (-EADDRINUSE and -EACCES name host and port).
int http_server_open(struct http_server **ret, const struct http_opts *o, char *err,
                     size_t err_cap);
// Waits at most timeout_us for something to do and does it.
void http_server_step(struct http_server *s, int64_t timeout_us);
// Takes no more connections, ends long replies after what they still have, waits up to timeout_us for the others.
void http_server_stop(struct http_server *s, int64_t timeout_us);
struct http_server *http_server_free(struct http_server *s);

// A waiting request goes on. Any thread; exactly once for each HTTP_WAIT.
void http_wake(struct http_req *q);
// Something was written that feeds may want: look now, not at the next tick. Any thread.
void http_server_poke(struct http_server *s);
unsigned http_server_port(const struct http_server *s);

// feed.h: a reply without end that reads a fanring by cursor. When it has caught up, its connection sleeps (suspended) and the
// server's tick wakes it when there is more, or when a sign of life is due. A reader costs the ring nothing; one that is
// overtaken is told by on_lost, never waited for. All on the server's thread. A record may be larger than what the
// library takes at once: it is sent in parts; a reader overtaken in the middle of a record is cut (counted).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/fanring.h"

struct http_req;
struct http_feed;

struct feed_ops {
    // The reader was overtaken: set f->cursor, and f->pre where it should hear of it. NULL: goes on at the oldest.
    void (*on_lost)(struct http_feed *f);
    // Looks at a whole record before it goes out; may change bytes. False: leave this record out. NULL: all as they are.
    bool (*on_record)(struct http_feed *f, uint8_t *p, size_t n);
    // Nothing was sent for idle_us: put a sign of life into f->pre.
    void (*on_idle)(struct http_feed *f);
    // True: close once the ring is read to its head. NULL: never.
    bool (*ended)(struct http_feed *f);
    // The connection is gone. Exactly once.
    void (*on_close)(struct http_feed *f);
};

struct http_feed {
    const struct feed_ops *ops;
    struct fanring *ring;
    uint64_t cursor;
    int64_t idle_us, tick_us;
    void *ctx;     // the service's own
    uint64_t a, b; // the service's own
    char pre[600]; // goes out before the next record
    uint16_t pre_n, pre_sent;
    // The server's own.
    struct http_req *req;
    struct http_feed *next, *prev;
    uint32_t part; // bytes of the record at cursor that are sent
    bool open, suspended, closing;
    int64_t last_us, next_us;
};

// Puts text before the next record; what was not yet sent stays in front. False: no room.
bool feed_say(struct http_feed *f, const void *p, size_t n);

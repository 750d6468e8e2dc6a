// priv.h: what the files of lib/http share. Not for others.
#pragma once
#include <microhttpd.h>
#include <pthread.h>

#include "base/slab.h"
#include "base/stat.h"
#include "http/server.h"

enum {
    M_2XX,
    M_3XX,
    M_4XX,
    M_5XX,
    M_REFUSED,
    M_NO_BUFFER,
    M_TOO_LARGE,
    M_FEED_CUT,
    M_CONNECTIONS,
    M_FEEDS,
    M_COUNT,
};

#define FEED_SCRATCH (64u << 10)

struct http_server {
    struct http_opts o;
    struct MHD_Daemon *mhd;
    struct slab *reqs;
    int epoll, wake, listen;
    unsigned port;
    bool stopping;
    uint32_t open_reqs;
    pthread_mutex_t lock; // woken list and buffer pool
    struct http_req *woken;
    char **free_buf;
    size_t nfree;
    char *buf_mem;
    struct http_feed *feeds; // open ones; server's thread
    char *scratch;           // one record of a ring; server's thread
    struct stat_cell stat[M_COUNT];
};

#define PULL_BLOCK 16384u // what the library takes at a time

enum http_next reply_set(struct http_req *q, unsigned status, const char *type,
                         struct MHD_Response *r);
void pull_drop(struct http_req *q);
void feed_init(struct http_req *q);
void feed_drop(struct http_req *q);
// Resumes what has something to send or say; returns how long until the next look, at most max_us.
int64_t feed_tick(struct http_server *s, int64_t now_us, int64_t max_us);
ssize_t feed_fill(void *cls, uint64_t pos, char *buf, size_t max);
void reply_give_buffer(struct http_req *q);

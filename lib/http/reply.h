// reply.h: how a handler answers. Each http_reply_* sets the reply once and returns HTTP_DONE. A JSON body is written into
// a buffer of the server's fixed pool, which stays with the request until its last byte is sent.
#pragma once
#include "http/request.h"

// A writer over a buffer of the pool, or NULL: all are out and the 503 problem is set (counted). Any thread that owns q.
struct json *http_json(struct http_req *q);
// Sends what was written; too large for the buffer: the 500 problem response_too_large (counted).
enum http_next http_reply_json(struct http_req *q, unsigned status);
enum http_next http_reply_json_as(struct http_req *q, unsigned status, const char *type);
// The body must live as long as the request (q->small, constants).
enum http_next http_reply_text(struct http_req *q, unsigned status, const char *type,
                               struct span body);
enum http_next http_reply_empty(struct http_req *q, unsigned status);
// The library takes the file: sent by sendfile, closed at the end, and here when it fails.
enum http_next http_reply_file(struct http_req *q, unsigned status, const char *type, int fd,
                               uint64_t offset, uint64_t n);
// A body made piece by piece: more() fills q->json's buffer again (http_json was called before) and returns how many bytes
// there are, 0 at the end. Server's thread.
typedef size_t (*http_more_fn)(struct http_req *q, char *buf, size_t cap);
enum http_next http_reply_pieces(struct http_req *q, unsigned status, const char *type,
                                 http_more_fn more);
// n bytes made elsewhere (pull.h); ctx is for the ops.
enum http_next http_reply_pull(struct http_req *q, unsigned status, const char *type, uint64_t n,
                               const struct pull_ops *ops, void *ctx);
// A long reply (feed.h); q->feed has been set up. 503 when the server has too many.
enum http_next http_reply_feed(struct http_req *q, const char *type);
// Extra header, copied (cut at 159 bytes; at most HTTP_HEADERS_MAX).
__attribute__((format(printf, 3, 4))) void http_header(struct http_req *q, const char *name,
                                                       const char *fmt, ...);
// Forgets a reply that was set; headers too.
void http_reply_drop(struct http_req *q);
bool http_reply_is_set(const struct http_req *q);

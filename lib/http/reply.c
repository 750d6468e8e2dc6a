#include "http/reply.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fail.h"
#include "http/priv.h"
#include "http/problem.h"

struct json *http_json(struct http_req *q)
{
    struct http_server *s = q->server;
    if (!q->buf) {
        pthread_mutex_lock(&s->lock);
        if (s->nfree)
            q->buf = s->free_buf[--s->nfree];
        else
            stat_add(&s->stat[M_NO_BUFFER], 1);
        pthread_mutex_unlock(&s->lock);
    }
    if (!q->buf) {
        http_problem(q, 503, "overloaded", "all %u reply buffers are in use; try again",
                     s->o.replies);
        http_header(q, "Retry-After", "1");
        return NULL;
    }
    json_init(&q->json, q->buf, s->o.reply_bytes);
    return &q->json;
}

void reply_give_buffer(struct http_req *q)
{
    struct http_server *s = q->server;
    if (!q->buf)
        return;
    pthread_mutex_lock(&s->lock);
    s->free_buf[s->nfree++] = q->buf;
    pthread_mutex_unlock(&s->lock);
    q->buf = NULL;
}

void http_reply_drop(struct http_req *q)
{
    if (q->response)
        MHD_destroy_response(q->response);
    q->response = NULL;
    q->headers = 0;
}

bool http_reply_is_set(const struct http_req *q)
{
    return q->response != NULL;
}

void http_header(struct http_req *q, const char *name, const char *fmt, ...)
{
    must(q->headers < HTTP_HEADERS_MAX);
    snprintf(q->header[q->headers].name, sizeof(q->header[0].name), "%s", name);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(q->header[q->headers].value, sizeof(q->header[0].value), fmt, ap);
    va_end(ap);
    q->headers++;
}

// The library's own malloc of a response may fail; the request then ends without one.
enum http_next reply_set(struct http_req *q, unsigned status, const char *type,
                         struct MHD_Response *r)
{
    must(!q->response);
    q->response = r;
    q->status = status;
    if (r && type)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return HTTP_DONE;
}

// The library wants a pointer to non-const and does not write to persistent memory.
static struct MHD_Response *persistent(struct span body)
{
    union {
        const uint8_t *in;
        void *out;
    } u = {.in = body.p};
    return MHD_create_response_from_buffer(body.n, u.out, MHD_RESPMEM_PERSISTENT);
}

enum http_next http_reply_text(struct http_req *q, unsigned status, const char *type,
                               struct span body)
{
    return reply_set(q, status, type, persistent(body));
}

enum http_next http_reply_json(struct http_req *q, unsigned status)
{
    return http_reply_json_as(q, status, "application/json");
}

enum http_next http_reply_json_as(struct http_req *q, unsigned status, const char *type)
{
    if (q->json.overflow) {
        atomic_fetch_add_explicit(&q->server->stat[M_TOO_LARGE].v, 1,
                                  memory_order_relaxed); // workers too
        return http_problem(q, 500, "response_too_large",
                            "the answer is larger than %zu bytes; ask for less",
                            q->server->o.reply_bytes);
    }
    return reply_set(q, status, type, persistent(span_of(q->buf, q->json.n)));
}

enum http_next http_reply_empty(struct http_req *q, unsigned status)
{
    return reply_set(q, status, NULL, persistent(SPAN_LIT("")));
}

enum http_next http_reply_file(struct http_req *q, unsigned status, const char *type, int fd,
                               uint64_t offset, uint64_t n)
{
    struct MHD_Response *r = MHD_create_response_from_fd_at_offset64(n, fd, offset);
    if (!r) {
        close(fd);
        return http_problem(q, 500, "internal", "the file cannot be sent");
    }
    return reply_set(q, status, type, r);
}

// ---- pieces: q->small keeps the callback, q->json.n the bytes in the buffer, q->body_n how many are sent

static ssize_t pieces_fill(void *cls, uint64_t pos, char *buf, size_t max)
{
    (void)pos;
    struct http_req *q = cls;
    http_more_fn more;
    memcpy(&more, q->small, sizeof(more));
    if (q->body_n == q->json.n) {
        q->json.n = more(q, q->buf, q->server->o.reply_bytes);
        q->body_n = 0;
        if (q->json.n == 0)
            return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t n = q->json.n - q->body_n;
    n = n < max ? n : max;
    memcpy(buf, q->buf + q->body_n, n);
    q->body_n += n;
    return (ssize_t)n;
}

enum http_next http_reply_pieces(struct http_req *q, unsigned status, const char *type,
                                 http_more_fn more)
{
    must(q->buf);
    memcpy(q->small, &more, sizeof(more));
    q->json.n = q->body_n = 0;
    return reply_set(
        q, status, type,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, pieces_fill, q, NULL));
}

enum http_next http_reply_feed(struct http_req *q, const char *type)
{
    struct http_server *s = q->server;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(q->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info) {
        int size = (int)s->o.stream_sndbuf, on = 1;
        setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        setsockopt(info->connect_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    MHD_set_connection_option(q->conn, MHD_CONNECTION_OPTION_TIMEOUT, s->o.stream_timeout_s);
    feed_init(q);
    http_header(q, "X-Accel-Buffering", "no");
    return reply_set(q, 200, type,
                     MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, feed_fill, q, NULL));
}

#include "http/pull.h"

#include <string.h>

#include "http/priv.h"
#include "http/reply.h"

static ssize_t pull_fill(void *cls, uint64_t at, char *buf, size_t max)
{
    struct http_req *q = cls;
    struct http_pull *p = &q->pull;
    if (p->failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = p->have - p->sent;
    if (n == 0) {
        q->waiting = true;
        MHD_suspend_connection(q->conn);
        p->ops->want(q, at);
        return 0;
    }
    n = n < max ? n : max;
    memcpy(buf, p->bytes + p->sent, n);
    p->sent += n;
    return (ssize_t)n;
}

enum http_next http_reply_pull(struct http_req *q, unsigned status, const char *type, uint64_t n,
                               const struct pull_ops *ops, void *ctx)
{
    q->pull = (struct http_pull){.ops = ops, .ctx = ctx, .open = true};
    return reply_set(q, status, type,
                     MHD_create_response_from_callback(n, PULL_BLOCK, pull_fill, q, NULL));
}

void pull_drop(struct http_req *q)
{
    if (!q->pull.open)
        return;
    q->pull.open = false;
    q->pull.ops->on_close(q);
}

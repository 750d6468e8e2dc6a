// HEP senders: one address, UDP and TCP. Each packet given is one HEP message, whole or not; what is wrong with it the
// worker says and counts. Over TCP the length in each message frames it; a stream that is no HEP 3 is closed, for
// there is no way back into it.
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>
#include "base/mono.h"
#include "listen.h"
#include "source_priv.h"
#include "wire/hep.h"

#define READS_MAX 4 // of one connection in one turn, so that each has its turn

struct conn {
    int fd; // -1: free
    int64_t heard_us;
    size_t n;
    uint8_t buf[HEP_BYTES_MAX];
};

struct hep_in {
    struct udp_in *udp;
    int listen_fd;
    uint32_t conns, used;
    int64_t silence_us;
    uint64_t refused, evicted;
    struct conn *conn;
};

struct hep_call {
    source_fn fn;
    void *ctx;
};

static void give(const struct hep_call *call, struct span s, int64_t at_us)
{
    struct source_packet p = {.frame = s, .at_us = at_us, .wire_length = (uint32_t)s.n};
    call->fn(call->ctx, &p);
}

// One datagram may hold several messages of version 3; older ones fill it.
static void on_datagram(void *ctx, const struct source_packet *p)
{
    const struct hep_call *call = ctx;
    struct span s = p->frame;
    size_t n;
    while (s.n > 0 && hep_frame(s, &n) == HEP_FRAME_WHOLE) {
        give(call, span_sub(s, 0, n), p->at_us);
        s = span_sub(s, n, s.n);
    }
    if (s.n > 0 || p->frame.n == 0)
        give(call, s, p->at_us);
}

static void conn_close(struct hep_in *h, struct conn *c)
{
    close(c->fd);
    c->fd = -1;
    h->used--;
}

// False: the stream cannot be followed any more.
static bool conn_cut(struct conn *c, const struct hep_call *call, int64_t at_us)
{
    size_t n = 0, from = 0;
    enum hep_frame f;
    struct span s = span_of(c->buf, c->n);
    while ((f = hep_frame(span_sub(s, from, s.n), &n)) == HEP_FRAME_WHOLE) {
        give(call, span_sub(s, from, n), at_us);
        from += n;
    }
    c->n -= from;
    if (from > 0 && c->n > 0)
        memmove(c->buf, c->buf + from, c->n);
    return f != HEP_FRAME_BAD;
}

// True when something came.
static bool conn_read(struct hep_in *h, struct conn *c, const struct hep_call *call)
{
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = recv(c->fd, c->buf + c->n, sizeof c->buf - c->n, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return i > 0;
        c->n += n > 0 ? (size_t)n : 0;
        c->heard_us = mono_now_us();
        int64_t at_us = wall_now_us();
        if (!conn_cut(c, call, at_us) || n <= 0) {
            if (c->n > 0) // counted as what it is: no HEP, or a message whose end never came
                give(call, span_of(c->buf, c->n), at_us);
            conn_close(h, c);
            return true;
        }
    }
    return true;
}

static struct conn *conn_take(struct hep_in *h, int64_t now_us)
{
    struct conn *oldest = NULL;
    for (uint32_t i = 0; i < h->conns; i++) {
        struct conn *c = &h->conn[i];
        if (c->fd < 0)
            return c;
        if (!oldest || c->heard_us < oldest->heard_us)
            oldest = c;
    }
    if (!oldest || now_us - oldest->heard_us < h->silence_us)
        return NULL;
    conn_close(h, oldest);
    h->evicted++;
    return oldest;
}

static void accept_all(struct hep_in *h)
{
    for (uint32_t i = 0; i <= h->conns; i++) {
        int on = 1, fd = accept4(h->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int64_t now_us = mono_now_us();
        struct conn *c = conn_take(h, now_us);
        if (!c) {
            h->refused++;
            close(fd);
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        c->fd = fd;
        c->n = 0;
        c->heard_us = now_us;
        h->used++;
    }
}

static enum source_result read_all(struct source *s, struct hep_call *call)
{
    struct hep_in *h = s->own;
    enum source_result r = udp_in_read(h->udp, on_datagram, call);
    if (r == SOURCE_FAILED) {
        snprintf(s->error, sizeof s->error, "recvmmsg: %s", strerror(errno));
        return r;
    }
    accept_all(h);
    for (uint32_t i = 0; i < h->conns && h->used > 0; i++)
        if (h->conn[i].fd >= 0 && conn_read(h, &h->conn[i], call))
            r = SOURCE_MORE;
    return r;
}

static enum source_result hep_read(struct source *s, int64_t timeout_us, source_fn fn, void *ctx)
{
    struct hep_call call = {fn, ctx};
    enum source_result r = read_all(s, &call);
    if (r == SOURCE_IDLE && timeout_us > 0 && listen_wait(s, timeout_us) == SOURCE_MORE)
        r = read_all(s, &call);
    return r;
}

static struct source_stat hep_stat(struct source *s)
{
    const struct hep_in *h = s->own;
    return (struct source_stat){
        .dropped_kernel = udp_in_dropped(h->udp),
        .connections = h->used,
        .refused = h->refused,
        .evicted = h->evicted,
    };
}

static void hep_in_free(struct hep_in *h)
{
    for (uint32_t i = 0; h->conn && i < h->conns; i++)
        if (h->conn[i].fd >= 0)
            close(h->conn[i].fd);
    if (h->listen_fd >= 0)
        close(h->listen_fd);
    udp_in_free(h->udp);
    free(h->conn);
    free(h);
}

static void hep_close(struct source *s)
{
    hep_in_free(s->own);
    s->own = NULL;
}

static int hep_pollfds(const struct source *s, struct pollfd *fds, int cap)
{
    const struct hep_in *h = s->own;
    int n = 0;
    if (cap < 2)
        return 0;
    fds[n++] = (struct pollfd){.fd = udp_in_fd(h->udp), .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = h->listen_fd, .events = POLLIN};
    for (uint32_t i = 0; i < h->conns && n < cap; i++)
        if (h->conn[i].fd >= 0)
            fds[n++] = (struct pollfd){.fd = h->conn[i].fd, .events = POLLIN};
    return n;
}

static const struct source_ops hep_ops = {hep_read, hep_stat, hep_close, hep_pollfds};

int source_hep_open(struct source **ret, const struct source_opts *o, char *err, size_t err_cap)
{
    int r = EX_OSERR;
    struct hep_in *h = calloc(1, sizeof *h);
    struct conn *conn = calloc(o->connections, sizeof *conn);
    snprintf(err, err_cap, "no memory");
    if (!h || !conn) {
        free(h);
        free(conn);
        return r;
    }
    h->conn = conn;
    h->conns = o->connections;
    h->silence_us = o->silence_us;
    h->listen_fd = -1;
    for (uint32_t i = 0; i < h->conns; i++)
        conn[i].fd = -1;
    h->udp = udp_in_new(o->name, &r, err, err_cap);
    if (h->udp) {
        h->listen_fd = listen_open(o->name, SOCK_STREAM, err, err_cap);
        r = h->listen_fd < 0 ? -h->listen_fd : 0;
    }
    struct source *s = r == 0 ? source_new(&hep_ops, 0, h) : NULL;
    if (!s) {
        hep_in_free(h);
        return r ? r : EX_OSERR;
    }
    *ret = s;
    return 0;
}

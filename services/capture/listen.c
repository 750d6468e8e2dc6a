#include "listen.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>
#include "base/mono.h"

#define BATCH         16
#define BATCHES       32                // of one read; keeps the loop around it awake
#define RECEIVE_BYTES (8 * 1024 * 1024) // asked of the kernel, which cuts it to net.core.rmem_max
#define BACKLOG       16
#define POLL_MAX      80

struct udp_in {
    int fd;
    uint32_t dropped;
    struct mmsghdr head[BATCH];
    struct iovec part[BATCH];
    _Alignas(struct cmsghdr) uint8_t control[BATCH][128];
    uint8_t data[BATCH][LISTEN_DATAGRAM_BYTES];
};

// "[::1]:9060" -> "::1" and "9060".
static bool name_split(const char *name, char *host, size_t host_cap, const char **ret_port)
{
    const char *colon = strrchr(name, ':');
    if (!colon || !colon[1] || (size_t)(colon - name) >= host_cap)
        return false;
    struct span h = span_of(name, (size_t)(colon - name));
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
        h = span_sub(h, 1, h.n - 2);
    span_copy(h, host, host_cap);
    *ret_port = colon + 1;
    return true;
}

static int bind_first(const struct addrinfo *all, int socktype)
{
    int on = 1, off = 0, why = EADDRNOTAVAIL;
    for (const struct addrinfo *a = all; a; a = a->ai_next) {
        int fd = socket(a->ai_family, socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            why = errno;
            continue;
        }
        if (socktype == SOCK_STREAM)
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (a->ai_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
            (socktype != SOCK_STREAM || listen(fd, BACKLOG) == 0))
            return fd;
        why = errno;
        close(fd);
    }
    return -why;
}

int listen_open(const char *name, int socktype, char *err, size_t err_cap)
{
    char host[256];
    const char *port;
    struct addrinfo hints = {.ai_socktype = socktype, .ai_flags = AI_PASSIVE}, *all = NULL;
    if (!name_split(name, host, sizeof host, &port)) {
        snprintf(err, err_cap, "%s: HOST:PORT is wanted", name);
        return -EX_USAGE;
    }
    int r = getaddrinfo(host[0] ? host : NULL, port, &hints, &all);
    if (r != 0) {
        snprintf(err, err_cap, "%s: %s", name, gai_strerror(r));
        return -EX_NOHOST;
    }
    int fd = bind_first(all, socktype);
    freeaddrinfo(all);
    if (fd < 0) {
        snprintf(err, err_cap, "%s: %s", name, strerror(-fd));
        return fd == -EACCES ? -EX_NOPERM : -EX_UNAVAILABLE;
    }
    return fd;
}

struct udp_in *udp_in_new(const char *name, int *ret_error, char *err, size_t err_cap)
{
    int on = 1, bytes = RECEIVE_BYTES;
    int fd = listen_open(name, SOCK_DGRAM, err, err_cap);
    if (fd < 0) {
        *ret_error = -fd;
        return NULL;
    }
    struct udp_in *u = calloc(1, sizeof *u);
    if (!u) {
        snprintf(err, err_cap, "no memory");
        *ret_error = EX_OSERR;
        close(fd);
        return NULL;
    }
    u->fd = fd;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    return u;
}

struct udp_in *udp_in_free(struct udp_in *u)
{
    if (u) {
        close(u->fd);
        free(u);
    }
    return NULL;
}

int udp_in_fd(const struct udp_in *u)
{
    return u->fd;
}

uint64_t udp_in_dropped(const struct udp_in *u)
{
    return u->dropped;
}

// The kernel's time of arrival and its count of drops so far.
static int64_t control_read(struct udp_in *u, struct msghdr *h)
{
    int64_t at_us = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_TIMESTAMP) {
            struct timeval t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            at_us = (int64_t)t.tv_sec * US_PER_S + t.tv_usec;
        } else if (c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&u->dropped, CMSG_DATA(c), sizeof u->dropped);
        }
    }
    return at_us ? at_us : wall_now_us();
}

// How many came, 0 for none, or -1.
static int batch_read(struct udp_in *u, source_fn fn, void *ctx)
{
    for (int i = 0; i < BATCH; i++) {
        u->part[i] = (struct iovec){u->data[i], sizeof u->data[i]};
        u->head[i].msg_hdr = (struct msghdr){
            .msg_iov = &u->part[i],
            .msg_iovlen = 1,
            .msg_control = u->control[i],
            .msg_controllen = sizeof u->control[i],
        };
    }
    int n = recvmmsg(u->fd, u->head, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    for (int i = 0; i < n; i++) {
        struct source_packet p = {
            .frame = span_of(u->data[i], u->head[i].msg_len),
            .at_us = control_read(u, &u->head[i].msg_hdr),
            .wire_length = u->head[i].msg_len,
        };
        fn(ctx, &p);
    }
    return n;
}

enum source_result udp_in_read(struct udp_in *u, source_fn fn, void *ctx)
{
    int n = BATCH;
    bool some = false;
    for (int i = 0; i < BATCHES && n == BATCH; i++) {
        n = batch_read(u, fn, ctx);
        if (n < 0)
            return SOURCE_FAILED;
        some = some || n > 0;
    }
    return some ? SOURCE_MORE : SOURCE_IDLE;
}

enum source_result listen_wait(struct source *s, int64_t timeout_us)
{
    struct pollfd fds[POLL_MAX];
    int n = source_pollfds(s, fds, POLL_MAX);
    int ms = timeout_us < 1000 ? 1 : (int)(timeout_us / 1000);
    return poll(fds, (nfds_t)n, ms) > 0 ? SOURCE_MORE : SOURCE_IDLE;
}

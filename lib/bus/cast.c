// Broadcast without repair: one PUB, any number of SUB, messages numbered so that a listener sees what it missed.
#include "bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>

#include "base/mono.h"
#include "base/thread.h"
#include "count.h"
#include "envelope.h"
#include "sock.h"

#define CAST_QUEUE 256 // messages of a slow listener; the oldest go first
#define CAST_ARENA (UINT64_C(8) << 20)

struct cast_pub {
    struct sock_kept kept;
    nng_socket sock;
    struct owner owner;
    char publisher[ENVELOPE_NAME_MAX + 1], site[ENVELOPE_SITE_MAX + 1];
    Callmesh__V1__Kind kind;
    struct stat_cell *cells;
    uint8_t incarnation[ENVELOPE_BIRTH];
    _Atomic uint64_t seq;
};

static int open_pub(nng_socket *s)
{
    return nng_pub0_open(s);
}

int cast_pub_open(struct cast_pub **ret, const char *url, bool listen, const char *publisher,
                  const char *site, Callmesh__V1__Kind kind, char *err, size_t err_cap)
{
    if (!publisher || !publisher[0] || strlen(publisher) > ENVELOPE_NAME_MAX ||
        (site && strlen(site) > ENVELOPE_SITE_MAX)) {
        snprintf(err, err_cap, "publisher and site: 1 to %d and at most %d bytes",
                 ENVELOPE_NAME_MAX, ENVELOPE_SITE_MAX);
        return -EINVAL;
    }
    struct cast_pub *c = calloc(1, sizeof(*c));
    if (!c) {
        snprintf(err, err_cap, "no memory for %s", url);
        return -ENOMEM;
    }
    span_copy(span_str(publisher), c->publisher, sizeof(c->publisher));
    span_copy(span_str(site ? site : ""), c->site, sizeof(c->site));
    c->kind = kind;
    c->cells = count_out_cells(kind);
    struct sock_opts o = {.send_buffer = CAST_QUEUE};
    int r =
        getrandom(c->incarnation, sizeof(c->incarnation), 0) == sizeof(c->incarnation) ? 0 : -EIO;
    if (r == 0)
        r = sock_open(&c->sock, open_pub, url, listen, &o, err, err_cap);
    else
        snprintf(err, err_cap, "no random bytes");
    if (r < 0) {
        free(c);
        return r;
    }
    sock_keep(&c->kept);
    *ret = c;
    return 0;
}

int cast_pub_send(struct cast_pub *c, const ProtobufCMessage *msg)
{
    thread_must_own(&c->owner);
    size_t n = protobuf_c_message_get_packed_size(msg);
    if (n > BUS_MESSAGE_MAX - ENVELOPE_HEAD_MAX)
        return -EMSGSIZE;
    uint64_t seq = c->seq + 1;
    uint8_t head[ENVELOPE_HEAD_MAX];
    struct envelope e = {.version = BUS_PROTOCOL_VERSION,
                         .publisher = span_str(c->publisher),
                         .incarnation = span_of(c->incarnation, sizeof(c->incarnation)),
                         .epoch = 1,
                         .seq = seq,
                         .kind = (uint64_t)c->kind,
                         .sent_at_us = wall_now_us(),
                         .site = span_str(c->site),
                         .payload = span_of(head, n), // only its length is used
                         .first_of_epoch = seq == 1};
    size_t h = envelope_head(head, &e);
    nng_msg *m = sock_msg(NULL, h + n);
    if (!m)
        return -ENOMEM;
    memcpy(nng_msg_body(m), head, h);
    protobuf_c_message_pack(msg, (uint8_t *)nng_msg_body(m) + h);
    c->seq = seq; // used up even when no listener gets it: that is a gap they see
    count_add(&c->cells[OUT_MESSAGES], 1);
    count_add(&c->cells[OUT_BYTES], h + n);
    return sock_send(c->sock, m, NNG_FLAG_NONBLOCK) ? 0 : -EAGAIN;
}

int cast_pub_send_raw(struct cast_pub *c, struct span bytes)
{
    thread_must_own(&c->owner);
    if (bytes.n > BUS_MESSAGE_MAX)
        return -EMSGSIZE;
    count_add(&c->cells[OUT_MESSAGES], 1);
    count_add(&c->cells[OUT_BYTES], bytes.n);
    return sock_send(c->sock, sock_msg(bytes.p, bytes.n), NNG_FLAG_NONBLOCK) ? 0 : -EAGAIN;
}

uint64_t cast_pub_seq(const struct cast_pub *c)
{
    return c->seq;
}

void cast_pub_incarnation(const struct cast_pub *c, uint8_t ret[16])
{
    memcpy(ret, c->incarnation, sizeof(c->incarnation));
}

// ---- listener -----------------------------------------------------------------------------------------------------

struct cast_sub {
    struct sock_kept kept;
    nng_socket sock;
    int fd; // readable when a message is there
    struct owner owner;
    struct arena *arena;
    nng_msg *msg; // handed out
};

static int open_sub(nng_socket *s)
{
    int r = nng_sub0_open(s);
    return r ? r : nng_socket_set(*s, NNG_OPT_SUB_SUBSCRIBE, "", 0);
}

int cast_sub_open(struct cast_sub **ret, const char *url, bool listen, char *err, size_t err_cap)
{
    struct cast_sub *c = calloc(1, sizeof(*c));
    struct sock_opts o = {.recv_buffer = CAST_QUEUE};
    if (c)
        c->arena = arena_new(CAST_ARENA);
    int r = c && c->arena ? 0 : -ENOMEM;
    if (r < 0)
        snprintf(err, err_cap, "no memory for %s", url);
    else
        r = sock_open(&c->sock, open_sub, url, listen, &o, err, err_cap);
    if (r == 0)
        r = sock_recv_fd(&c->fd, c->sock, url, err, err_cap);
    if (r < 0) {
        if (c)
            arena_free(c->arena);
        free(c);
        return r;
    }
    sock_keep(&c->kept);
    *ret = c;
    return 0;
}

int cast_sub_next(struct cast_sub *c, int64_t timeout_us, struct span *ret)
{
    thread_must_own(&c->owner);
    sock_free(c->msg);
    arena_reset(c->arena);
    c->msg = sock_recv(c->sock, c->fd, timeout_us);
    if (!c->msg)
        return 0;
    *ret = span_of(nng_msg_body(c->msg), nng_msg_len(c->msg));
    return 1;
}

void *cast_sub_unpack(struct cast_sub *c, const ProtobufCMessageDescriptor *d, struct span bytes)
{
    ProtobufCAllocator al = bus_arena_allocator(c->arena);
    return protobuf_c_message_unpack(d, &al, bytes.n, bytes.p);
}

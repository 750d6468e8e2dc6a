// Request and reply: ask (client, one request at a time) and answer (server, one thread, cooked REP). And the arena
// allocator that all unpacking goes through.
#include "bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include "base/log.h"
#include "base/mono.h"
#include "base/thread.h"
#include "sock.h"

#define CONTROL_ARENA (UINT64_C(8) << 20)
#define ANSWER_ARENA  (UINT64_C(1) << 20) // smaller: a reply that was made here always fits there
#define RESEND_MS     1000 // requests can be repeated: snapshots and taps are idempotent
#define POLL_MS       100

static void *arena_alloc(void *arena, size_t n)
{
    return arena_take(arena, n ? n : 1);
}

static void arena_no_free(void *arena, void *p)
{
    (void)arena;
    (void)p;
}

ProtobufCAllocator bus_arena_allocator(struct arena *a)
{
    return (ProtobufCAllocator){.alloc = arena_alloc, .free = arena_no_free, .allocator_data = a};
}

// ---- client -------------------------------------------------------------------------------------------------------

struct ask {
    struct sock_kept kept;
    nng_socket sock;
    struct owner owner;
    struct arena *arena;
};

static int open_req(nng_socket *s)
{
    int r = nng_req0_open(s);
    return r ? r : nng_socket_set_ms(*s, NNG_OPT_REQ_RESENDTIME, RESEND_MS);
}

int ask_open(struct ask **ret, const char *url, char *err, size_t err_cap)
{
    struct ask *a = calloc(1, sizeof(*a));
    if (a)
        a->arena = arena_new(CONTROL_ARENA);
    struct sock_opts o = {.send_timeout_ms = POLL_MS, .recv_timeout_ms = POLL_MS};
    int r = a && a->arena ? 0 : -ENOMEM;
    if (r < 0)
        snprintf(err, err_cap, "no memory for %s", url);
    else
        r = sock_open(&a->sock, open_req, url, false, &o, err, err_cap);
    if (r < 0) {
        if (a)
            arena_free(a->arena);
        free(a);
        return r;
    }
    sock_keep(&a->kept);
    *ret = a;
    return 0;
}

static nng_duration ms_until(int64_t end_us)
{
    int64_t left = end_us - mono_now_us();
    return left < US_PER_MS ? 1 : (nng_duration)(left / US_PER_MS);
}

Callmesh__V1__ControlReply *ask_call(struct ask *a, const Callmesh__V1__ControlRequest *q,
                                     int64_t timeout_us)
{
    thread_must_own(&a->owner);
    arena_reset(a->arena);
    int64_t end = mono_now_us() + timeout_us;
    size_t n = callmesh__v1__control_request__get_packed_size(q);
    nng_msg *m = n <= BUS_MESSAGE_MAX ? sock_msg(NULL, n) : NULL;
    if (!m)
        return NULL;
    callmesh__v1__control_request__pack(q, nng_msg_body(m));
    nng_socket_set_ms(a->sock, NNG_OPT_SENDTIMEO, ms_until(end));
    if (!sock_send(a->sock, m, 0))
        return NULL;
    nng_socket_set_ms(a->sock, NNG_OPT_RECVTIMEO, ms_until(end));
    m = sock_recv_reply(a->sock); // this also ends the request: a late reply is dropped by nng
    if (!m)
        return NULL;
    ProtobufCAllocator al = bus_arena_allocator(a->arena);
    Callmesh__V1__ControlReply *r =
        callmesh__v1__control_reply__unpack(&al, nng_msg_len(m), nng_msg_body(m));
    sock_free(m);
    return r;
}

// ---- server -------------------------------------------------------------------------------------------------------

struct answer {
    struct sock_kept kept;
    nng_socket sock;
    int fd; // readable when a request is there
    struct thread thread;
    struct arena *arena;
    answer_fn fn;
    void *ctx;
};

static nng_msg *reply_to(struct answer *s, struct span request)
{
    static char unreadable[] = "not a request", too_large[] = "the reply is too large";
    arena_reset(s->arena);
    ProtobufCAllocator al = bus_arena_allocator(s->arena);
    Callmesh__V1__ControlReply r = CALLMESH__V1__CONTROL_REPLY__INIT;
    const Callmesh__V1__ControlRequest *q =
        callmesh__v1__control_request__unpack(&al, request.n, request.p);
    char refusal[160];
    if (!q) {
        r.error = unreadable;
    } else if (!bus_speaks(q->protocol_version)) {
        snprintf(refusal, sizeof(refusal), "%s", bus_version_refusal(q->protocol_version));
        r.error = refusal;
    } else
        s->fn(s->ctx, q, &r, s->arena);
    size_t n = callmesh__v1__control_reply__get_packed_size(&r);
    if (n > BUS_MESSAGE_MAX) {
        log_warn("control reply too large", "bytes=%zu limit=%u", n, BUS_MESSAGE_MAX);
        r = (Callmesh__V1__ControlReply)CALLMESH__V1__CONTROL_REPLY__INIT;
        r.error = too_large;
        n = callmesh__v1__control_reply__get_packed_size(&r);
    }
    nng_msg *m = sock_msg(NULL, n);
    if (!m)
        return NULL;
    callmesh__v1__control_reply__pack(&r, nng_msg_body(m));
    return m;
}

static void answer_body(struct thread *t, void *arg)
{
    struct answer *s = arg;
    while (!thread_should_stop(t)) {
        nng_msg *m = sock_recv(s->sock, s->fd, POLL_MS * US_PER_MS);
        if (!m)
            continue;
        nng_msg *reply = reply_to(s, span_of(nng_msg_body(m), nng_msg_len(m)));
        sock_free(m);
        sock_send(s->sock, reply, 0);
    }
}

static int open_rep(nng_socket *s)
{
    return nng_rep0_open(s);
}

static int open_answer(struct answer **ret, const char *url, bool to_all, answer_fn fn, void *ctx,
                       char *err, size_t err_cap)
{
    struct answer *s = calloc(1, sizeof(*s));
    if (s)
        s->arena = arena_new(ANSWER_ARENA);
    struct sock_opts o = {.send_timeout_ms = POLL_MS, .to_all = to_all};
    int r = s && s->arena ? 0 : -ENOMEM;
    if (r < 0) {
        snprintf(err, err_cap, "no memory for %s", url);
    } else {
        s->fn = fn;
        s->ctx = ctx;
        r = sock_open(&s->sock, open_rep, url, true, &o, err, err_cap);
        if (r == 0)
            r = sock_recv_fd(&s->fd, s->sock, url, err, err_cap);
        if (r == 0) {
            r = thread_start(&s->thread, "bus-answer", answer_body, s);
            if (r < 0)
                snprintf(err, err_cap, "thread for %s: %s", url, strerror(-r));
        }
    }
    if (r < 0) {
        if (s)
            arena_free(s->arena);
        free(s);
        return r;
    }
    sock_keep(&s->kept);
    *ret = s;
    return 0;
}

int answer_open(struct answer **ret, const char *url, answer_fn fn, void *ctx, char *err,
                size_t err_cap)
{
    return open_answer(ret, url, false, fn, ctx, err, err_cap);
}

int answer_open_to_all(struct answer **ret, const char *url, answer_fn fn, void *ctx, char *err,
                       size_t err_cap)
{
    return open_answer(ret, url, true, fn, ctx, err, err_cap);
}

void answer_stop(struct answer *a)
{
    if (a)
        thread_join(&a->thread);
}

// The consumer's half of feeds. Three threads: one takes envelopes from SUB, one takes Asks from REP, the owner takes
// both out of one bounded queue, in order for each publisher. One lock, held per envelope and per Ask.
//
// A reply is held back (up to HOLD_US, one for each publisher) when the queue has no room for what the publisher would
// send next, or when it waits for a commit that has not come yet. REP is used raw, so a held reply is 12 bytes of header
// in the account and no thread or context waits for it; whoever commits or makes room sends it.
// A little over 450 lines: the threads share one lock and one struct, and who is allowed stands in border.c already.
#include "bus.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>

#include "account.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/thread.h"
#include "border.h"
#include "count.h"
#include "envelope.h"
#include "queue.h"
#include "sock.h"

#define PUBLISHERS_DEFAULT  64u
#define PUBLISHERS_MAX      4096u
#define CURSORS             4096u // of publishers that are not here now
#define QUEUE_DEFAULT       256u
#define QUEUE_BYTES_DEFAULT (UINT64_C(16) << 20)
#define ARENA_DEFAULT       (UINT64_C(8) << 20)
#define SUB_QUEUE           256 // messages of at most 64 kB: 16 MiB
#define REP_QUEUE           64
#define HOLD_US             (200 * US_PER_MS)
#define POLL_US             (100 * US_PER_MS) // how soon a stop is seen
#define HOLD_POLL_US        (20 * US_PER_MS)  // the same, while a reply is held back

struct feed_sub {
    char name[64];
    nng_socket sub, rep;
    int sub_fd, rep_fd; // readable when a message is there
    struct thread sub_thread, ask_thread;
    struct stat_cell *cells;
    bool outside;               // it has wss:// listeners: who comes by them has to sign
    struct arena *arena;        // owner thread
    Callmesh__V1__Envelope env; // owner thread: of the message handed out
    bool handed;                // owner thread: the queue's front is in the owner's hands

    pthread_mutex_t lock;   // everything below
    pthread_cond_t arrived; // for the owner
    pthread_cond_t armed_cond;
    bool armed, stopping; // armed: the owner has set its cursors and calls feed_sub_next
    struct accounts *accounts;
    struct queue *queue;
    uint32_t held; // replies held back
    feed_orders_fn orders;
    void *orders_ctx;
    uint8_t order[BUS_ORDERS_MAX];
    uint8_t reply[BUS_ORDERS_MAX + 256];
    struct sock_kept kept;
};

// ---- replies ------------------------------------------------------------------------------------------------------

static void send_reply(struct feed_sub *s, const uint8_t *header, size_t header_len,
                       Callmesh__V1__AskReply *r, uint8_t *buf, size_t cap)
{
    size_t n = callmesh__v1__ask_reply__get_packed_size(r);
    must(n <= cap);
    callmesh__v1__ask_reply__pack(r, buf);
    nng_msg *m = sock_msg(buf, n);
    if (m && nng_msg_header_append(m, header, header_len) != 0) {
        sock_free(m);
        m = NULL;
    }
    sock_send(s->rep, m, NNG_FLAG_NONBLOCK); // lost: the publisher asks again
}

static void send_error(struct feed_sub *s, nng_msg *q, const char *why)
{
    char text[100];
    uint8_t buf[256];
    snprintf(text, sizeof(text), "%s", why);
    Callmesh__V1__AskReply r = CALLMESH__V1__ASK_REPLY__INIT;
    r.received_at_us = wall_now_us();
    r.error = text;
    send_reply(s, nng_msg_header(q), nng_msg_header_len(q), &r, buf, sizeof(buf));
}

// Locked. A level, not an edge: whoever missed a reply, or began anew, has another version and is told again.
static void add_orders(struct feed_sub *s, const struct account *ac, Callmesh__V1__AskReply *r)
{
    size_t n = 0;
    if (!s->orders)
        return;
    r->orders_version =
        s->orders(s->orders_ctx, ac->site, ac->orders_have, s->order, sizeof(s->order), &n);
    if (r->orders_version != ac->orders_have)
        r->orders = (ProtobufCBinaryData){n, s->order};
}

// Locked. Tells the publisher where we are.
static void release(struct feed_sub *s, struct account *ac, int64_t mono_us)
{
    Callmesh__V1__AskReply r = CALLMESH__V1__ASK_REPLY__INIT;
    r.committed_seq = ac->committed_seq;
    r.next_seq = ac->next_seq;
    r.backfill = account_wants_backfill(ac, mono_us);
    r.received_at_us = ac->held.received_at_us;
    add_orders(s, ac, &r);
    ac->told_committed = ac->committed_seq;
    ac->held.set = false;
    s->held--;
    send_reply(s, ac->held.header, ac->held.header_len, &r, s->reply, sizeof(s->reply));
}

// Locked. Holds the reply, or sends it at once.
static void hold(struct feed_sub *s, struct account *ac, const nng_msg *q, bool waiting,
                 int64_t mono_us, int64_t wall_us)
{
    if (!ac->held.set)
        s->held++; // else the publisher has asked again: the older request is forgotten
    ac->held = (struct held){.set = true,
                             .header_len = nng_msg_header_len(q),
                             .until_us = mono_us + HOLD_US,
                             .received_at_us = wall_us};
    union {
        const nng_msg *in;
        nng_msg *out; // nng's getter takes no const
    } u = {.in = q};
    memcpy(ac->held.header, nng_msg_header(u.out), ac->held.header_len);
    bool more = account_wants_backfill(ac, mono_us);
    bool news = ac->committed_seq > ac->told_committed;
    ac->held.for_room = more && !queue_roomy(s->queue);
    bool for_commit = !more && waiting && !news && ac->committed_seq + 1 < ac->next_seq;
    if (!ac->held.for_room && !for_commit)
        release(s, ac, mono_us);
}

// Locked. Those whose time is over, or whose room has come.
static void release_due(struct feed_sub *s, int64_t mono_us)
{
    bool roomy = queue_roomy(s->queue);
    for (uint32_t i = 0; s->held > 0 && i < accounts_max(s->accounts); i++) {
        struct account *ac = accounts_at(s->accounts, i);
        if (ac && ac->held.set && ((ac->held.for_room && roomy) || mono_us >= ac->held.until_us))
            release(s, ac, mono_us);
    }
}

// ---- threads ------------------------------------------------------------------------------------------------------

static bool wait_armed(struct feed_sub *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->armed && !s->stopping)
        pthread_cond_wait(&s->armed_cond, &s->lock);
    bool go = !s->stopping;
    pthread_mutex_unlock(&s->lock);
    return go;
}

static void on_ask(struct feed_sub *s, nng_msg *q)
{
    struct ask_msg a;
    const char *error = NULL;
    int64_t mono = mono_now_us(), wall = wall_now_us();
    size_t header = nng_msg_header_len(q);
    if (header == 0 || header > ACCOUNT_REPLY_HEADER_MAX) {
        count_add(&s->cells[IN_DROP_BAD], 1);
        return;
    }
    if (!ask_read(span_of(nng_msg_body(q), nng_msg_len(q)), &a)) {
        count_add(&s->cells[IN_DROP_BAD], 1);
        send_error(s, q, "not an Ask");
        return;
    }
    if (!bus_speaks(a.version)) {
        count_add(&s->cells[IN_DROP_VERSION], 1);
        send_error(s, q, bus_version_refusal(a.version));
        return;
    }
    if (s->outside && !border_ask(s->cells, q, &a, &error)) {
        send_error(s, q, error);
        return;
    }
    pthread_mutex_lock(&s->lock);
    struct account *ac = accounts_on_ask(s->accounts, &a, mono, wall, &error);
    if (ac) {
        account_on_backfill(s->accounts, ac, &a);
        if (queue_count(s->queue) > 0)
            pthread_cond_signal(&s->arrived);
        hold(s, ac, q, a.waiting, mono, wall);
    }
    pthread_mutex_unlock(&s->lock);
    if (!ac) {
        count_add(&s->cells[IN_DROP_REFUSED], 1);
        send_error(s, q, error);
    }
}

static void ask_body(struct thread *t, void *arg)
{
    struct feed_sub *s = arg;
    if (!wait_armed(s))
        return;
    bool holding = false; // only this thread holds replies back
    while (!thread_should_stop(t)) {
        nng_msg *q = sock_recv(s->rep, s->rep_fd, holding ? HOLD_POLL_US : POLL_US);
        if (q) {
            on_ask(s, q);
            sock_free(q);
        }
        pthread_mutex_lock(&s->lock);
        if (s->held > 0)
            release_due(s, mono_now_us());
        holding = s->held > 0;
        pthread_mutex_unlock(&s->lock);
    }
}

static void on_live(struct feed_sub *s, nng_msg *m)
{
    struct span bytes = span_of(nng_msg_body(m), nng_msg_len(m));
    struct envelope e;
    if (bytes.n > BUS_MESSAGE_MAX || !envelope_read(bytes, &e)) {
        count_add(&s->cells[IN_DROP_BAD], 1);
        return;
    }
    if (!bus_speaks(e.version)) {
        count_add(&s->cells[IN_DROP_VERSION], 1);
        return;
    }
    if (s->outside && !border_live(s->cells, m, &e))
        return;
    pthread_mutex_lock(&s->lock);
    accounts_on_live(s->accounts, &e, bytes);
    if (queue_count(s->queue) > 0)
        pthread_cond_signal(&s->arrived);
    pthread_mutex_unlock(&s->lock);
}

static void sub_body(struct thread *t, void *arg)
{
    struct feed_sub *s = arg;
    if (!wait_armed(s))
        return;
    while (!thread_should_stop(t)) {
        nng_msg *m = sock_recv(s->sub, s->sub_fd, POLL_US);
        if (!m)
            continue;
        on_live(s, m);
        sock_free(m);
    }
}

// ---- the owner's side ---------------------------------------------------------------------------------------------

// Locked. Lets go of what was handed out; room may free a publisher.
static void give_back(struct feed_sub *s)
{
    if (!s->handed)
        return;
    s->handed = false;
    queue_pop(s->queue);
    stat_set(&s->cells[IN_QUEUE_BYTES], queue_bytes_used(s->queue));
    stat_set(&s->cells[IN_QUEUE_MESSAGES], queue_count(s->queue));
    if (s->held > 0 && queue_roomy(s->queue))
        release_due(s, mono_now_us());
}

static char *text_of(struct feed_sub *s, struct span v)
{
    char *p = arena_take(s->arena, v.n + 1);
    must(p);
    memcpy(p, v.p, v.n);
    p[v.n] = 0;
    return p;
}

static ProtobufCBinaryData bytes_of(struct span v)
{
    union {
        const uint8_t *in;
        uint8_t *out; // protobuf-c has no const here; nobody writes through it
    } u = {.in = v.p};
    return (ProtobufCBinaryData){.len = v.n, .data = u.out};
}

static void fill(struct feed_sub *s, const struct queue_note *note, struct span bytes,
                 struct feed_msg *ret)
{
    struct envelope e;
    must(envelope_read(bytes, &e)); // it was read once before it went into the queue
    if (e.more)
        count_add(&s->cells[IN_UNKNOWN_FIELDS], 1);
    arena_reset(s->arena);
    callmesh__v1__envelope__init(&s->env);
    s->env.protocol_version = (uint32_t)e.version;
    s->env.publisher = text_of(s, e.publisher);
    s->env.incarnation = bytes_of(e.incarnation);
    s->env.epoch = e.epoch;
    s->env.seq = e.seq;
    s->env.kind = (Callmesh__V1__Kind)e.kind;
    s->env.sent_at_us = e.sent_at_us;
    s->env.site = text_of(s, e.site);
    s->env.payload = bytes_of(e.payload);
    s->env.first_of_epoch = e.first_of_epoch;
    *ret = (struct feed_msg){.slot = note->slot,
                             .env = &s->env,
                             .payload = e.payload,
                             .new_epoch = note->new_epoch,
                             .lost_before = note->lost_before};
}

int feed_sub_next(struct feed_sub *s, int64_t timeout_us, struct feed_msg *ret)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t ns = end.tv_nsec + timeout_us % US_PER_S * 1000;
    end.tv_sec += timeout_us / US_PER_S + ns / 1000000000;
    end.tv_nsec = ns % 1000000000;

    struct queue_note note;
    struct span bytes;
    pthread_mutex_lock(&s->lock);
    if (!s->armed) {
        s->armed = true;
        pthread_cond_broadcast(&s->armed_cond);
    }
    give_back(s);
    bool got;
    while (!(got = queue_front(s->queue, &note, &bytes)) && !s->stopping)
        if (pthread_cond_timedwait(&s->arrived, &s->lock, &end) != 0)
            break;
    if (!got)
        got = queue_front(s->queue, &note, &bytes);
    s->handed = got;
    pthread_mutex_unlock(&s->lock);
    if (!got)
        return 0;
    fill(s, &note, bytes, ret);
    return 1;
}

void *feed_sub_unpack(struct feed_sub *s, const ProtobufCMessageDescriptor *d, struct span payload)
{
    ProtobufCAllocator al = bus_arena_allocator(s->arena);
    return protobuf_c_message_unpack(d, &al, payload.n, payload.p);
}

void *feed_sub_unpack_columns(struct feed_sub *s, const ProtobufCMessageDescriptor *d,
                              struct span payload, uint32_t first, struct span *ret, size_t n)
{
    size_t used;
    uint8_t *rest = arena_take(s->arena, payload.n + 1);
    if (!rest || !envelope_split(payload, first, ret, n, rest, &used))
        return NULL;
    return feed_sub_unpack(s, d, span_of(rest, used));
}

void feed_sub_commit(struct feed_sub *s, uint32_t slot, uint64_t seq)
{
    pthread_mutex_lock(&s->lock);
    struct account *ac = accounts_by_slot(s->accounts, slot);
    if (ac && account_commit(ac, seq) && ac->held.set && !ac->held.for_room)
        release(s, ac, mono_now_us());
    pthread_mutex_unlock(&s->lock);
}

void feed_sub_set_cursor(struct feed_sub *s, const char *publisher, struct span incarnation,
                         uint64_t committed_seq)
{
    pthread_mutex_lock(&s->lock);
    accounts_set_cursor(s->accounts, span_str(publisher), incarnation, committed_seq);
    pthread_mutex_unlock(&s->lock);
}

bool feed_sub_peer(struct feed_sub *s, uint32_t slot, struct feed_sub_peer *ret)
{
    pthread_mutex_lock(&s->lock);
    const struct account *ac = accounts_by_slot(s->accounts, slot);
    if (ac) {
        *ret = (struct feed_sub_peer){.epoch = ac->epoch,
                                      .taken_seq = ac->next_seq - 1,
                                      .committed_seq = ac->committed_seq,
                                      .head_seq = ac->head_seq,
                                      .gaps = ac->gaps,
                                      .backfilled = ac->backfilled,
                                      .lost = ac->lost,
                                      .last_seen_us = ac->seen_wall_us,
                                      .clock_offset_us = ac->clock_offset_us};
        memcpy(ret->publisher, ac->publisher, sizeof(ac->publisher));
        memcpy(ret->site, ac->site, sizeof(ac->site));
        memcpy(ret->incarnation, ac->incarnation, sizeof(ac->incarnation));
    }
    pthread_mutex_unlock(&s->lock);
    return ac != NULL;
}

// ---- open and stop ------------------------------------------------------------------------------------------------

static int open_sub(nng_socket *s)
{
    int r = nng_sub0_open(s);
    return r ? r : nng_socket_set(*s, NNG_OPT_SUB_SUBSCRIBE, "", 0);
}

static int open_rep(nng_socket *s)
{
    return nng_rep0_open_raw(s);
}

static int open_parts(struct feed_sub *s, const struct feed_sub_opts *o, char *err, size_t err_cap)
{
    uint64_t bytes = o->queue_bytes ? o->queue_bytes : QUEUE_BYTES_DEFAULT;
    uint32_t places = o->publishers_max ? o->publishers_max : PUBLISHERS_DEFAULT;
    s->queue = queue_new(bytes < 2 * BUS_MESSAGE_MAX ? 2 * BUS_MESSAGE_MAX : bytes,
                         o->queue ? o->queue : QUEUE_DEFAULT);
    s->accounts = accounts_new(places > PUBLISHERS_MAX ? PUBLISHERS_MAX : places, CURSORS, s->queue,
                               s->cells);
    s->arena = arena_new(o->arena_bytes ? o->arena_bytes : ARENA_DEFAULT);
    if (!s->queue || !s->accounts || !s->arena) {
        snprintf(err, err_cap, "no memory for the feeds of %s", s->name);
        return -ENOMEM;
    }
    s->outside = (o->sub_url && strstr(o->sub_url, "wss://")) ||
                 (o->ask_url && strstr(o->ask_url, "wss://"));
    struct sock_opts sub = {.recv_buffer = SUB_QUEUE};
    struct sock_opts rep = {.send_buffer = REP_QUEUE};
    int r = sock_open(&s->rep, open_rep, o->ask_url, true, &rep, err, err_cap);
    if (r == 0)
        r = sock_open(&s->sub, open_sub, o->sub_url, true, &sub, err, err_cap);
    if (r == 0)
        r = sock_recv_fd(&s->rep_fd, s->rep, o->ask_url, err, err_cap);
    if (r == 0)
        r = sock_recv_fd(&s->sub_fd, s->sub, o->sub_url, err, err_cap);
    if (r < 0)
        return r;
    r = thread_start(&s->sub_thread, "bus-sub", sub_body, s);
    if (r == 0)
        r = thread_start(&s->ask_thread, "bus-rep", ask_body, s);
    if (r < 0)
        snprintf(err, err_cap, "threads for the feeds of %s: %s", s->name, strerror(-r));
    return r;
}

int feed_sub_open(struct feed_sub **ret, const struct feed_sub_opts *o, char *err, size_t err_cap)
{
    struct feed_sub *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    span_copy(span_str(o->name ? o->name : ""), s->name, sizeof(s->name));
    s->cells = count_in_cells();
    s->orders = o->orders;
    s->orders_ctx = o->orders_ctx;
    pthread_condattr_t ca;
    pthread_condattr_init(&ca);
    pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->arrived, &ca);
    pthread_cond_init(&s->armed_cond, &ca);
    pthread_condattr_destroy(&ca);
    sock_keep(&s->kept);
    int r = open_parts(s, o, err, err_cap);
    if (r < 0) {
        feed_sub_stop(s); // ends a thread that has started; what nng may still hold stays
        return r;
    }
    *ret = s;
    return 0;
}

void feed_sub_stop(struct feed_sub *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    bool first = !s->stopping;
    s->stopping = true;
    pthread_cond_broadcast(&s->armed_cond);
    pthread_cond_broadcast(&s->arrived);
    pthread_mutex_unlock(&s->lock);
    if (!first)
        return;
    thread_join(&s->ask_thread);
    thread_join(&s->sub_thread);
}

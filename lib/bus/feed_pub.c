// The publisher's half of a feed. Two threads: the owner appends to the journal and publishes; the ask thread tells the
// consumer where the head is, sends what is missing, and learns what is committed. One lock, held per envelope.
//
// Live: each envelope goes out by PUB at once. Paused: nothing goes by PUB; the ask thread sends everything from the
// consumer's next_seq on, request by request, until the consumer has reached the head, then it is live again. So a
// publisher that is faster than its consumer is slowed to the consumer's pace by the replies, and wastes nothing.
#include "bus.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/reqrep0/req.h>

#include "base/fail.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/thread.h"
#include "count.h"
#include "envelope.h"
#include "journal.h"
#include "sock.h"

#define JOURNAL_DEFAULT  (UINT64_C(64) << 20)
#define PUB_QUEUE        256     // messages of at most 64 kB for a slow peer: 16 MiB
#define BACKFILL_MAX     900000u // bytes of envelopes in one Ask, at most
#define BACKFILL_MIN     16384u  // and when the consumer has little room
#define IDLE_US          (100 * US_PER_MS)
#define WAIT_SPACING_US  (1 * US_PER_MS) // between two Asks for someone who waits
#define REPLY_TIMEOUT_US (1 * US_PER_S)  // then the Ask is sent again
#define POLL_MS          50
#define CONNECTED_US     (3 * US_PER_S)
#define REDIAL_US        (5 * US_PER_S) // a peer that does not answer is dropped and dialled again
#define REFUSED_US       (2 * US_PER_S)
#define WARN_EVERY_US    (10 * US_PER_S)
#define OFFSET_AGE_US    (30 * US_PER_S)

struct feed_pub {
    char publisher[ENVELOPE_NAME_MAX + 1], site[ENVELOPE_SITE_MAX + 1];
    Callmesh__V1__Kind kind;
    bool wait_when_full;
    nng_socket pub, req;
    struct thread ask_thread;
    struct stat_cell *cells;
    uint8_t *scratch;    // BUS_MESSAGE_MAX, owner thread: packed payloads
    struct arena *arena; // ask thread: replies
    uint32_t ask_id;     // ask thread, and the next three: the envelopes of the last Ask
    uint64_t ask_from, ask_n;
    size_t ask_bytes, backfill_limit;
    int64_t refused_us, warned_us; // ask thread
    _Atomic int pub_pipe, req_pipe;

    pthread_mutex_t lock;    // everything below
    pthread_cond_t progress; // for those who wait for commits
    pthread_cond_t wake;     // for the ask thread
    struct journal *journal;
    bool stopping, live, known; // known: next_seq is what the consumer said
    uint32_t waiting;           // how many wait for commits
    uint64_t next_seq;          // consumer's
    uint64_t sent, backfilled;
    int64_t answered_us, asked_us, redialled_us; // monotonic
    int64_t offset_us, offset_rtt_us, offset_at_us;
    struct sock_kept kept;
};

static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

static void cond_wait_us(pthread_cond_t *c, pthread_mutex_t *m, int64_t us)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + us % US_PER_S * 1000;
    t.tv_sec += us / US_PER_S + ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    pthread_cond_timedwait(c, m, &t);
}

// ---- sending ------------------------------------------------------------------------------------------------------

static struct envelope envelope_of(const struct feed_pub *f, const struct journal_stat *st,
                                   struct span payload)
{
    return (struct envelope){.version = BUS_PROTOCOL_VERSION,
                             .publisher = span_str(f->publisher),
                             .incarnation = span_of(st->incarnation, sizeof(st->incarnation)),
                             .epoch = st->epoch,
                             .seq = st->head_seq + 1,
                             .kind = (uint64_t)f->kind,
                             .sent_at_us = wall_now_us(),
                             .site = span_str(f->site),
                             .payload = payload,
                             .first_of_epoch = f->sent == 0};
}

static void gauges(struct feed_pub *f, const struct journal_stat *st)
{
    stat_set(&f->cells[OUT_JOURNAL_BYTES], st->bytes_used);
    stat_set(&f->cells[OUT_JOURNAL_LIMIT], st->bytes);
    stat_set(&f->cells[OUT_UNCOMMITTED], st->head_seq - st->committed_seq);
}

// Locked. Appends, waiting for commits when that is the rule. 0, -ECANCELED, -EMSGSIZE.
static int append(struct feed_pub *f, struct span head, struct span payload)
{
    uint64_t lost = journal_stat(f->journal).overwritten;
    int r = journal_append(f->journal, head, payload);
    if (r == -EAGAIN)
        count_add(&f->cells[OUT_WAITS], 1);
    while (r == -EAGAIN && !f->stopping) {
        f->waiting++;
        pthread_cond_signal(&f->wake);
        cond_wait_us(&f->progress, &f->lock, IDLE_US);
        f->waiting--;
        r = journal_append(f->journal, head, payload);
    }
    if (r == -EAGAIN)
        return -ECANCELED;
    lost = journal_stat(f->journal).overwritten - lost;
    if (lost)
        count_add(&f->cells[OUT_JOURNAL_LOST], lost);
    return r;
}

int feed_pub_send_packed(struct feed_pub *f, struct span payload)
{
    uint8_t head[ENVELOPE_HEAD_MAX];
    if (payload.n > BUS_MESSAGE_MAX - ENVELOPE_HEAD_MAX)
        return -EMSGSIZE;
    pthread_mutex_lock(&f->lock);
    struct journal_stat st = journal_stat(f->journal);
    struct envelope e = envelope_of(f, &st, payload);
    struct span h = span_of(head, envelope_head(head, &e));
    int r = f->stopping ? -ECANCELED : append(f, h, payload);
    if (atomic_load(&f->pub_pipe) == 0)
        f->live = false; // nobody would hear it: the sure path carries it
    bool live = f->live;
    if (r == 0) {
        f->sent++;
        st = journal_stat(f->journal);
        gauges(f, &st);
        if (!live && f->known)
            pthread_cond_signal(&f->wake);
    }
    pthread_mutex_unlock(&f->lock);
    if (r < 0)
        return r;
    count_add(&f->cells[OUT_MESSAGES], 1);
    count_add(&f->cells[OUT_BYTES], h.n + payload.n);
    nng_msg *m;
    if (live && nng_msg_alloc(&m, h.n + payload.n) == 0) {
        memcpy(nng_msg_body(m), h.p, h.n);
        if (payload.n)
            memcpy((uint8_t *)nng_msg_body(m) + h.n, payload.p, payload.n);
        sock_send(f->pub, m, NNG_FLAG_NONBLOCK); // lost here is repaired by the sure path
    }
    return 0;
}

int feed_pub_send(struct feed_pub *f, const ProtobufCMessage *msg)
{
    size_t n = protobuf_c_message_get_packed_size(msg);
    if (n > BUS_MESSAGE_MAX - ENVELOPE_HEAD_MAX)
        return -EMSGSIZE;
    protobuf_c_message_pack(msg, f->scratch);
    return feed_pub_send_packed(f, span_of(f->scratch, n));
}

bool feed_pub_flush(struct feed_pub *f, int64_t timeout_us)
{
    int64_t end = mono_now_us() + timeout_us;
    pthread_mutex_lock(&f->lock);
    struct journal_stat st;
    while (st = journal_stat(f->journal), st.committed_seq < st.head_seq && !f->stopping) {
        int64_t left = end - mono_now_us();
        if (left <= 0)
            break;
        f->waiting++;
        pthread_cond_signal(&f->wake);
        cond_wait_us(&f->progress, &f->lock, left < IDLE_US ? left : IDLE_US);
        f->waiting--;
    }
    pthread_mutex_unlock(&f->lock);
    return st.committed_seq == st.head_seq;
}

// ---- the ask thread -----------------------------------------------------------------------------------------------

// Adds envelopes from `from` on. The lock is taken for each, so that the owner never waits for more than one copy.
// False: no memory.
static bool add_backfill(struct feed_pub *f, nng_msg *m, uint64_t from, uint64_t *ret_n)
{
    uint64_t n = 0;
    bool good = nng_msg_reserve(m, f->backfill_limit + ENVELOPE_HEAD_MAX) == 0;
    for (bool more = good; more;) {
        uint64_t seq;
        struct span s;
        uint8_t head[8];
        pthread_mutex_lock(&f->lock);
        more = journal_read(f->journal, from, &seq, &s) &&
               (n == 0 || nng_msg_len(m) + s.n < f->backfill_limit);
        if (more)
            good = nng_msg_append(m, head, ask_envelope_head(head, s.n)) == 0 &&
                   nng_msg_append(m, s.p, s.n) == 0;
        pthread_mutex_unlock(&f->lock);
        more = more && good;
        if (more) {
            n++;
            from = seq + 1;
        }
    }
    *ret_n = n;
    return good;
}

static nng_msg *build_ask(struct feed_pub *f)
{
    uint8_t head[ENVELOPE_HEAD_MAX];
    pthread_mutex_lock(&f->lock);
    struct journal_stat st = journal_stat(f->journal);
    uint64_t from = f->known && !f->live && f->next_seq <= st.head_seq ? f->next_seq : 0;
    struct ask_msg a = {.version = BUS_PROTOCOL_VERSION,
                        .publisher = span_str(f->publisher),
                        .incarnation = span_of(st.incarnation, sizeof(st.incarnation)),
                        .epoch = st.epoch,
                        .first_seq = st.first_seq,
                        .head_seq = st.head_seq,
                        .sent_at_us = wall_now_us(),
                        .site = span_str(f->site),
                        .kind = (uint64_t)f->kind,
                        .waiting = f->waiting > 0,
                        .paused = !f->live,
                        .committed_seq = st.committed_seq,
                        .clock_offset_us = f->offset_us,
                        .backfill_from = from};
    f->asked_us = mono_now_us();
    pthread_mutex_unlock(&f->lock);
    nng_msg *m = sock_msg(head, ask_head(head, &a));
    if (!m)
        return NULL;
    uint64_t n = 0;
    if (from) {
        if (!add_backfill(f, m, from, &n)) {
            nng_msg_free(m);
            return NULL;
        }
        count_add(&f->cells[OUT_BACKFILLED], n);
        pthread_mutex_lock(&f->lock);
        f->backfilled += n;
        pthread_mutex_unlock(&f->lock);
    }
    f->ask_from = from;
    f->ask_n = n;
    f->ask_bytes = nng_msg_len(m);
    f->ask_id++;
    if (nng_msg_header_append_u32(m, f->ask_id | 0x80000000u) != 0) {
        nng_msg_free(m);
        return NULL;
    }
    return m;
}

// The reply to the Ask with our current id, or NULL after the timeout or when its connection is gone. Replies to older
// ones are let go.
static Callmesh__V1__AskReply *await_reply(struct feed_pub *f, int pipe)
{
    int64_t end = mono_now_us() + REPLY_TIMEOUT_US;
    while (!thread_should_stop(&f->ask_thread) && mono_now_us() < end &&
           atomic_load(&f->req_pipe) == pipe) {
        nng_msg *m;
        if (nng_recvmsg(f->req, &m, 0) != 0)
            continue;
        uint32_t id = 0;
        bool mine = nng_msg_header_len(m) == 4 && nng_msg_header_trim_u32(m, &id) == 0 &&
                    id == (f->ask_id | 0x80000000u);
        Callmesh__V1__AskReply *reply = NULL;
        if (mine) {
            arena_reset(f->arena);
            ProtobufCAllocator al = bus_arena_allocator(f->arena);
            reply = callmesh__v1__ask_reply__unpack(&al, nng_msg_len(m), nng_msg_body(m));
        }
        nng_msg_free(m);
        if (reply)
            return reply;
    }
    return NULL;
}

static void refused(struct feed_pub *f, const char *why)
{
    int64_t now = mono_now_us();
    if (f->refused_us == 0)
        f->refused_us =
            now; // the name of a life that has just ended is refused for a second: nothing to say yet
    if (now - f->refused_us < REFUSED_US ||
        (f->warned_us != 0 && now - f->warned_us < WARN_EVERY_US))
        return;
    f->warned_us = now;
    log_warn("consumer refuses the feed, the journal keeps it", "publisher=%s reason=\"%s\"",
             f->publisher, why);
}

// The next Ask carries what the consumer had room for in this one, or twice that when it took all: little is sent in vain.
static void adapt(struct feed_pub *f, uint64_t next_seq)
{
    if (f->ask_n == 0)
        return;
    uint64_t taken = next_seq > f->ask_from ? next_seq - f->ask_from : 0;
    if (taken >= f->ask_n)
        f->backfill_limit *= 2;
    else
        f->backfill_limit = (size_t)(f->ask_bytes * taken / f->ask_n);
    if (f->backfill_limit > BACKFILL_MAX)
        f->backfill_limit = BACKFILL_MAX;
    if (f->backfill_limit < BACKFILL_MIN)
        f->backfill_limit = BACKFILL_MIN;
}

static void take_reply(struct feed_pub *f, const Callmesh__V1__AskReply *r)
{
    int64_t now = mono_now_us();
    pthread_mutex_lock(&f->lock);
    f->answered_us = now;
    int64_t rtt = now - f->asked_us;
    if (rtt <= f->offset_rtt_us || now - f->offset_at_us > OFFSET_AGE_US) {
        f->offset_us = wall_now_us() - rtt / 2 - r->received_at_us;
        f->offset_rtt_us = rtt;
        f->offset_at_us = now;
    }
    uint64_t head = journal_stat(f->journal).head_seq;
    const char *error = r->error && r->error[0] ? r->error : NULL;
    if (!error && (r->next_seq > head + 1 || r->next_seq == 0))
        error = "it has taken more than the journal holds: another journal was put in its place";
    if (error) {
        f->known = f->live = false;
    } else {
        journal_commit(f->journal, r->committed_seq);
        f->known = true;
        f->next_seq = r->next_seq;
        adapt(f, r->next_seq);
        if (r->next_seq == head + 1)
            f->live = atomic_load(&f->pub_pipe) != 0;
        else if (r->backfill)
            f->live = false;
        struct journal_stat st = journal_stat(f->journal);
        gauges(f, &st);
        pthread_cond_broadcast(&f->progress);
    }
    pthread_mutex_unlock(&f->lock);
    if (error)
        refused(f, error);
    else
        f->refused_us = 0;
}

// A path that has died without a word would stay open for minutes: drop it, nng dials again.
static void redial(struct feed_pub *f)
{
    int64_t now = mono_now_us();
    if (now - f->answered_us < REDIAL_US || now - f->redialled_us < REDIAL_US)
        return;
    f->redialled_us = now;
    _Atomic int *pipes[] = {&f->req_pipe, &f->pub_pipe};
    for (size_t i = 0; i < 2; i++) {
        int id = atomic_load(pipes[i]);
        if (id > 0)
            nng_pipe_close((nng_pipe){.id = (uint32_t)id});
    }
}

// Sleeps until there is something to say.
static void idle(struct feed_pub *f, bool answered)
{
    pthread_mutex_lock(&f->lock);
    int64_t next = f->asked_us + IDLE_US;
    while (!f->stopping) {
        struct journal_stat st = journal_stat(f->journal);
        bool behind = f->known && !f->live && f->next_seq <= st.head_seq;
        if (answered && behind)
            break;
        int64_t now = mono_now_us();
        bool wanted = answered && f->known && f->waiting > 0 && st.committed_seq < st.head_seq;
        int64_t at = wanted ? f->asked_us + WAIT_SPACING_US : next;
        if (now >= at)
            break;
        cond_wait_us(&f->wake, &f->lock, at - now);
    }
    pthread_mutex_unlock(&f->lock);
}

static void ask_body(struct thread *t, void *arg)
{
    struct feed_pub *f = arg;
    while (!thread_should_stop(t)) {
        nng_msg *m = build_ask(f);
        int pipe = atomic_load(&f->req_pipe);
        bool sent = sock_send(f->req, m, 0);
        Callmesh__V1__AskReply *r = sent ? await_reply(f, pipe) : NULL;
        if (r) {
            take_reply(f, r);
        } else {
            pthread_mutex_lock(&f->lock);
            f->known = f->live = false; // where it is we ask anew, without envelopes
            pthread_mutex_unlock(&f->lock);
            redial(f);
        }
        idle(f, r != NULL);
    }
}

// ---- open and stop ------------------------------------------------------------------------------------------------

static void on_pipe(nng_pipe p, nng_pipe_ev ev, void *arg)
{
    _Atomic int *id = arg;
    if (ev == NNG_PIPE_EV_ADD_POST)
        atomic_store(id, nng_pipe_id(p));
    else if (ev == NNG_PIPE_EV_REM_POST) {
        int mine = nng_pipe_id(p);
        atomic_compare_exchange_strong(id, &mine, 0);
    }
}

static void watch_pipes(nng_socket s, _Atomic int *id)
{
    nng_pipe_notify(s, NNG_PIPE_EV_ADD_POST, on_pipe, id);
    nng_pipe_notify(s, NNG_PIPE_EV_REM_POST, on_pipe, id);
}

static int open_pub(nng_socket *s)
{
    return nng_pub0_open(s);
}

static int open_req(nng_socket *s)
{
    return nng_req0_open_raw(s); // raw: the resending and the matching of replies is ours
}

static int open_sockets(struct feed_pub *f, const struct feed_pub_opts *o, char *err,
                        size_t err_cap)
{
    struct sock_opts pub = {.send_buffer = PUB_QUEUE};
    struct sock_opts req = {.send_timeout_ms = POLL_MS, .recv_timeout_ms = POLL_MS};
    int r = sock_open(&f->req, open_req, o->ask_url, false, &req, err, err_cap);
    if (r == 0)
        r = sock_open(&f->pub, open_pub, o->pub_url, false, &pub, err, err_cap);
    if (r < 0)
        return r;
    watch_pipes(f->req, &f->req_pipe);
    watch_pipes(f->pub, &f->pub_pipe);
    return 0;
}

int feed_pub_open(struct feed_pub **ret, const struct feed_pub_opts *o, char *err, size_t err_cap)
{
    if (!o->publisher || !o->publisher[0] || strlen(o->publisher) > ENVELOPE_NAME_MAX ||
        strlen(o->site ? o->site : "") > ENVELOPE_SITE_MAX) {
        snprintf(err, err_cap, "publisher and site: 1 to %d and at most %d bytes",
                 ENVELOPE_NAME_MAX, ENVELOPE_SITE_MAX);
        return -EINVAL;
    }
    struct feed_pub *f = calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    span_copy(span_str(o->publisher), f->publisher, sizeof(f->publisher));
    span_copy(span_str(o->site ? o->site : ""), f->site, sizeof(f->site));
    f->kind = o->kind;
    f->wait_when_full = o->wait_when_full;
    f->backfill_limit = BACKFILL_MIN;
    f->cells = count_out_cells(o->kind);
    f->answered_us = mono_now_us();
    pthread_mutex_init(&f->lock, NULL);
    cond_init(&f->progress);
    cond_init(&f->wake);
    f->scratch = malloc(BUS_MESSAGE_MAX);
    f->arena = arena_new(4096);
    int r = f->scratch && f->arena ? 0 : -ENOMEM;
    if (r < 0)
        snprintf(err, err_cap, "no memory for the feed %s", o->publisher);
    if (r == 0)
        r = journal_open(&f->journal, o->journal_path,
                         o->journal_bytes ? o->journal_bytes : JOURNAL_DEFAULT, o->wait_when_full,
                         err, err_cap);
    if (r == 0)
        r = open_sockets(f, o, err, err_cap);
    if (r == 0) {
        struct journal_stat st = journal_stat(f->journal);
        gauges(f, &st);
        if (st.damaged || st.reborn)
            log_warn("journal was damaged, what is missing will be shown as lost",
                     "publisher=%s damaged=%llu reborn=%d", f->publisher,
                     (unsigned long long)st.damaged, st.reborn);
        r = thread_start(&f->ask_thread, "bus-ask", ask_body, f);
        if (r < 0)
            snprintf(err, err_cap, "thread for the feed %s: %s", o->publisher, strerror(-r));
    }
    if (r < 0) {
        journal_free(f->journal);
        arena_free(f->arena);
        free(f->scratch);
        free(f);
        return r;
    }
    sock_keep(&f->kept);
    *ret = f;
    return 0;
}

void feed_pub_stop(struct feed_pub *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    bool first = !f->stopping;
    f->stopping = true;
    pthread_cond_broadcast(&f->progress);
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (!first)
        return;
    thread_join(&f->ask_thread);
    pthread_mutex_lock(&f->lock);
    journal_close(f->journal);
    pthread_mutex_unlock(&f->lock);
}

struct feed_pub_stat feed_pub_stat(struct feed_pub *f)
{
    pthread_mutex_lock(&f->lock);
    struct journal_stat st = journal_stat(f->journal);
    struct feed_pub_stat s = {.head_seq = st.head_seq,
                              .first_seq = st.first_seq,
                              .committed_seq = st.committed_seq,
                              .epoch = st.epoch,
                              .sent = f->sent,
                              .backfilled = f->backfilled,
                              .overwritten = st.overwritten,
                              .journal_bytes_used = st.bytes_used,
                              .connected =
                                  f->known && mono_now_us() - f->answered_us < CONNECTED_US};
    pthread_mutex_unlock(&f->lock);
    return s;
}

// The publisher's ask thread: says where the head is, sends what is missing, learns what is committed.
//
// Live: each envelope goes out by PUB at once (feed_pub.c). Paused: nothing goes by PUB; this thread sends everything from
// the consumer's next_seq on, request by request, until the consumer has reached the head, then it is live again. So a
// publisher that is faster than its consumer is slowed to the consumer's pace by the replies, and wastes little.
#include "feed_pub_impl.h"

#include <string.h>
#include "base/log.h"

#define WAIT_SPACING_US  (1 * US_PER_MS) // between two Asks for someone who waits
#define REPLY_TIMEOUT_US (1 * US_PER_S)  // then the Ask is sent again
#define REDIAL_US        (5 * US_PER_S)  // a peer that does not answer is dropped and dialled again
#define REFUSED_US       (2 * US_PER_S)  // a refusal is worth a word only when it lasts
#define WARN_EVERY_US    (10 * US_PER_S)
#define OFFSET_AGE_US    (30 * US_PER_S) // the best round trip is searched anew

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
                        .backfill_from = from,
                        .ask_no = ++f->ask_no,
                        .orders_version = f->keeps_orders ? f->orders_kept : f->orders_version};
    pthread_mutex_unlock(&f->lock);
    uint8_t signature[ENVELOPE_SIGNATURE];
    if (f->sign) {
        sign_ask(&a, signature);
        a.signature = span_of(signature, sizeof(signature));
    }
    nng_msg *m = sock_msg(head, ask_head(head, &a));
    if (!m)
        return NULL;
    uint64_t n = 0;
    if (from) {
        if (!add_backfill(f, m, from, &n)) {
            sock_free(m);
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
        sock_free(m);
        return NULL;
    }
    return m;
}

// The reply to the Ask with our current id, or NULL after the timeout or when its connection is gone. Replies to older
// ones are let go.
static Callmesh__V1__AskReply *await_reply(struct feed_pub *f, unsigned gone)
{
    int64_t end = mono_now_us() + REPLY_TIMEOUT_US;
    while (!thread_should_stop(&f->ask_thread) && mono_now_us() < end &&
           atomic_load(&f->req_pipes.gone) == gone) {
        nng_msg *m = sock_recv(f->req, f->req_fd, FEED_POLL_MS * US_PER_MS);
        if (!m)
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
        sock_free(m);
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
    if (f->backfill_limit > FEED_BACKFILL_MAX)
        f->backfill_limit = FEED_BACKFILL_MAX;
    if (f->backfill_limit < FEED_BACKFILL_MIN)
        f->backfill_limit = FEED_BACKFILL_MIN;
}

// Locked.
static void take_orders(struct feed_pub *f, const Callmesh__V1__AskReply *r)
{
    if (r->orders_version == 0 || r->orders_version == f->orders_version ||
        r->orders.len > sizeof(f->orders))
        return;
    if (r->orders.len)
        memcpy(f->orders, r->orders.data, r->orders.len);
    f->orders_n = r->orders.len;
    f->orders_version = r->orders_version;
}

const Callmesh__V1__Orders *feed_pub_orders(struct feed_pub *f, uint64_t *have)
{
    const Callmesh__V1__Orders *o = NULL;
    pthread_mutex_lock(&f->lock);
    if (f->orders_version != *have) {
        arena_reset(f->order_arena);
        ProtobufCAllocator al = bus_arena_allocator(f->order_arena);
        o = callmesh__v1__orders__unpack(&al, f->orders_n, f->orders);
        *have = f->orders_version; // unreadable: the same would come again
    }
    pthread_mutex_unlock(&f->lock);
    return o;
}

void feed_pub_orders_kept(struct feed_pub *f, uint64_t version)
{
    pthread_mutex_lock(&f->lock);
    f->orders_kept = version;
    pthread_mutex_unlock(&f->lock);
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
        take_orders(f, r);
        adapt(f, r->next_seq);
        if (r->next_seq == head + 1)
            f->live = sock_connected(&f->pub_pipes);
        else if (r->backfill)
            f->live = false;
        struct journal_stat st = journal_stat(f->journal);
        feed_pub_gauges(f, &st);
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
    sock_drop(&f->req_pipes);
    sock_drop(&f->pub_pipes);
}

// Sleeps until there is something to say.
static void idle(struct feed_pub *f, bool answered, bool connected)
{
    pthread_mutex_lock(&f->lock);
    int64_t began = connected ? f->asked_us : mono_now_us();
    while (!f->stopping) {
        struct journal_stat st = journal_stat(f->journal);
        bool behind = f->known && !f->live && f->next_seq <= st.head_seq;
        if (answered && behind)
            break;
        int64_t now = mono_now_us();
        bool open = st.committed_seq < st.head_seq;
        int64_t at = began + FEED_IDLE_US;
        if (!connected)
            at = began + FEED_POLL_MS * US_PER_MS; // soon after nng has dialled
        else if (answered && f->known && f->waiting > 0 && open)
            at = began + WAIT_SPACING_US;
        else if (answered && f->known && !open)
            at = began + FEED_QUIET_US;
        if (now >= at)
            break;
        f->quiet = at - began > FEED_IDLE_US;
        feed_pub_wait_us(&f->wake, &f->lock, at - now);
    }
    f->quiet = false;
    pthread_mutex_unlock(&f->lock);
}

void feed_ask_body(struct thread *t, void *arg)
{
    struct feed_pub *f = arg;
    while (!thread_should_stop(t)) {
        unsigned gone = atomic_load(&f->req_pipes.gone);
        bool connected = sock_connected(&f->req_pipes);
        nng_msg *m = connected ? build_ask(f) : NULL; // a send without a peer would only time out
        pthread_mutex_lock(&f->lock);
        f->asked_us = mono_now_us();
        pthread_mutex_unlock(&f->lock);
        bool sent = sock_send(f->req, m, 0);
        Callmesh__V1__AskReply *r = sent ? await_reply(f, gone) : NULL;
        if (r) {
            take_reply(f, r);
        } else {
            pthread_mutex_lock(&f->lock);
            f->known = f->live = false; // where it is we ask anew, without envelopes
            pthread_mutex_unlock(&f->lock);
            redial(f);
        }
        idle(f, r != NULL, connected);
    }
}

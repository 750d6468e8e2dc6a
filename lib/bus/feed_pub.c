// The publisher's half of a feed. The owner appends to the journal and, when that is in memory, publishes (this file); the
// ask thread talks with the consumer (feed_ask.c); with a journal on disk the sync thread publishes what has become
// durable (feed_sync.c). One lock, held per envelope.
#include "feed_pub_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/reqrep0/req.h>

#include "base/log.h"
#include "base/mem.h"

#define JOURNAL_DEFAULT (UINT64_C(64) << 20)
#define PUB_QUEUE       256 // messages of at most 64 kB for a slow peer: 16 MiB
#define CONNECTED_US    (3 * US_PER_S)

static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t a;
    pthread_condattr_init(&a);
    pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    pthread_cond_init(c, &a);
    pthread_condattr_destroy(&a);
}

void feed_pub_wait_us(pthread_cond_t *c, pthread_mutex_t *m, int64_t us)
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
                             .seq = st->next_seq,
                             .kind = (uint64_t)f->kind,
                             .sent_at_us = wall_now_us(),
                             .site = span_str(f->site),
                             .payload = payload,
                             .first_of_epoch = f->sent == 0};
}

void feed_pub_gauges(struct feed_pub *f, const struct journal_stat *st)
{
    stat_set(&f->cells[OUT_JOURNAL_BYTES], st->bytes_used);
    stat_set(&f->cells[OUT_JOURNAL_LIMIT], st->bytes);
    stat_set(&f->cells[OUT_UNCOMMITTED], st->next_seq - 1 - st->committed_seq);
    count_add(&f->cells[OUT_JOURNAL_LOST], st->overwritten - f->lost);
    count_add(&f->cells[OUT_SYNCS], st->syncs - f->syncs);
    count_add(&f->cells[OUT_IO_FAILED], st->io_failed - f->io_failed);
    f->lost = st->overwritten;
    f->syncs = st->syncs;
    f->io_failed = st->io_failed;
}

// Locked. Appends, waiting for commits when that is the rule. 0, -ECANCELED, -EMSGSIZE.
static int append(struct feed_pub *f, struct span head, struct span payload)
{
    int r = journal_append(f->journal, head, payload);
    if (r == -EAGAIN)
        count_add(&f->cells[OUT_WAITS], 1);
    while (r == -EAGAIN && !f->stopping) {
        f->waiting++;
        pthread_cond_signal(&f->wake);
        feed_pub_wait_us(&f->progress, &f->lock, FEED_IDLE_US);
        f->waiting--;
        r = journal_append(f->journal, head, payload);
    }
    return r == -EAGAIN ? -ECANCELED : r;
}

void feed_pub_publish(struct feed_pub *f, struct span head, struct span payload)
{
    nng_msg *m = sock_msg(NULL, head.n + payload.n);
    if (!m)
        return;
    memcpy(nng_msg_body(m), head.p, head.n);
    if (payload.n)
        memcpy((uint8_t *)nng_msg_body(m) + head.n, payload.p, payload.n);
    sock_send(f->pub, m, NNG_FLAG_NONBLOCK); // lost here is repaired by the sure path
}

void feed_pub_wake_ask(struct feed_pub *f, bool live)
{
    if ((!live && f->known) || f->quiet)
        pthread_cond_signal(&f->wake);
    f->quiet = false;
}

// Locked. Something was appended: who is to carry it on hears of it.
static void wake_carrier(struct feed_pub *f, bool live)
{
    if (f->on_disk && (f->sync_idle || journal_turn_due(f->journal)))
        pthread_cond_signal(&f->sync_wake);
    else if (!f->on_disk)
        feed_pub_wake_ask(f, live);
}

int feed_pub_send_packed(struct feed_pub *f, struct span payload)
{
    uint8_t head[ENVELOPE_HEAD_MAX];
    if (payload.n > BUS_MESSAGE_MAX - ENVELOPE_HEAD_MAX)
        return -EMSGSIZE;
    pthread_mutex_lock(&f->lock);
    struct journal_stat st = journal_stat(f->journal);
    struct envelope e = envelope_of(f, &st, payload);
    uint8_t signature[ENVELOPE_SIGNATURE];
    if (f->sign) {
        sign_envelope(&e, signature);
        e.signature = span_of(signature, sizeof(signature));
    }
    struct span h = span_of(head, envelope_head(head, &e));
    int r = f->stopping ? -ECANCELED : append(f, h, payload);
    if (!sock_connected(&f->pub_pipes))
        f->live = false; // nobody would hear it: the sure path carries it
    bool live = f->live;
    if (r == 0) {
        f->sent++;
        st = journal_stat(f->journal);
        feed_pub_gauges(f, &st);
        wake_carrier(f, live);
    }
    pthread_mutex_unlock(&f->lock);
    if (r < 0)
        return r;
    count_add(&f->cells[OUT_MESSAGES], 1);
    count_add(&f->cells[OUT_BYTES], h.n + payload.n);
    if (live && !f->on_disk)
        feed_pub_publish(f, h, payload);
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
    while (st = journal_stat(f->journal), st.committed_seq + 1 < st.next_seq && !f->stopping) {
        int64_t left = end - mono_now_us();
        if (left <= 0)
            break;
        f->waiting++;
        pthread_cond_signal(&f->wake);
        feed_pub_wait_us(&f->progress, &f->lock, left < FEED_IDLE_US ? left : FEED_IDLE_US);
        f->waiting--;
    }
    pthread_mutex_unlock(&f->lock);
    return st.committed_seq + 1 == st.next_seq;
}

// ---- open and stop ------------------------------------------------------------------------------------------------

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
    struct sock_opts pub = {.send_buffer = PUB_QUEUE, .pipes = &f->pub_pipes};
    struct sock_opts req = {.send_timeout_ms = FEED_POLL_MS, .pipes = &f->req_pipes};
    int r = sock_open(&f->req, open_req, o->ask_url, false, &req, err, err_cap);
    if (r == 0)
        r = sock_recv_fd(&f->req_fd, f->req, o->ask_url, err, err_cap);
    if (r == 0)
        r = sock_open(&f->pub, open_pub, o->pub_url, false, &pub, err, err_cap);
    if (r < 0)
        return r;
    return 0;
}

// What callstate stores is durable before anyone sees it; of media a power cut may cost the last second.
static int open_journal(struct feed_pub *f, const struct feed_pub_opts *o, char *err,
                        size_t err_cap)
{
    struct journal_opts j = {.path = o->journal_path,
                             .bytes = o->journal_bytes ? o->journal_bytes : JOURNAL_DEFAULT,
                             .keep = o->wait_when_full,
                             .sync = o->kind != CALLMESH__V1__KIND__KIND_RTP};
    f->on_disk = o->journal_path != NULL;
    f->keeps_orders = o->keeps_orders;
    int r = journal_open(&f->journal, &j, err, err_cap);
    if (r < 0)
        return r;
    struct journal_stat st = journal_stat(f->journal);
    feed_pub_gauges(f, &st);
    if (st.damaged)
        log_warn("journal was damaged, what is missing will be shown as lost",
                 "publisher=%s damaged=%llu power_cut=%d", f->publisher,
                 (unsigned long long)st.damaged, st.after_power_cut);
    if (st.io_failed)
        log_warn("journal got less room than it was set to", "publisher=%s", f->publisher);
    return 0;
}

static int start_threads(struct feed_pub *f, char *err, size_t err_cap)
{
    int r = f->on_disk ? thread_start(&f->sync_thread, "bus-sync", feed_sync_body, f) : 0;
    if (r == 0)
        r = thread_start(&f->ask_thread, "bus-ask", feed_ask_body, f);
    if (r < 0)
        snprintf(err, err_cap, "thread for the feed %s: %s", f->publisher, strerror(-r));
    return r;
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
    f->sign = sign_ready() && o->pub_url && sock_is_wss(o->pub_url);
    f->backfill_limit = FEED_BACKFILL_MIN;
    f->cells = count_out_cells(o->kind);
    f->answered_us = mono_now_us();
    pthread_mutex_init(&f->lock, NULL);
    cond_init(&f->progress);
    cond_init(&f->wake);
    cond_init(&f->sync_wake);
    f->scratch = mem_take(BUS_MESSAGE_MAX);
    f->arena = arena_new(BUS_ORDERS_MAX + 4096);
    f->order_arena = arena_new(12 * BUS_ORDERS_MAX);
    int r = f->scratch && f->arena && f->order_arena ? 0 : -ENOMEM;
    if (r < 0)
        snprintf(err, err_cap, "no memory for the feed %s", o->publisher);
    if (r == 0)
        r = open_journal(f, o, err, err_cap);
    if (r == 0)
        r = open_sockets(f, o, err, err_cap);
    if (r == 0)
        r = start_threads(f, err, err_cap);
    if (r < 0) {
        journal_free(f->journal);
        arena_free(f->arena);
        arena_free(f->order_arena);
        if (f->scratch)
            mem_give(f->scratch, BUS_MESSAGE_MAX);
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
    pthread_cond_broadcast(&f->sync_wake);
    pthread_mutex_unlock(&f->lock);
    if (!first)
        return;
    thread_join(&f->ask_thread);
    thread_join(&f->sync_thread);
    pthread_mutex_lock(&f->lock);
    journal_close(f->journal);
    pthread_mutex_unlock(&f->lock);
}

struct feed_pub_stat feed_pub_stat(struct feed_pub *f)
{
    pthread_mutex_lock(&f->lock);
    struct journal_stat st = journal_stat(f->journal);
    struct feed_pub_stat s = {.head_seq = st.next_seq - 1,
                              .first_seq = st.first_seq,
                              .committed_seq = st.committed_seq,
                              .epoch = st.epoch,
                              .durable_seq = f->on_disk ? st.head_seq : st.next_seq - 1,
                              .sent = f->sent,
                              .backfilled = f->backfilled,
                              .overwritten = st.overwritten,
                              .journal_bytes_used = st.bytes_used,
                              .connected =
                                  f->known && mono_now_us() - f->answered_us < CONNECTED_US};
    pthread_mutex_unlock(&f->lock);
    return s;
}

#include "tls.h"
#include <stdlib.h>
#include <unistd.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/mono.h"
#include "keylog.h"
#include "tls_conn.h"

#define NONE        UINT32_MAX
#define HEADER_ONLY 64                          // bytes of a direction that nobody will decrypt
#define HOLD_MIN    (TLS_RECORD_MAX + 8 * 1024) // a whole record and what may have overtaken it
#define POLL_US     (20 * US_PER_MS)
#define EXPIRE_US   (INT64_C(3600) * US_PER_S)

enum {
    FLAG_FIN = 1,
    FLAG_SYN = 2,
    FLAG_RST = 4
};

struct pair { // the lower endpoint first; no holes in it, it is hashed as bytes
    uint8_t ip[2][16];
    uint16_t port[2];
    uint8_t family, zero[3];
};

struct slot {
    struct pair pair;
    uint64_t hash;
    uint32_t older, newer;
    bool used, sip;
    int64_t last_at_us;
    struct tls_conn conn;
};

struct queue {
    uint32_t oldest, newest;
};

struct tls {
    struct tls_opts o;
    struct tls_env env;
    struct keylog *keylog;
    struct map *map; // pair -> index + 1
    struct slot *slot;
    uint8_t *memory;
    uint32_t buffer; // bytes of a direction
    size_t stride;   // and of a connection
    struct queue other, sip;
    uint32_t free; // chained by newer
    size_t used;
    struct slot *current; // whose plaintext is being given
    int64_t polled_us, clock_us;
    uint64_t told;
};

static bool pair_is(const void *ctx, uint64_t value, const void *key)
{
    const struct tls *t = ctx;
    return memcmp(&t->slot[value - 1].pair, key, sizeof(struct pair)) == 0;
}

static void on_plain(void *ctx, const struct pkt *p)
{
    struct tls *t = ctx;
    t->o.on_plain(t->o.ctx, p);
}

static bool keylog_start(struct tls *t)
{
    t->keylog = keylog_new(t->o.keylog_fd);
    if (!t->keylog)
        return false;
    t->o.keylog_fd = -1;
    t->env.crypto = tls_crypto_new();
    t->env.secrets = tls_secrets_new(t->o.secrets);
    if (!t->env.crypto || !t->env.secrets)
        return false;
    while (keylog_read(t->keylog, t->env.secrets))
        ;
    t->told = tls_secrets_stat(t->env.secrets).told;
    return true;
}

struct tls *tls_new(const struct tls_opts *o)
{
    struct tls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->o = *o;
    t->env = (struct tls_env){
        .counts = o->counts, .wait_us = o->wait_us, .on_plain = on_plain, .ctx = t};
    bool keys = o->keylog_fd >= 0;
    t->buffer = !keys ? HEADER_ONLY : o->hold_bytes < HOLD_MIN ? HOLD_MIN : o->hold_bytes;
    t->stride = 2 * (size_t)t->buffer + (keys ? 2 * TLS_HELLO_KEEP : 0);
    t->slot = mem_take(o->connections * sizeof *t->slot);
    t->memory = mem_take(o->connections * t->stride);
    t->map = map_new(o->connections, pair_is, t);
    if (!t->slot || !t->memory || !t->map || (keys && !keylog_start(t)))
        return tls_free(t);
    for (uint32_t i = 0; i < o->connections; i++)
        t->slot[i].newer = i + 1 < o->connections ? i + 1 : NONE;
    t->other = t->sip = (struct queue){NONE, NONE};
    return t;
}

struct tls *tls_free(struct tls *t)
{
    if (!t)
        return NULL;
    if (t->slot)
        explicit_bzero(t->slot, t->o.connections * sizeof *t->slot);
    map_free(t->map);
    mem_give(t->memory, t->o.connections * t->stride);
    mem_give(t->slot, t->o.connections * sizeof *t->slot);
    tls_secrets_free(t->env.secrets);
    tls_crypto_free(t->env.crypto);
    keylog_free(t->keylog);
    if (t->o.keylog_fd >= 0)
        close(t->o.keylog_fd);
    free(t);
    return NULL;
}

size_t tls_bytes(const struct tls *t)
{
    return sizeof *t + t->o.connections * (sizeof *t->slot + t->stride) +
           (t->env.secrets ? tls_secrets_stat(t->env.secrets).bytes : 0);
}

static struct queue *queue_of(struct tls *t, const struct slot *s)
{
    return s->sip ? &t->sip : &t->other;
}

static void queue_remove(struct tls *t, struct queue *q, const struct slot *s)
{
    *(s->older != NONE ? &t->slot[s->older].newer : &q->oldest) = s->newer;
    *(s->newer != NONE ? &t->slot[s->newer].older : &q->newest) = s->older;
}

static void queue_append(struct tls *t, struct queue *q, struct slot *s)
{
    uint32_t self = (uint32_t)(s - t->slot);
    s->older = q->newest;
    s->newer = NONE;
    *(q->newest != NONE ? &t->slot[q->newest].newer : &q->oldest) = self;
    q->newest = self;
}

static void slot_give(struct tls *t, struct slot *s, int64_t now_us)
{
    t->current = s;
    tls_conn_end(&t->env, &s->conn, now_us);
    t->current = NULL;
    must(map_del(t->map, s->hash, (uint64_t)(s - t->slot) + 1));
    queue_remove(t, queue_of(t, s), s);
    s->used = false;
    s->newer = t->free;
    t->free = (uint32_t)(s - t->slot);
    t->used--;
}

static struct slot *slot_take(struct tls *t, const struct pair *pair, uint64_t hash, int64_t now_us)
{
    if (t->free == NONE) {
        uint32_t oldest = t->other.oldest != NONE ? t->other.oldest : t->sip.oldest;
        t->o.counts->n[CAPTURE_TLS_EVICTED]++;
        t->o.counts->n[CAPTURE_DROP_TLS] += t->slot[oldest].sip;
        slot_give(t, &t->slot[oldest], now_us);
    }
    struct slot *s = &t->slot[t->free];
    t->free = s->newer;
    s->pair = *pair;
    s->hash = hash;
    s->used = true;
    s->sip = false;
    tls_conn_begin(&s->conn, t->memory + (size_t)(s - t->slot) * t->stride, t->buffer,
                   t->env.crypto != NULL);
    must(map_put(t->map, hash, (uint64_t)(s - t->slot) + 1)); // as many places as slots
    queue_append(t, &t->other, s);
    t->used++;
    t->o.counts->n[CAPTURE_TLS]++;
    return s;
}

static struct pair pair_of(const struct pkt *p)
{
    int order = memcmp(p->src.b, p->dst.b, sizeof p->src.b);
    bool swap = order > 0 || (order == 0 && p->sport > p->dport);
    struct pair k = {.family = p->src.family, .port = {p->sport, p->dport}};
    memcpy(k.ip[swap], p->src.b, sizeof k.ip[0]);
    memcpy(k.ip[!swap], p->dst.b, sizeof k.ip[0]);
    k.port[swap] = p->sport;
    k.port[!swap] = p->dport;
    return k;
}

// Which message the first record begins with says who sent it.
static void sides_set(struct tls_conn *c, const struct pkt *p)
{
    bool client = p->payload.p[TLS_HEADER_BYTES] == TLS_CLIENT_HELLO;
    c->end[client ? TLS_CLIENT : TLS_SERVER] = (struct endpoint){p->src, p->sport};
    c->end[client ? TLS_SERVER : TLS_CLIENT] = (struct endpoint){p->dst, p->dport};
}

static enum tls_side side_of(const struct tls_conn *c, const struct pkt *p)
{
    struct endpoint src = {p->src, p->sport};
    return endpoint_eq(&src, &c->end[TLS_CLIENT]) ? TLS_CLIENT : TLS_SERVER;
}

// A SYN that is no repetition: another connection of the same ports.
static bool ports_again(const struct tls_conn *c, const struct pkt *p)
{
    const struct tls_dir *d = &c->dir[side_of(c, p)];
    return d->begun && p->tcp_seq + 1 != tcpbuf_seq(&d->in);
}

static void keys_poll(struct tls *t)
{
    t->polled_us = t->clock_us;
    (void)keylog_read(t->keylog, t->env.secrets);
}

// Somebody waits: the log may have grown since the last look. Bounded by the clock of the ticks and by one more look a packet
// burst, see POLL_US.
static void keys_hurry(struct tls *t, const struct tls_conn *c, int64_t now_us)
{
    if (!t->keylog || (!c->dir[0].waits && !c->dir[1].waits))
        return;
    t->clock_us = mono_now_us();
    if (t->clock_us - t->polled_us >= POLL_US)
        tls_tick(t, now_us, t->clock_us);
}

bool tls_feed(struct tls *t, const struct pkt *p, bool taken)
{
    struct pair pair = pair_of(p);
    uint64_t hash = map_hash(&pair, sizeof pair);
    uint64_t at = t->used ? map_get(t->map, hash, &pair) : 0;
    struct slot *s = at ? &t->slot[at - 1] : NULL;
    if (s && (p->tcp_flags & FLAG_SYN) && ports_again(&s->conn, p)) {
        slot_give(t, s, p->at_us);
        return false;
    }
    if (!s) {
        if (taken || !tls_begins(p->payload))
            return false;
        s = slot_take(t, &pair, hash, p->at_us);
        sides_set(&s->conn, p);
    }
    queue_remove(t, queue_of(t, s), s);
    queue_append(t, queue_of(t, s), s);
    s->last_at_us = p->at_us;
    t->current = s;
    if (p->tcp_flags & FLAG_RST)
        tls_conn_reset(&t->env, &s->conn, p->at_us);
    else
        tls_conn_segment(&t->env, &s->conn, side_of(&s->conn, p), p,
                         p->tcp_seq + ((p->tcp_flags & FLAG_SYN) != 0));
    t->current = NULL;
    keys_hurry(t, &s->conn, p->at_us);
    if (s->used && tls_conn_is_done(&s->conn))
        slot_give(t, s, p->at_us);
    return true;
}

void tls_found_sip(struct tls *t)
{
    struct slot *s = t->current;
    if (!s || s->sip)
        return;
    queue_remove(t, &t->other, s);
    s->sip = true;
    queue_append(t, &t->sip, s);
}

static void publish(struct tls *t)
{
    uint64_t *n = t->o.counts->n, held = 0;
    for (size_t i = 0; t->keylog && i < t->o.connections; i++)
        if (t->slot[i].used)
            held += tls_conn_held(&t->slot[i].conn);
    n[CAPTURE_TLS_UP] = t->used;
    n[CAPTURE_TLS_HELD] = held;
    if (!t->keylog)
        return;
    struct tls_secrets_stat s = tls_secrets_stat(t->env.secrets);
    n[CAPTURE_TLS_SECRETS] = s.used;
    n[CAPTURE_TLS_SECRETS_EVICTED] = s.evicted;
    n[CAPTURE_TLS_KEYS] = s.told;
    n[CAPTURE_TLS_KEYS_BAD] = keylog_stat(t->keylog).bad;
}

void tls_tick(struct tls *t, int64_t now_us, int64_t clock_us)
{
    t->clock_us = clock_us;
    if (t->keylog && clock_us - t->polled_us >= POLL_US)
        keys_poll(t);
    for (size_t i = 0; t->used > 0 && i < t->o.connections; i++) {
        struct slot *s = &t->slot[i];
        if (!s->used)
            continue;
        t->current = s;
        tls_conn_look(&t->env, &s->conn, now_us);
        t->current = NULL;
        if (tls_conn_is_done(&s->conn) || now_us - s->last_at_us >= EXPIRE_US)
            slot_give(t, s, now_us);
    }
    publish(t);
}

void tls_end(struct tls *t, int64_t now_us)
{
    while (t->other.oldest != NONE)
        slot_give(t, &t->slot[t->other.oldest], now_us);
    while (t->sip.oldest != NONE)
        slot_give(t, &t->slot[t->sip.oldest], now_us);
    publish(t);
}

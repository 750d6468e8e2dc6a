#include "flows.h"
#include <stdlib.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/slab.h"

#define PROBATION_LOOK_US (3 * US_PER_S)
#define CONFIRMED_LOOK_US (1 * US_PER_S)
#define EVICT_IDLE_US     (1 * US_PER_S)
#define EVICT_LOOKS       64
#define AHEAD             4 // packets: as long as memory takes, and no longer

// Streams in the order of due_us: each look puts a stream at the tail with the same period, so the order keeps itself.
struct queue {
    uint32_t head, tail; // slot index + 1
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "flow_key_set");
_Static_assert(offsetof(struct stream, addr) == 8 && offsetof(struct stream, sport) == 4,
               "flow_key");
_Static_assert(sizeof(struct stream) % 16 == 0, "slots lie in a row as an array does");

struct flows {
    struct flows_opts o;
    struct slab *slab;
    struct stream_cold *cold;
    struct map *map;
    struct queue probation, confirmed;
    size_t on_probation;
    uint32_t last_no;
    uint64_t evicted, refused;
    const struct stream *first; // the slots lie in a row
    uint32_t
        *after; // of each slot: who spoke AHEAD packets behind it the last time; slot index + 1
    struct turn {
        uint32_t spoke, expected; // AHEAD packets ago; now
    } turn[AHEAD];
    unsigned at;
};

static inline size_t key_bytes(uint8_t family)
{
    return family == 4 ? 16 : 40;
}

void flow_key_set(struct flow_key *ret, const struct ip_addr *src, uint16_t sport,
                  const struct ip_addr *dst, uint16_t dport, uint32_t ssrc)
{
    uint32_t src4, dst4;
    ret->family = src->family;
    ret->word[0] =
        ssrc | (uint64_t)sport << 32 | (uint64_t)dport << 48; // little-endian, as the struct lies
    if (__builtin_expect(src->family == 4, 1)) {
        memcpy(&src4, src->b, 4);
        memcpy(&dst4, dst->b, 4);
        ret->word[1] = src4 | (uint64_t)dst4 << 32;
    } else {
        memcpy(&ret->word[1], src->b, 16);
        memcpy(&ret->word[3], dst->b, 16);
    }
}

uint64_t flow_key_hash(const struct flow_key *k)
{
    return map_hash(k->word, key_bytes(k->family));
}

static inline bool stream_is(const struct stream *s, const struct flow_key *k)
{
    if (__builtin_expect(s->family != k->family, 0))
        return false;
    if (__builtin_expect(k->family == 4, 1)) // a length that is known needs no call
        return memcmp(s, k->word, 16) == 0;
    return memcmp(s, k->word, sizeof k->word) == 0;
}

// The map's values are the slots themselves: only stream_leave gives one back, and it takes it out of the map first.
static inline struct stream *stream_of(uint64_t value)
{
    union {
        uintptr_t value;
        struct stream *s;
    } u = {.value = value};
    return u.s;
}

// With thousands of streams none of its four lines is near: they all come while the first is waited for.
static inline void stream_near(const struct stream *s)
{
    __builtin_prefetch(&s->q.bytes, 1);
    __builtin_prefetch(&s->play, 1);
    __builtin_prefetch(&s->play.last_timestamp, 1);
}

static bool flow_eq(const void *ctx, uint64_t value, const void *key)
{
    (void)ctx;
    const struct stream *s = stream_of(value);
    stream_near(s);
    return stream_is(s, key);
}

struct flows *flows_new(const struct flows_opts *o)
{
    struct flows *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->o = *o;
    f->slab = slab_new("streams", o->streams, sizeof(struct stream));
    f->first = f->slab ? slab_base(f->slab) : NULL;
    f->cold = mem_take(o->streams * sizeof *f->cold);
    f->map = map_new(o->streams, flow_eq, f);
    f->after = mem_take(o->streams * sizeof *f->after);
    if (!f->slab || !f->cold || !f->map || !f->after)
        return flows_free(f);
    return f;
}

struct flows *flows_free(struct flows *f)
{
    if (f) {
        map_free(f->map);
        mem_give(f->after, f->o.streams * sizeof *f->after);
        mem_give(f->cold, f->o.streams * sizeof *f->cold);
        slab_free(f->slab);
        free(f);
    }
    return NULL;
}

struct stream *flows_find(const struct flows *f, const struct flow_key *k, uint64_t hash)
{
    uint64_t value = map_get(f->map, hash, k);
    return value ? stream_of(value) : NULL;
}

struct stream *flows_expected(const struct flows *f, const struct flow_key *k)
{
    uint32_t link = f->turn[f->at].expected;
    struct stream *s = link ? slab_at(f->slab, link - 1) : NULL;
    return s && stream_is(s, k) ? s : NULL;
}

void flows_spoke(struct flows *f, const struct stream *s)
{
    struct turn *t = &f->turn[f->at];
    uint32_t link = (uint32_t)(s - f->first) + 1;
    if (t->spoke)
        f->after[t->spoke - 1] = link;
    *t = (struct turn){link, f->after[link - 1]};
    f->at = (f->at + 1) % AHEAD;
    if (t->expected) {
        const struct stream *next = f->first + (t->expected - 1);
        __builtin_prefetch(next, 1);
        stream_near(next);
    }
}

struct stream_cold *flows_cold(const struct flows *f, const struct stream *s)
{
    return &f->cold[slab_index_of(f->slab, s)];
}

static struct queue *queue_of(struct flows *f, const struct stream *s)
{
    return s->state == STREAM_CONFIRMED ? &f->confirmed : &f->probation;
}

static void queue_remove(struct flows *f, struct queue *q, struct stream_cold *c)
{
    *(c->prev ? &f->cold[c->prev - 1].next : &q->head) = c->next;
    *(c->next ? &f->cold[c->next - 1].prev : &q->tail) = c->prev;
}

static void queue_append(struct flows *f, struct queue *q, struct stream_cold *c, int64_t due_us)
{
    uint32_t self = (uint32_t)(c - f->cold) + 1;
    c->due_us = due_us;
    c->prev = q->tail;
    c->next = 0;
    *(q->tail ? &f->cold[q->tail - 1].next : &q->head) = self;
    q->tail = self;
}

static void stream_leave(struct flows *f, struct stream *s, enum flow_end why)
{
    struct stream_cold *c = flows_cold(f, s);
    f->o.on_end(f->o.ctx, s, c, why);
    struct endpoint src = stream_src(s), dst = stream_dst(s);
    struct flow_key k;
    flow_key_set(&k, &src.ip, src.port, &dst.ip, dst.port, s->ssrc);
    queue_remove(f, queue_of(f, s), c);
    f->on_probation -= s->state != STREAM_CONFIRMED;
    must(map_del(f->map, flow_key_hash(&k), (uintptr_t)s));
    slab_give(f->slab, s);
}

static struct stream *queue_stream(const struct flows *f, uint32_t link)
{
    return link ? slab_at(f->slab, link - 1) : NULL;
}

// False: every stream looked at is busy.
static bool make_room(struct flows *f, int64_t now_us)
{
    struct stream *worst = queue_stream(f, f->probation.head);
    if (!worst) {
        int64_t worst_at_us = now_us - EVICT_IDLE_US + 1;
        uint32_t link = f->confirmed.head;
        for (int i = 0; link && i < EVICT_LOOKS; i++, link = f->cold[link - 1].next) {
            struct stream *s = queue_stream(f, link);
            if (s->q.last_at_us < worst_at_us) {
                worst = s;
                worst_at_us = s->q.last_at_us;
            }
        }
    }
    if (!worst)
        return false;
    f->evicted++;
    stream_leave(f, worst, FLOW_END_EVICTED);
    return true;
}

static uint32_t next_no(struct flows *f)
{
    uint32_t step = f->o.no_step ? f->o.no_step : 1, first = f->o.no_first ? f->o.no_first : 1;
    f->last_no = f->last_no && f->last_no <= UINT32_MAX - step ? f->last_no + step : first;
    return f->last_no;
}

struct stream *flows_add(struct flows *f, const struct flow_key *k, uint64_t hash, int64_t now_us)
{
    if (f->o.probation && f->on_probation >= f->o.probation)
        make_room(f, now_us); // one on probation: there is one
    struct stream *s = slab_take(f->slab);
    if (!s && make_room(f, now_us))
        s = slab_take(f->slab);
    if (!s) {
        f->refused++;
        return NULL;
    }
    memcpy(s, k->word, key_bytes(k->family));
    s->family = k->family;
    s->state = STREAM_PROBATION;
    s->no = next_no(f);
    struct stream_cold *c = flows_cold(f, s);
    *c = (struct stream_cold){.first_at_us = now_us};
    play_init(&s->play, now_us);
    must(map_put(f->map, hash, (uintptr_t)s));
    queue_append(f, &f->probation, c, now_us + PROBATION_LOOK_US);
    f->on_probation++;
    return s;
}

void flows_confirm(struct flows *f, struct stream *s, int64_t now_us)
{
    struct stream_cold *c = flows_cold(f, s);
    queue_remove(f, &f->probation, c);
    f->on_probation--;
    s->state = STREAM_CONFIRMED;
    queue_append(f, &f->confirmed, c, now_us + CONFIRMED_LOOK_US);
}

static void advance_queue(struct flows *f, struct queue *q, int64_t now_us, int64_t idle_us,
                          int64_t period_us)
{
    for (size_t n = slab_stat(f->slab).used; n > 0; n--) {
        struct stream *s = queue_stream(f, q->head);
        if (!s)
            return;
        struct stream_cold *c = flows_cold(f, s);
        if (c->due_us > now_us)
            return;
        if (now_us - s->q.last_at_us >= idle_us) {
            stream_leave(f, s, FLOW_END_IDLE);
            continue;
        }
        if (!f->o.on_due(f->o.ctx, s, c)) {
            stream_leave(f, s, FLOW_END_REJECTED);
            continue;
        }
        if (queue_of(f, s) == q) { // on_due may have confirmed it
            queue_remove(f, q, c);
            queue_append(f, q, c, now_us + period_us);
        }
    }
}

void flows_advance(struct flows *f, int64_t now_us)
{
    advance_queue(f, &f->probation, now_us, PROBATION_LOOK_US, PROBATION_LOOK_US);
    advance_queue(f, &f->confirmed, now_us, f->o.idle_us, CONFIRMED_LOOK_US);
}

void flows_end_all(struct flows *f)
{
    struct stream *s;
    while ((s = queue_stream(f, f->probation.head)))
        stream_leave(f, s, FLOW_END_INPUT);
    while ((s = queue_stream(f, f->confirmed.head)))
        stream_leave(f, s, FLOW_END_INPUT);
}

void flows_each(const struct flows *f,
                void (*fn)(void *ctx, const struct stream *s, const struct stream_cold *c),
                void *ctx)
{
    for (size_t i = 0; i < slab_stat(f->slab).slots; i++) {
        const struct stream *s = slab_at(f->slab, i);
        if (s)
            fn(ctx, s, &f->cold[i]);
    }
}

void flows_visit(struct flows *f, void (*fn)(void *ctx, struct stream *s), void *ctx)
{
    for (size_t i = 0; i < slab_stat(f->slab).slots; i++) {
        struct stream *s = slab_at(f->slab, i);
        if (s)
            fn(ctx, s);
    }
}

uint32_t flows_last_no(const struct flows *f)
{
    return f->last_no;
}

void flows_set_last_no(struct flows *f, uint32_t no)
{
    f->last_no = no;
}

struct flows_stat flows_stat(const struct flows *f)
{
    struct slab_stat s = slab_stat(f->slab);
    return (struct flows_stat){
        s.used,          s.slots,    s.bytes + s.slots * (sizeof *f->cold + sizeof *f->after),
        f->on_probation, f->evicted, f->refused};
}

static struct endpoint endpoint_of(uint8_t family, const uint8_t *b, uint16_t port)
{
    struct endpoint e = {.ip.family = family, .port = port};
    memcpy(e.ip.b, b, family == 4 ? 4 : 16);
    return e;
}

struct endpoint stream_src(const struct stream *s)
{
    return endpoint_of(s->family, s->addr, s->sport);
}

struct endpoint stream_dst(const struct stream *s)
{
    return endpoint_of(s->family, s->addr + (s->family == 4 ? 4 : 16), s->dport);
}

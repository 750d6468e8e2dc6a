// A slot for each datagram: its bytes at their places and a sorted list of what is there. Slots stand in two lists by
// age: open and done. A joined datagram keeps its slot as done for a while, to swallow the doubles that
// mirror ports make; such slots are the first to be used again.
#include "wire/frag.h"
#include <stdlib.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/ip_chain.h"

#define PIECES_MAX   64
#define DONE_KEPT_US (INT64_C(2) * 1000 * 1000)
#define EXPIRE_STEPS 4 // timed out slots cleared at each call: bounded work when capture time leaps
#define NONE         UINT32_MAX

struct piece {
    uint32_t from, to;
};

struct key { // no holes in it: it is hashed as bytes
    uint8_t src[16], dst[16];
    uint32_t id;
    uint8_t family, protocol, zero[2];
};

enum slot_state {
    SLOT_FREE,
    SLOT_OPEN,
    SLOT_DONE,
    SLOT_DROPPED
};

struct slot {
    struct key key;
    uint64_t hash;
    enum slot_state state;
    uint32_t older, newer; // list by age
    int64_t at_us;         // first piece; when done: then
    uint32_t total;        // 0: the last piece has not come
    uint32_t pieces;
    struct piece piece[PIECES_MAX];
    uint8_t *bytes;
};

struct list {
    uint32_t oldest, newest;
};

struct frag_table {
    struct frag_opts o;
    struct map *map; // key -> slot index + 1
    struct slot *slots;
    uint8_t *memory;
    struct list open, done;
    uint32_t free; // chained by newer
    struct frag_stat stat;
};

static bool slot_is(const void *ctx, uint64_t value, const void *key)
{
    const struct frag_table *t = ctx;
    return memcmp(&t->slots[value - 1].key, key, sizeof(struct key)) == 0;
}

struct frag_table *frag_new(const struct frag_opts *o)
{
    struct frag_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->o = o ? *o : (struct frag_opts){0};
    if (t->o.datagrams == 0)
        t->o.datagrams = 256;
    if (t->o.max_bytes == 0 || t->o.max_bytes > 65535)
        t->o.max_bytes = 65535;
    if (t->o.timeout_us <= 0)
        t->o.timeout_us = INT64_C(30) * 1000 * 1000;
    t->slots = mem_take(t->o.datagrams * sizeof *t->slots);
    t->memory = mem_take((size_t)t->o.datagrams * t->o.max_bytes);
    t->map = map_new(t->o.datagrams, slot_is, t);
    if (!t->slots || !t->memory || !t->map)
        return frag_free(t);
    for (uint32_t i = 0; i < t->o.datagrams; i++) {
        t->slots[i].bytes = t->memory + (size_t)i * t->o.max_bytes;
        t->slots[i].newer = i + 1 < t->o.datagrams ? i + 1 : NONE;
    }
    t->free = 0;
    t->open = t->done = (struct list){NONE, NONE};
    t->stat.slots = t->o.datagrams;
    t->stat.bytes = sizeof *t + t->o.datagrams * (sizeof *t->slots + t->o.max_bytes);
    return t;
}

struct frag_table *frag_free(struct frag_table *t)
{
    if (!t)
        return NULL;
    map_free(t->map);
    mem_give(t->slots, t->o.datagrams * sizeof *t->slots);
    mem_give(t->memory, (size_t)t->o.datagrams * t->o.max_bytes);
    free(t);
    return NULL;
}

struct frag_stat frag_stat(const struct frag_table *t)
{
    return t->stat;
}

static struct list *list_of(struct frag_table *t, const struct slot *s)
{
    return s->state == SLOT_DONE ? &t->done : &t->open;
}

static void list_remove(struct frag_table *t, struct slot *s)
{
    struct list *l = list_of(t, s);
    if (s->older != NONE)
        t->slots[s->older].newer = s->newer;
    else
        l->oldest = s->newer;
    if (s->newer != NONE)
        t->slots[s->newer].older = s->older;
    else
        l->newest = s->older;
}

static void list_append(struct frag_table *t, struct slot *s)
{
    struct list *l = list_of(t, s);
    uint32_t i = (uint32_t)(s - t->slots);
    s->older = l->newest;
    s->newer = NONE;
    if (l->newest != NONE)
        t->slots[l->newest].newer = i;
    else
        l->oldest = i;
    l->newest = i;
}

static void slot_release(struct frag_table *t, struct slot *s)
{
    map_del(t->map, s->hash, (uint64_t)(s - t->slots) + 1);
    list_remove(t, s);
    s->state = SLOT_FREE;
    s->newer = t->free;
    t->free = (uint32_t)(s - t->slots);
    t->stat.used--;
}

// The joined bytes must live until the next call, so a done slot is only given back by a later one.
static void expire(struct frag_table *t, int64_t now_us, enum wire_event *event)
{
    for (int i = 0; i < EXPIRE_STEPS && t->done.oldest != NONE; i++) {
        struct slot *s = &t->slots[t->done.oldest];
        if (now_us - s->at_us < DONE_KEPT_US)
            break;
        slot_release(t, s);
    }
    for (int i = 0; i < EXPIRE_STEPS && t->open.oldest != NONE; i++) {
        struct slot *s = &t->slots[t->open.oldest];
        if (now_us - s->at_us < t->o.timeout_us)
            break;
        if (s->state == SLOT_OPEN) {
            t->stat.timed_out++;
            *event = WIRE_FRAG_TIMEOUT;
        }
        slot_release(t, s);
    }
}

static struct slot *slot_take(struct frag_table *t, const struct key *key, uint64_t hash,
                              int64_t now_us, enum wire_event *event)
{
    if (t->free == NONE && t->done.oldest != NONE)
        slot_release(t, &t->slots[t->done.oldest]);
    if (t->free == NONE) {
        if (t->slots[t->open.oldest].state == SLOT_OPEN) {
            t->stat.evicted++;
            *event = WIRE_FRAG_TABLE_FULL;
        }
        slot_release(t, &t->slots[t->open.oldest]);
    }
    struct slot *s = &t->slots[t->free];
    t->free = s->newer;
    s->key = *key;
    s->hash = hash;
    s->state = SLOT_OPEN;
    s->at_us = now_us;
    s->total = 0;
    s->pieces = 0;
    must(map_put(t->map, hash, (uint64_t)(s - t->slots) + 1)); // as many places as slots
    list_append(t, s);
    t->stat.used++;
    return s;
}

// Drops the datagram and remembers it, so that its later pieces do not begin a new one (RFC 5722 section 3).
static bool drop(struct frag_table *t, struct slot *s, enum wire_event why, enum wire_event *event)
{
    s->state = SLOT_DROPPED;
    t->stat.refused++;
    *event = why;
    return false;
}

static bool same_bytes(const struct slot *s, uint32_t from, struct span data)
{
    return memcmp(s->bytes + from, data.p, data.n) == 0;
}

enum fit {
    FIT_NEW,
    FIT_DOUBLE,
    FIT_OVERLAP,
    FIT_TOO_MANY
};

// Puts [from, to) into the sorted list, joined with its neighbours. An exact double is harmless.
static enum fit piece_add(struct slot *s, uint32_t from, uint32_t to, struct span data)
{
    uint32_t i = 0;
    while (i < s->pieces && s->piece[i].to <= from)
        i++;
    if (i < s->pieces && s->piece[i].from < to) {
        bool inside = s->piece[i].from <= from && to <= s->piece[i].to;
        return inside && same_bytes(s, from, data) ? FIT_DOUBLE : FIT_OVERLAP;
    }
    bool joins_left = i > 0 && s->piece[i - 1].to == from;
    bool joins_right = i < s->pieces && s->piece[i].from == to;
    if (joins_left && joins_right) {
        s->piece[i - 1].to = s->piece[i].to;
        s->pieces--;
        memmove(&s->piece[i], &s->piece[i + 1], (s->pieces - i) * sizeof s->piece[0]);
    } else if (joins_left) {
        s->piece[i - 1].to = to;
    } else if (joins_right) {
        s->piece[i].from = from;
    } else {
        if (s->pieces == PIECES_MAX)
            return FIT_TOO_MANY;
        memmove(&s->piece[i + 1], &s->piece[i], (s->pieces - i) * sizeof s->piece[0]);
        s->piece[i] = (struct piece){from, to};
        s->pieces++;
    }
    return FIT_NEW;
}

// The packet becomes the whole datagram; behind the fragment header extension headers or a tunnel may follow.
static bool joined(struct frag_table *t, struct slot *s, struct pkt *p, enum wire_event *event)
{
    list_remove(t, s);
    s->state = SLOT_DONE;
    s->at_us = p->at_us;
    list_append(t, s);
    t->stat.joined++;
    p->fragment = p->more_fragments = false;
    p->frag_offset = 0;
    enum wire_event e = ip_chain(p, p->protocol, span_of(s->bytes, s->total));
    if (e != WIRE_NONE && e != WIRE_IP_NOT_UDP_TCP)
        *event = e;
    return e == WIRE_NONE || e == WIRE_IP_NOT_UDP_TCP;
}

static bool piece_take(struct frag_table *t, struct slot *s, struct pkt *p, enum wire_event *event)
{
    struct span data = p->ip_payload;
    uint32_t from = p->frag_offset;
    if (data.n > t->o.max_bytes || from > t->o.max_bytes - data.n)
        return drop(t, s, WIRE_FRAG_TOO_LONG, event);
    uint32_t to = from + (uint32_t)data.n;
    // Behind the end that is known, or an end before what is known.
    bool contradicts = (s->total != 0 && to > s->total) ||
                       (!p->more_fragments && s->pieces > 0 && s->piece[s->pieces - 1].to > to);
    if (contradicts)
        return drop(t, s, WIRE_FRAG_OVERLAP, event);
    switch (piece_add(s, from, to, data)) {
    case FIT_DOUBLE:
        return false;
    case FIT_OVERLAP:
        return drop(t, s, WIRE_FRAG_OVERLAP, event);
    case FIT_TOO_MANY:
        return drop(t, s, WIRE_FRAG_TOO_MANY, event);
    case FIT_NEW:
        break;
    }
    memmove(s->bytes + from, data.p, data.n); // data may lie in this slot's own last datagram
    if (!p->more_fragments)
        s->total = to;
    if (s->total != 0 && s->pieces == 1 && s->piece[0].from == 0 && s->piece[0].to == s->total)
        return joined(t, s, p, event);
    return false;
}

static struct key key_of(const struct pkt *p)
{
    struct key key = {.family = p->src.family, .protocol = p->protocol, .id = p->ip_id};
    size_t n = p->src.family == 4 ? 4 : 16;
    memcpy(key.src, p->src.b, n);
    memcpy(key.dst, p->dst.b, n);
    return key;
}

// NULL when the slot stands for an earlier datagram with the same identification; it is then free.
static struct slot *still_valid(struct frag_table *t, struct slot *s, const struct pkt *p,
                                enum wire_event *event)
{
    uint64_t to = (uint64_t)p->frag_offset + p->ip_payload.n;
    bool old = p->at_us - s->at_us >= t->o.timeout_us;
    bool again =
        s->state == SLOT_DONE && (to > s->total || !same_bytes(s, p->frag_offset, p->ip_payload));
    if (!old && !again)
        return s;
    if (s->state == SLOT_OPEN) {
        t->stat.timed_out++;
        *event = WIRE_FRAG_TIMEOUT;
    }
    slot_release(t, s);
    return NULL;
}

bool frag_join(struct frag_table *t, struct pkt *p, enum wire_event *ret_event)
{
    *ret_event = WIRE_NONE;
    t->stat.fragments++;
    expire(t, p->at_us, ret_event);
    // A cut piece would leave a hole that nobody sees; a middle piece must end on 8 bytes (RFC 791 3.2).
    if (p->cut || p->ip_payload.n == 0 || (p->more_fragments && p->ip_payload.n % 8 != 0)) {
        t->stat.refused++;
        *ret_event = p->cut ? WIRE_TRUNCATED : WIRE_IP_TOTAL_LENGTH;
        return false;
    }
    struct key key = key_of(p);
    uint64_t hash = map_hash(&key, sizeof key);
    uint64_t found = map_get(t->map, hash, &key);
    struct slot *s = found ? still_valid(t, &t->slots[found - 1], p, ret_event) : NULL;
    if (s && s->state != SLOT_OPEN) {
        t->stat.refused += s->state == SLOT_DROPPED;
        return false;
    }
    if (!s)
        s = slot_take(t, &key, hash, p->at_us, ret_event);
    return piece_take(t, s, p, ret_event);
}

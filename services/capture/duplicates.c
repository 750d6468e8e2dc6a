#include "duplicates.h"
#include <stdlib.h>
#include "base/map.h"
#include "base/mem.h"
#include "base/mono.h"

#define WAYS       4 // entries of a set: 128 bytes, two cache lines
#define MEDIA_US   (2 * US_PER_S)
#define UNNUMBERED 10 // part of the window for packets that only time can tell apart
#define SURE_PAIR  4
#define SURE       (8 * (SURE_PAIR - 1)) // eight pairs in a row
#define SURE_MOST  64

struct entry {
    uint64_t low, high; // 0, 0: none
    int64_t at_us;
    uint8_t ttl;
};

struct duplicates {
    struct entry *entry;
    size_t mask; // of sets
    int64_t window_us;
    int64_t media_until_us; // 0: before the first packet
    int sure;
    uint64_t found, evicted;
};

struct key { // all of a packet but its text; no holes in it, it is hashed as bytes
    uint8_t src[16], dst[16];
    uint32_t ip_id, seq, n;
    uint16_t sport, dport;
    uint8_t protocol, flags, family, zero;
};
_Static_assert(sizeof(struct key) == 52, "no holes");

struct duplicates *duplicates_new(const struct duplicates_opts *o)
{
    struct duplicates *d = calloc(1, sizeof *d);
    size_t sets = 1;
    if (!d)
        return NULL;
    while (sets * WAYS < o->entries)
        sets *= 2;
    d->mask = sets - 1;
    d->window_us = o->window_us;
    d->entry = mem_take(sets * WAYS * sizeof *d->entry);
    return d->entry ? d : duplicates_free(d);
}

struct duplicates *duplicates_free(struct duplicates *d)
{
    if (d) {
        mem_give(d->entry, (d->mask + 1) * WAYS * sizeof *d->entry);
        free(d);
    }
    return NULL;
}

static struct hash128 hash_of(const struct pkt *p)
{
    struct key k = {
        .ip_id = p->ip_id,
        .n = (uint32_t)p->payload.n,
        .sport = p->sport,
        .dport = p->dport,
        .protocol = p->protocol,
        .family = p->src.family,
    };
    memcpy(k.src, p->src.b, sizeof k.src);
    memcpy(k.dst, p->dst.b, sizeof k.dst);
    if (p->protocol == 6) {
        k.seq = p->tcp_seq;
        k.flags = p->tcp_flags;
    }
    struct hash128 head = map_hash128(&k, sizeof k, 0);
    struct hash128 all = map_hash128(p->payload.p, p->payload.n, head.low);
    all.high ^= head.high;
    return all;
}

// How sure it is that the mirror doubles. Each pair that nothing proves gives more than each single packet takes away.
static void sure_more(struct duplicates *d, int by)
{
    int sure = d->sure + by;
    d->sure = sure < 0 ? 0 : sure > SURE_MOST ? SURE_MOST : sure;
}

// The same bytes again.
static bool is_copy(struct duplicates *d, const struct entry *e, const struct pkt *p)
{
    int64_t apart_us = p->at_us - e->at_us;
    if (apart_us < 0) // two queues of a card
        apart_us = -apart_us;
    if (apart_us > d->window_us)
        return false;
    if (p->ip_id != 0 || p->ttl != e->ttl) {
        sure_more(d, SURE_MOST);
        return true;
    }
    if (apart_us > d->window_us / UNNUMBERED)
        return false;
    sure_more(d, SURE_PAIR);
    duplicates_suspect(d, p->at_us);
    return d->sure >= SURE;
}

static __attribute__((noinline)) bool seen_before(struct duplicates *d, const struct pkt *p)
{
    struct hash128 h = hash_of(p);
    struct entry *set = &d->entry[(h.low & d->mask) * WAYS], *oldest = set;
    for (struct entry *e = set; e < set + WAYS; e++) {
        if (e->low == h.low && e->high == h.high) {
            bool copy = is_copy(d, e, p);
            // Of three copies each is near the one before; what was sent again begins anew.
            *e = (struct entry){h.low, h.high, p->at_us, p->ttl};
            d->found += copy;
            if (copy)
                duplicates_suspect(d, p->at_us);
            return copy;
        }
        if (e->at_us < oldest->at_us)
            oldest = e;
    }
    if (p->ip_id == 0)
        sure_more(d, -1);
    d->evicted += (oldest->low | oldest->high) != 0 && p->at_us - oldest->at_us <= d->window_us;
    *oldest = (struct entry){h.low, h.high, p->at_us, p->ttl};
    return false;
}

// Kept small: it is on the way of every packet.
bool duplicates_is(struct duplicates *d, const struct pkt *p)
{
    if (p->payload.n == 0)
        return false; // acknowledgements: nothing counts them
    if (p->at_us > d->media_until_us && p->protocol == 17 && p->payload.p[0] >> 6 == 2) {
        if (d->media_until_us != 0)
            return false;
        duplicates_suspect(d, p->at_us); // the first packet of all
    }
    return seen_before(d, p);
}

void duplicates_suspect(struct duplicates *d, int64_t at_us)
{
    if (at_us + MEDIA_US > d->media_until_us)
        d->media_until_us = at_us + MEDIA_US;
}

struct duplicates_stat duplicates_stat(const struct duplicates *d)
{
    size_t entries = (d->mask + 1) * WAYS;
    return (struct duplicates_stat){entries, sizeof *d + entries * sizeof *d->entry, d->found,
                                    d->evicted};
}

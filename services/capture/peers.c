#include "peers.h"
#include <stdlib.h>
#include <string.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/mono.h"
#include "base/slab.h"

#define BURST_S 2

struct peer {
    struct ip_addr ip;
    uint32_t prev, next; // by time of knowing; slot index + 1
};

struct peers {
    struct slab *slab;
    struct map *map;
    uint32_t head, tail;     // known longest ago, newest
    int64_t allowance, most; // in 1/1,000,000 of a message
    uint32_t per_second;
    int64_t at_us;
    uint64_t evicted, refused;
};

static size_t ip_bytes(const struct ip_addr *ip)
{
    return ip->family == 4 ? 4 : 16;
}

static uint64_t ip_hash(const struct ip_addr *ip)
{
    return map_hash(ip->b, ip_bytes(ip)) + ip->family;
}

static bool peer_eq(const void *ctx, uint64_t value, const void *key)
{
    const struct peers *p = ctx;
    const struct peer *e = slab_get(p->slab, value);
    const struct ip_addr *ip = key;
    return e && e->ip.family == ip->family && memcmp(e->ip.b, ip->b, ip_bytes(ip)) == 0;
}

struct peers *peers_new(size_t slots, uint32_t per_second)
{
    struct peers *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->slab = slab_new("peers", slots, sizeof(struct peer));
    p->map = map_new(slots, peer_eq, p);
    p->per_second = per_second;
    p->allowance = p->most = (int64_t)per_second * BURST_S * US_PER_S;
    return p->slab && p->map ? p : peers_free(p);
}

struct peers *peers_free(struct peers *p)
{
    if (p) {
        map_free(p->map);
        slab_free(p->slab);
        free(p);
    }
    return NULL;
}

static struct peer *at_link(const struct peers *p, uint32_t link)
{
    return link ? slab_at(p->slab, link - 1) : NULL;
}

static void unlink_peer(struct peers *p, struct peer *e)
{
    struct peer *prev = at_link(p, e->prev), *next = at_link(p, e->next);
    *(prev ? &prev->next : &p->head) = e->next;
    *(next ? &next->prev : &p->tail) = e->prev;
}

static void link_newest(struct peers *p, struct peer *e)
{
    uint32_t self = (uint32_t)slab_index_of(p->slab, e) + 1;
    struct peer *last = at_link(p, p->tail);
    e->prev = p->tail;
    e->next = 0;
    *(last ? &last->next : &p->head) = self;
    p->tail = self;
}

static void forget_oldest(struct peers *p)
{
    struct peer *e = at_link(p, p->head);
    must(map_del(p->map, ip_hash(&e->ip), slab_handle_of(p->slab, e)));
    unlink_peer(p, e);
    slab_give(p->slab, e);
    p->evicted++;
}

static void know(struct peers *p, const struct ip_addr *ip)
{
    struct peer *e = slab_get(p->slab, map_get(p->map, ip_hash(ip), ip));
    if (e) {
        unlink_peer(p, e);
        link_newest(p, e);
        return;
    }
    if (slab_stat(p->slab).used == slab_stat(p->slab).slots)
        forget_oldest(p);
    e = slab_take(p->slab);
    must(e);
    e->ip = *ip;
    must(map_put(p->map, ip_hash(ip), slab_handle_of(p->slab, e)));
    link_newest(p, e);
}

static bool is_known(const struct peers *p, const struct ip_addr *ip)
{
    return map_get(p->map, ip_hash(ip), ip) != 0;
}

static bool take_allowance(struct peers *p, int64_t at_us)
{
    if (at_us > p->at_us) {
        int64_t since_us = p->at_us ? at_us - p->at_us : 0;
        if (since_us > BURST_S * US_PER_S)
            since_us = BURST_S * US_PER_S;
        p->allowance += since_us * p->per_second;
        if (p->allowance > p->most)
            p->allowance = p->most;
        p->at_us = at_us;
    }
    if (p->allowance < US_PER_S)
        return false;
    p->allowance -= US_PER_S;
    return true;
}

bool peers_admit(struct peers *p, const struct pkt *k, struct span message)
{
    if (p->per_second == 0)
        return true;
    // Whose identity it hangs on: of a request the sender's, of an answer the one's who asked.
    bool answer = message.n >= 4 && memcmp(message.p, "SIP/", 4) == 0;
    if (is_known(p, answer ? &k->dst : &k->src) || take_allowance(p, k->at_us))
        return true;
    p->refused++;
    return false;
}

void peers_learn(struct peers *p, const struct pkt *k, const struct sip_msg *m)
{
    // Of the unknown only what was within the allowance comes here: answers can be forged too.
    if (p->per_second == 0 || m->request || m->status < 200 || m->status >= 300 ||
        (m->method != SIP_INVITE && m->method != SIP_REGISTER))
        return;
    know(p, &k->src);
    know(p, &k->dst);
}

struct peers_stat peers_stat(const struct peers *p)
{
    struct slab_stat s = slab_stat(p->slab);
    return (struct peers_stat){s.used, s.slots, s.bytes, p->evicted, p->refused};
}

#include "chain.h"
#include <string.h>
#include "base/fail.h"
#include "base/mem.h"

#define UNUSED (CHAIN_END - 1)
struct place {
    uint64_t hash;
    uint32_t next, prev; // prev: CHAIN_END for the first of its bucket, UNUSED: in no chain
};

struct chain {
    size_t slots, buckets;
    uint32_t *head;
    struct place *at;
};

struct chain *chain_new(size_t slots)
{
    must(slots > 0 && slots < UNUSED);
    struct chain *c = mem_take(sizeof *c);
    if (!c)
        return NULL;
    c->slots = slots;
    c->buckets = 16;
    while (c->buckets < slots)
        c->buckets *= 2;
    c->head = mem_take(c->buckets * sizeof *c->head);
    c->at = mem_take(slots * sizeof *c->at);
    if (!c->head || !c->at)
        return chain_free(c);
    memset(c->head, 0xff, c->buckets * sizeof *c->head);
    for (size_t i = 0; i < slots; i++)
        c->at[i].prev = UNUSED;
    return c;
}

struct chain *chain_free(struct chain *c)
{
    if (!c)
        return NULL;
    if (c->head)
        mem_give(c->head, c->buckets * sizeof *c->head);
    if (c->at)
        mem_give(c->at, c->slots * sizeof *c->at);
    mem_give(c, sizeof *c);
    return NULL;
}

size_t chain_memory(const struct chain *c)
{
    return c->buckets * sizeof *c->head + c->slots * sizeof *c->at;
}

void chain_add(struct chain *c, uint64_t hash, size_t slot)
{
    must(slot < c->slots && c->at[slot].prev == UNUSED);
    uint32_t *head = &c->head[hash & (c->buckets - 1)];
    c->at[slot] = (struct place){.hash = hash, .next = *head, .prev = CHAIN_END};
    if (*head != CHAIN_END)
        c->at[*head].prev = (uint32_t)slot;
    *head = (uint32_t)slot;
}

void chain_del(struct chain *c, size_t slot)
{
    must(slot < c->slots);
    struct place *p = &c->at[slot];
    if (p->prev == UNUSED)
        return;
    if (p->prev == CHAIN_END)
        c->head[p->hash & (c->buckets - 1)] = p->next;
    else
        c->at[p->prev].next = p->next;
    if (p->next != CHAIN_END)
        c->at[p->next].prev = p->prev;
    p->prev = UNUSED;
}

static uint32_t same_hash(const struct chain *c, uint32_t slot, uint64_t hash)
{
    while (slot != CHAIN_END && c->at[slot].hash != hash)
        slot = c->at[slot].next;
    return slot;
}

uint32_t chain_first(const struct chain *c, uint64_t hash)
{
    return same_hash(c, c->head[hash & (c->buckets - 1)], hash);
}

uint32_t chain_next(const struct chain *c, uint32_t slot)
{
    return same_hash(c, c->at[slot].next, c->at[slot].hash);
}

// Slots stand in one block. Beside them a generation for each slot (odd: in use) and a free list
// that hands out the slot that was given back longest ago, so a stale handle meets a reused slot as
// late as possible (slab_give_first: at once, for slots without handles).
#include "base/slab.h"

#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/mem.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#endif
#ifdef SLAB_ASAN // a slot that was given back must not be touched: let Asan see it
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

// A handle is generation << 24 | index: 16 M slots, 2^39 lives of each.
#define INDEX_BITS 24
#define INDEX_MASK ((UINT64_C(1) << INDEX_BITS) - 1)
#define GEN_MASK   ((UINT64_C(1) << (64 - INDEX_BITS)) - 1)
#define NONE       UINT32_MAX

struct slab {
    const char *name;
    uint8_t *mem;
    uint64_t *gen;
    uint32_t *next; // free list
    uint32_t free_first, free_last;
    size_t slots, slot_size, stride;
    size_t used, used_max;
    uint64_t taken, refused;
};

struct slab *slab_new(const char *name, size_t slots, size_t slot_size)
{
    must(slots > 0 && slots <= INDEX_MASK && slot_size > 0 && slot_size < SIZE_MAX - 16);
    struct slab *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    size_t bytes;
    s->name = name;
    s->slots = slots;
    s->slot_size = slot_size;
    s->stride = (slot_size + 15) & ~(size_t)15;
    if (__builtin_mul_overflow(s->stride, slots, &bytes))
        return slab_free(s);
    s->mem = mem_take(bytes);
    s->gen = mem_take(slots * sizeof(*s->gen));
    s->next = mem_take(slots * sizeof(*s->next));
    if (!s->mem || !s->gen || !s->next)
        return slab_free(s);
    for (size_t i = 0; i < slots; i++)
        s->next[i] = i + 1 < slots ? (uint32_t)(i + 1) : NONE;
    s->free_last = (uint32_t)(slots - 1);
    ASAN_POISON_MEMORY_REGION(s->mem, bytes);
    return s;
}

struct slab *slab_free(struct slab *s)
{
    if (!s)
        return NULL;
    if (s->mem)
        ASAN_UNPOISON_MEMORY_REGION(s->mem, s->stride * s->slots);
    mem_give(s->mem, s->stride * s->slots);
    mem_give(s->gen, s->slots * sizeof(*s->gen));
    mem_give(s->next, s->slots * sizeof(*s->next));
    free(s);
    return NULL;
}

void *slab_take_as_left(struct slab *s)
{
    uint32_t i = s->free_first;
    if (i == NONE) {
        s->refused++;
        return NULL;
    }
    s->free_first = s->next[i];
    if (s->free_first == NONE)
        s->free_last = NONE;
    s->gen[i] = (s->gen[i] + 1) & GEN_MASK;
    s->taken++;
    if (++s->used > s->used_max)
        s->used_max = s->used;
    void *slot = s->mem + i * s->stride;
    ASAN_UNPOISON_MEMORY_REGION(slot, s->slot_size);
    return slot;
}

void *slab_take(struct slab *s)
{
    void *slot = slab_take_as_left(s);
    if (slot)
        memset(slot, 0, s->slot_size);
    return slot;
}

const void *slab_base(const struct slab *s)
{
    return s->mem;
}

size_t slab_index_of(const struct slab *s, const void *slot)
{
    const uint8_t *p = slot;
    must(p >= s->mem && p < s->mem + s->stride * s->slots);
    size_t at = (size_t)(p - s->mem);
    must(at % s->stride == 0);
    return at / s->stride;
}

// Out of use. Its index; the free list is the caller's.
static uint32_t retire(struct slab *s, void *slot)
{
    uint32_t i = (uint32_t)slab_index_of(s, slot);
    must(s->gen[i] & 1); // given twice
    s->gen[i] = (s->gen[i] + 1) & GEN_MASK;
    s->used--;
    ASAN_POISON_MEMORY_REGION(slot, s->stride);
    return i;
}

void slab_give_first(struct slab *s, void *slot)
{
    if (!slot)
        return;
    uint32_t i = retire(s, slot);
    s->next[i] = s->free_first;
    s->free_first = i;
    if (s->free_last == NONE)
        s->free_last = i;
}

void slab_give(struct slab *s, void *slot)
{
    if (!slot)
        return;
    uint32_t i = retire(s, slot);
    s->next[i] = NONE;
    if (s->free_last == NONE)
        s->free_first = i;
    else
        s->next[s->free_last] = i;
    s->free_last = i;
}

slab_handle slab_handle_of(const struct slab *s, const void *slot)
{
    size_t i = slab_index_of(s, slot);
    must(s->gen[i] & 1);
    return s->gen[i] << INDEX_BITS | i;
}

void *slab_get(const struct slab *s, slab_handle h)
{
    size_t i = h & INDEX_MASK;
    uint64_t gen = h >> INDEX_BITS;
    if (i >= s->slots || !(gen & 1) || s->gen[i] != gen)
        return NULL;
    return s->mem + i * s->stride;
}

void *slab_at(const struct slab *s, size_t index)
{
    if (index >= s->slots || !(s->gen[index] & 1))
        return NULL;
    return s->mem + index * s->stride;
}

struct slab_stat slab_stat(const struct slab *s)
{
    return (struct slab_stat){.name = s->name,
                              .slots = s->slots,
                              .slot_size = s->slot_size,
                              .used = s->used,
                              .used_max = s->used_max,
                              .bytes = s->slots * (s->stride + sizeof(*s->gen) + sizeof(*s->next)),
                              .taken = s->taken,
                              .refused = s->refused};
}

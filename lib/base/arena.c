#include "base/arena.h"

#include <stdlib.h>

#include "base/fail.h"
#include "base/mem.h"

struct arena {
    uint8_t *mem;
    size_t bytes, used, used_max;
    uint64_t refused;
    bool overflowed;
};

struct arena *arena_new(size_t bytes)
{
    must(bytes > 0);
    struct arena *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->bytes = bytes;
    a->mem = mem_take(bytes);
    return a->mem ? a : arena_free(a);
}

struct arena *arena_free(struct arena *a)
{
    if (!a)
        return NULL;
    mem_give(a->mem, a->bytes);
    free(a);
    return NULL;
}

void *arena_take(struct arena *a, size_t n)
{
    size_t at = (a->used + 15) & ~(size_t)15;
    if (at > a->bytes || n > a->bytes - at) {
        a->overflowed = true;
        a->refused++;
        return NULL;
    }
    // An empty object still gets an address of its own.
    a->used = n ? at + n : at + (at < a->bytes);
    if (a->used > a->used_max)
        a->used_max = a->used;
    return a->mem + at;
}

void arena_reset(struct arena *a)
{
    a->used = 0;
    a->overflowed = false;
}

bool arena_overflowed(const struct arena *a)
{
    return a->overflowed;
}

size_t arena_used_max(const struct arena *a)
{
    return a->used_max;
}

uint64_t arena_refused(const struct arena *a)
{
    return a->refused;
}

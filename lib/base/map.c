// Linear probing over {hash, value} pairs; value 0 is an empty place. Deleting shifts the followers
// back, so there are no tombstones and the map is as fast after a year as in its first minute.
#include "base/map.h"

#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fail.h"
#include "base/mem.h"

struct place {
    uint64_t hash, value;
};

struct map {
    struct place *places;
    size_t mask, capacity, used;
    uint64_t refused;
    map_eq_fn eq;
    const void *ctx;
};

static uint64_t seed;

// Before main, so map_hash needs no check and any thread may call it.
__attribute__((constructor)) static void draw_seed(void)
{
    must(getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed));
}

uint64_t map_hash(const void *key, size_t n)
{
    return XXH3_64bits_withSeed(key, n, seed);
}

struct hash128 map_hash128(const void *key, size_t n, uint64_t also)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(key, n, seed ^ also);
    return (struct hash128){h.low64, h.high64};
}

struct map *map_new(size_t capacity, map_eq_fn eq, const void *ctx)
{
    must(capacity > 0 && capacity <= SIZE_MAX / 64 && eq);
    struct map *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    size_t places = 8;
    while (places / 8 * 7 < capacity)
        places *= 2;
    m->places = mem_take(places * sizeof(*m->places));
    m->mask = places - 1;
    m->capacity = capacity;
    m->eq = eq;
    m->ctx = ctx;
    return m->places ? m : map_free(m);
}

struct map *map_free(struct map *m)
{
    if (!m)
        return NULL;
    mem_give(m->places, (m->mask + 1) * sizeof(*m->places));
    free(m);
    return NULL;
}

bool map_put(struct map *m, uint64_t hash, uint64_t value)
{
    must(value != 0);
    if (m->used == m->capacity) {
        m->refused++;
        return false;
    }
    size_t i = hash & m->mask;
    while (m->places[i].value)
        i = (i + 1) & m->mask;
    m->places[i] = (struct place){hash, value};
    m->used++;
    return true;
}

uint64_t map_get(const struct map *m, uint64_t hash, const void *key)
{
    for (size_t i = hash & m->mask; m->places[i].value; i = (i + 1) & m->mask)
        if (m->places[i].hash == hash && m->eq(m->ctx, m->places[i].value, key))
            return m->places[i].value;
    return 0;
}

bool map_del(struct map *m, uint64_t hash, uint64_t value)
{
    size_t i = hash & m->mask;
    while (m->places[i].value && !(m->places[i].hash == hash && m->places[i].value == value))
        i = (i + 1) & m->mask;
    if (!m->places[i].value)
        return false;
    // A follower may move into the hole when the hole lies between its home and its place.
    for (size_t j = (i + 1) & m->mask; m->places[j].value; j = (j + 1) & m->mask) {
        size_t home = m->places[j].hash & m->mask;
        if (((j - home) & m->mask) >= ((j - i) & m->mask)) {
            m->places[i] = m->places[j];
            i = j;
        }
    }
    m->places[i] = (struct place){0, 0};
    m->used--;
    return true;
}

size_t map_used(const struct map *m)
{
    return m->used;
}

uint64_t map_refused(const struct map *m)
{
    return m->refused;
}

void map_prefetch(const struct map *m, uint64_t hash)
{
    __builtin_prefetch(&m->places[hash & m->mask]);
}

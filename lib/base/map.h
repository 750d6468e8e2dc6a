// map.h: fixed-capacity hash over slab handles (or any nonzero u64). Open addressing, backward-shift delete,
// at most 7/8 full. One owner thread. The caller keeps keys in its objects and compares them by a callback.
// Hash by map_hash (XXH3 with a seed drawn at start): a peer that chooses keys cannot choose collisions.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map;
// True when the object behind value has this key.
typedef bool (*map_eq_fn)(const void *ctx, uint64_t value, const void *key);

struct map *map_new(size_t capacity, map_eq_fn eq, const void *ctx);
struct map *map_free(struct map *m);
// False when full (counted). The key must not be in the map yet.
bool map_put(struct map *m, uint64_t hash, uint64_t value);
// The value or 0.
uint64_t map_get(const struct map *m, uint64_t hash, const void *key);
bool map_del(struct map *m, uint64_t hash, uint64_t value);
size_t map_used(const struct map *m);
uint64_t map_refused(const struct map *m);
uint64_t map_hash(const void *key, size_t n);
// 128 bits, for what is compared by its hash alone; also: changes the seed, so that two parts make one hash.
struct hash128 {
    uint64_t low, high;
};
struct hash128 map_hash128(const void *key, size_t n, uint64_t also);
// Pulls the bucket of this hash into the cache, for batches.
void map_prefetch(const struct map *m, uint64_t hash);

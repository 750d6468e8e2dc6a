// chain.h: a hash index over slab slots that allows several slots with the same key, newest first. Fixed size, one
// owner thread. It stores the hash of each slot; the caller compares keys in its objects. Hash by map_hash (seeded).
// Full cannot be: it has one place per slot.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAIN_END UINT32_MAX

struct chain;
struct chain *chain_new(size_t slots);
struct chain *chain_free(struct chain *c);
void chain_add(struct chain *c, uint64_t hash, size_t slot); // the slot must not be in it
void chain_del(struct chain *c, size_t slot);                // fine when it is not in it
// First slot with this hash, and the next one of the same hash; CHAIN_END after the last.
uint32_t chain_first(const struct chain *c, uint64_t hash);
uint32_t chain_next(const struct chain *c, uint32_t slot);
size_t chain_memory(const struct chain *c);

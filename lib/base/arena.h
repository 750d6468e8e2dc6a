// arena.h: bump memory for one message: everything in it lives until arena_reset. Fixed size, one owner thread.
// Full: NULL and an overflow flag the handler looks at; the arena is also the limit for hostile messages.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct arena *arena_new(size_t bytes);
struct arena *arena_free(struct arena *a);
// 16-byte aligned; NULL when full.
void *arena_take(struct arena *a, size_t n);
void arena_reset(struct arena *a);
bool arena_overflowed(const struct arena *a); // since the last reset
size_t arena_used_max(const struct arena *a);
uint64_t arena_refused(const struct arena *a);

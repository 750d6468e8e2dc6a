// stat.h: counters and gauges, declared as one table per module, shown at /metrics and in --json.
// Each cell has one writer thread (stat_add is a relaxed store); readers may be any thread.
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum stat_kind {
    STAT_COUNTER,
    STAT_GAUGE
};

struct stat_def {
    const char *name;   // Prometheus name without the callmesh_ prefix, with _total for counters
    const char *labels; // "place=\"kernel\"" or NULL
    const char *help;
    enum stat_kind kind;
};

struct stat_cell {
    _Atomic uint64_t v;
};

// A table registers itself once, before threads start. defs and cells live for ever; n each.
void stat_register(const struct stat_def *defs, struct stat_cell *cells, size_t n);
static inline void stat_add(struct stat_cell *c, uint64_t n)
{
    uint64_t v = atomic_load_explicit(&c->v, memory_order_relaxed);
    atomic_store_explicit(&c->v, v + n, memory_order_relaxed);
}
static inline void stat_set(struct stat_cell *c, uint64_t n)
{
    atomic_store_explicit(&c->v, n, memory_order_relaxed);
}
static inline uint64_t stat_get(const struct stat_cell *c)
{
    return atomic_load_explicit(&c->v, memory_order_relaxed);
}
// Called for each registered cell in order of registration. Any thread after start.
typedef void (*stat_fn)(void *ctx, const struct stat_def *def, uint64_t value);
void stat_each(stat_fn fn, void *ctx);
// Prometheus text format 0.0.4 into buf; returns length, or the needed length when it is larger than cap.
size_t stat_prometheus(char *buf, size_t cap);

#include "base/stat.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"

#define TABLES_MAX 128

struct table {
    const struct stat_def *defs;
    struct stat_cell *cells;
    size_t n;
};

static struct table tables[TABLES_MAX];
static _Atomic size_t ntables;

void stat_register(const struct stat_def *defs, struct stat_cell *cells, size_t n)
{
    size_t i = atomic_load_explicit(&ntables, memory_order_relaxed);
    for (size_t k = 0; k < i; k++)
        if (tables[k].cells == cells)
            return; // a module that is opened again
    must(i < TABLES_MAX);
    tables[i] = (struct table){defs, cells, n};
    atomic_store_explicit(&ntables, i + 1, memory_order_release);
}

void stat_each(stat_fn fn, void *ctx)
{
    size_t n = atomic_load_explicit(&ntables, memory_order_acquire);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < tables[i].n; k++)
            fn(ctx, &tables[i].defs[k], stat_get(&tables[i].cells[k]));
}

struct out {
    char *buf;
    size_t cap, n;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t left = o->n < o->cap ? o->cap - o->n : 0;
    int r = vsnprintf(left ? o->buf + o->n : NULL, left, fmt, ap);
    va_end(ap);
    must(r >= 0);
    o->n += (size_t)r;
}

static bool name_seen_before(size_t table, size_t cell)
{
    const char *name = tables[table].defs[cell].name;
    for (size_t i = 0; i <= table; i++)
        for (size_t k = 0; k < (i == table ? cell : tables[i].n); k++)
            if (strcmp(tables[i].defs[k].name, name) == 0)
                return true;
    return false;
}

// The text format wants all lines of one name together, wherever they were registered.
static void put_family(struct out *o, size_t table, size_t cell, size_t ntab)
{
    const struct stat_def *d = &tables[table].defs[cell];
    put(o, "# HELP callmesh_%s %s\n# TYPE callmesh_%s %s\n", d->name, d->help, d->name,
        d->kind == STAT_COUNTER ? "counter" : "gauge");
    for (size_t i = table; i < ntab; i++)
        for (size_t k = i == table ? cell : 0; k < tables[i].n; k++) {
            const struct stat_def *e = &tables[i].defs[k];
            if (strcmp(e->name, d->name) != 0)
                continue;
            uint64_t v = stat_get(&tables[i].cells[k]);
            if (e->labels && *e->labels)
                put(o, "callmesh_%s{%s} %" PRIu64 "\n", e->name, e->labels, v);
            else
                put(o, "callmesh_%s %" PRIu64 "\n", e->name, v);
        }
}

size_t stat_prometheus(char *buf, size_t cap)
{
    struct out o = {buf, cap, 0};
    size_t n = atomic_load_explicit(&ntables, memory_order_acquire);
    if (cap)
        buf[0] = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < tables[i].n; k++)
            if (!name_seen_before(i, k))
                put_family(&o, i, k, n);
    return o.n;
}

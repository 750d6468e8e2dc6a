#include "agent_table.h"
#include <string.h>
#include "base/map.h"
#include "base/mem.h"

#define END         UINT32_MAX
#define MATCH_LOOKS 256 // entries with one hash: extensions of one number over the years

struct agent_table {
    size_t max, used, heads;
    uint32_t *head;
    struct agent_entry *entry;
};

struct agent_table *agent_table_new(size_t max)
{
    struct agent_table *t = mem_take(sizeof *t);
    if (!t)
        return NULL;
    t->max = max;
    t->heads = 16;
    while (t->heads < max)
        t->heads *= 2;
    t->head = mem_take(t->heads * sizeof *t->head);
    t->entry = mem_take(max * sizeof *t->entry);
    if (!t->head || !t->entry)
        return agent_table_free(t);
    agent_table_clear(t);
    return t;
}

struct agent_table *agent_table_free(struct agent_table *t)
{
    if (!t)
        return NULL;
    if (t->head)
        mem_give(t->head, t->heads * sizeof *t->head);
    if (t->entry)
        mem_give(t->entry, t->max * sizeof *t->entry);
    mem_give(t, sizeof *t);
    return NULL;
}

void agent_table_clear(struct agent_table *t)
{
    t->used = 0;
    for (size_t i = 0; i < t->heads; i++)
        t->head[i] = END;
}

struct agent_entry *agent_table_next(struct agent_table *t)
{
    if (t->used >= t->max)
        return NULL;
    t->entry[t->used] = (struct agent_entry){.next = END};
    return &t->entry[t->used];
}

static size_t head_of(const struct agent_table *t, struct span value)
{
    return map_hash(value.n ? (const void *)value.p : "", value.n) & (t->heads - 1);
}

void agent_table_put(struct agent_table *t)
{
    struct agent_entry *e = &t->entry[t->used];
    size_t h = head_of(t, span_str(e->value));
    e->next = t->head[h];
    t->head[h] = (uint32_t)t->used++;
}

size_t agent_table_used(const struct agent_table *t)
{
    return t->used;
}

static bool goes_before(const struct agent_entry *a, const struct agent_entry *best)
{
    if (!best)
        return true;
    if ((a->site[0] != 0) != (best->site[0] != 0))
        return a->site[0] != 0;
    return a->from_us > best->from_us;
}

static const struct agent_entry *find(const struct agent_table *t, enum agent_match kind,
                                      struct span site, struct span value, int64_t at_us)
{
    const struct agent_entry *best = NULL;
    int looks = 0;
    if (!value.n)
        return NULL;
    for (uint32_t i = t->head[head_of(t, value)]; i != END && looks < MATCH_LOOKS;
         i = t->entry[i].next, looks++) {
        const struct agent_entry *e = &t->entry[i];
        if (e->kind == kind && span_eq(span_str(e->value), value) &&
            (!e->site[0] || span_eq(span_str(e->site), site)) && at_us >= e->from_us &&
            at_us < e->to_us && goes_before(e, best))
            best = e;
    }
    return best;
}

bool agent_table_match(const struct agent_table *t, struct span site, struct span user,
                       struct span address, int64_t at_us, struct agent_ref *ret)
{
    const struct agent_entry *e = find(t, AGENT_BY_USER, site, user, at_us);
    if (!e)
        e = find(t, AGENT_BY_ADDRESS, site, address, at_us);
    if (!e)
        return false;
    *ret = e->agent;
    ret->by = e->kind;
    return true;
}

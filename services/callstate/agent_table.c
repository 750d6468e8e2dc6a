#include "agent_table.h"
#include <string.h>
#include "base/map.h"
#include "base/mem.h"

#define END         UINT32_MAX
#define MATCH_LOOKS 256 // entries with one hash: extensions of one number over the years
#define TEXT_EACH   48  // a number, a name and a team are some forty bytes

struct entry {
    uint32_t next, next_number; // with the same hash; END: none
    uint64_t e164;
    uint32_t site, value, name; // where their texts stand; the team follows the name
    uint8_t site_n, value_n, name_n, team_n, kind;
    struct uuid id;
    int64_t from_us, to_us;
};

struct agent_table {
    size_t max, used, heads, text_n, text_max;
    uint32_t *head, *head_number;
    struct entry *entry;
    uint8_t *text;
};

struct agent_table *agent_table_new(size_t max)
{
    struct agent_table *t = mem_take(sizeof *t);
    if (!t)
        return NULL;
    t->max = max;
    t->text_max = max * TEXT_EACH + AGENT_NAME_MAX + AGENT_TEAM_MAX;
    t->heads = 16;
    while (t->heads < max)
        t->heads *= 2;
    t->head = mem_take(t->heads * sizeof *t->head);
    t->head_number = mem_take(t->heads * sizeof *t->head_number);
    t->entry = mem_take(max * sizeof *t->entry);
    t->text = mem_take(t->text_max);
    if (!t->head || !t->head_number || !t->entry || !t->text)
        return agent_table_free(t);
    agent_table_clear(t);
    return t;
}

struct agent_table *agent_table_free(struct agent_table *t)
{
    if (!t)
        return NULL;
    mem_give(t->head, t->heads * sizeof *t->head);
    mem_give(t->head_number, t->heads * sizeof *t->head_number);
    mem_give(t->entry, t->max * sizeof *t->entry);
    mem_give(t->text, t->text_max);
    mem_give(t, sizeof *t);
    return NULL;
}

void agent_table_clear(struct agent_table *t)
{
    t->used = t->text_n = 0;
    for (size_t i = 0; i < t->heads; i++)
        t->head[i] = t->head_number[i] = END;
}

static size_t head_of(const struct agent_table *t, struct span value)
{
    return map_hash(value.n ? (const void *)value.p : "", value.n) & (t->heads - 1);
}

static size_t head_of_number(const struct agent_table *t, uint64_t e164)
{
    return map_hash(&e164, sizeof e164) & (t->heads - 1);
}

static struct span text_at(const struct agent_table *t, uint32_t at, size_t n)
{
    return span_of(t->text + at, n);
}

// a and b one after the other. The place of `before` when it says the same.
static bool keep(struct agent_table *t, struct span a, struct span b, uint32_t before,
                 size_t before_n, uint32_t *ret)
{
    size_t n = a.n + b.n;
    if (before_n == n && span_eq(text_at(t, before, a.n), a) &&
        span_eq(text_at(t, before + (uint32_t)a.n, b.n), b)) {
        *ret = before;
        return true;
    }
    if (n > t->text_max - t->text_n)
        return false;
    *ret = (uint32_t)t->text_n;
    if (a.n)
        memcpy(t->text + t->text_n, a.p, a.n);
    if (b.n)
        memcpy(t->text + t->text_n + a.n, b.p, b.n);
    t->text_n += n;
    return true;
}

bool agent_table_add(struct agent_table *t, const struct agent_entry *in)
{
    static const struct entry none;
    const struct entry *before = t->used ? &t->entry[t->used - 1] : &none;
    const struct span nothing = span_of("", 0);
    struct span site = span_sub(in->site, 0, AGENT_SITE_MAX);
    struct span value = span_sub(in->value, 0, AGENT_VALUE_MAX);
    struct span name = span_sub(in->name, 0, AGENT_NAME_MAX);
    struct span team = span_sub(in->team, 0, AGENT_TEAM_MAX);
    if (t->used >= t->max)
        return false;
    struct entry e = {.kind = (uint8_t)in->kind,
                      .id = in->id,
                      .e164 = in->kind == AGENT_BY_USER ? in->e164 : 0,
                      .next_number = END,
                      .from_us = in->from_us,
                      .to_us = in->to_us,
                      .site_n = (uint8_t)site.n,
                      .value_n = (uint8_t)value.n,
                      .name_n = (uint8_t)name.n,
                      .team_n = (uint8_t)team.n};
    if (!keep(t, value, nothing, before->value, before->value_n, &e.value) ||
        !keep(t, site, nothing, before->site, before->site_n, &e.site) ||
        !keep(t, name, team, before->name, (size_t)before->name_n + before->team_n, &e.name))
        return false;
    size_t h = head_of(t, value);
    e.next = t->head[h];
    t->head[h] = (uint32_t)t->used;
    if (e.e164) {
        h = head_of_number(t, e.e164);
        e.next_number = t->head_number[h];
        t->head_number[h] = (uint32_t)t->used;
    }
    t->entry[t->used++] = e;
    return true;
}

size_t agent_table_used(const struct agent_table *t)
{
    return t->used;
}

static bool goes_before(const struct entry *a, const struct entry *best)
{
    if (!best)
        return true;
    if ((a->site_n != 0) != (best->site_n != 0))
        return a->site_n != 0;
    return a->from_us > best->from_us;
}

static bool is_good(const struct agent_table *t, const struct entry *e, struct span site,
                    int64_t at_us)
{
    return (!e->site_n || span_eq(text_at(t, e->site, e->site_n), site)) && at_us >= e->from_us &&
           at_us < e->to_us;
}

static const struct entry *find_number(const struct agent_table *t, struct span site, uint64_t e164,
                                       int64_t at_us)
{
    const struct entry *best = NULL;
    int looks = 0;
    if (!e164)
        return NULL;
    for (uint32_t i = t->head_number[head_of_number(t, e164)]; i != END && looks < MATCH_LOOKS;
         i = t->entry[i].next_number, looks++) {
        const struct entry *e = &t->entry[i];
        if (e->e164 == e164 && is_good(t, e, site, at_us) && goes_before(e, best))
            best = e;
    }
    return best;
}

static const struct entry *find(const struct agent_table *t, enum agent_match kind,
                                struct span site, struct span value, int64_t at_us)
{
    const struct entry *best = NULL;
    int looks = 0;
    if (!value.n)
        return NULL;
    for (uint32_t i = t->head[head_of(t, value)]; i != END && looks < MATCH_LOOKS;
         i = t->entry[i].next, looks++) {
        const struct entry *e = &t->entry[i];
        if (e->kind == kind && span_eq(text_at(t, e->value, e->value_n), value) &&
            is_good(t, e, site, at_us) && goes_before(e, best))
            best = e;
    }
    return best;
}

bool agent_table_match(const struct agent_table *t, struct span site, struct span user,
                       uint64_t e164, struct span address, int64_t at_us, struct agent_ref *ret)
{
    const struct entry *e = find(t, AGENT_BY_USER, site, user, at_us);
    enum agent_match by = e ? AGENT_BY_USER : AGENT_BY_NUMBER;
    if (!e)
        e = find_number(t, site, e164, at_us);
    if (!e)
        by = AGENT_BY_ADDRESS;
    if (!e)
        e = find(t, AGENT_BY_ADDRESS, site, address, at_us);
    if (!e)
        return false;
    *ret = (struct agent_ref){.id = e->id,
                              .by = (uint8_t)by,
                              .name_n = e->name_n,
                              .team_n = e->team_n,
                              .text = t->text + e->name};
    return true;
}

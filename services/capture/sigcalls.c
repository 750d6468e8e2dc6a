#include "sigcalls.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/slab.h"

#define KEYS_PER_CALL 6 // on average; all calls share them
#define AGE_STEPS     16

struct alias {
    struct sigkey key;
    uint32_t tag;
    uint32_t call; // slot index
    uint32_t next; // of the call; slot index + 1
};

struct sigcalls {
    struct slab *calls, *aliases;
    struct map *map; // key -> handle of the alias
    int64_t age_us;
    uint32_t head, tail; // silent longest first; slot index + 1
    sigcalls_fn fn;
    void *ctx;
    uint64_t begun[SIGPROTO_COUNT], evicted, keys_refused;
};

_Static_assert(sizeof(struct sigkey) == 48, "no holes: it is hashed as bytes");

// ---- words --------------------------------------------------------------------------------------------------------

struct sigkey sigkey_of(enum sigkey_kind kind, const struct endpoint *a, const struct endpoint *b,
                        uint64_t number)
{
    struct sigkey k = {.kind = (uint8_t)kind, .family = a->ip.family, .number = number};
    size_t n = a->ip.family == 4 ? 4 : 16;
    memcpy(k.a, a->ip.b, n);
    k.aport = a->port;
    if (b) {
        memcpy(k.b, b->ip.b, n);
        k.bport = b->port;
    }
    return k;
}

static uint8_t take(char *to, size_t cap, struct span s)
{
    size_t n = s.n < cap ? s.n : cap;
    if (n)
        memcpy(to, s.p, n);
    return (uint8_t)n;
}

void sigparty_user(struct sigparty *p, struct span user)
{
    p->user_n = take(p->user, sizeof p->user, user);
}

void sigparty_name(struct sigparty *p, struct span name)
{
    p->name_n = take(p->name, sizeof p->name, name);
}

void sigparty_uri(struct sigparty *p, struct span uri)
{
    p->uri_n = take(p->uri, sizeof p->uri, uri);
}

void sigmedia_add_format(struct sigmedia *m, const struct sdp_format *f)
{
    if (m->formats == SIGMEDIA_FORMATS || !f->codec.n)
        return;
    struct media_format *out = &m->format[m->formats++];
    *out = (struct media_format){f->clock_rate, f->payload_type, f->channels, ""};
    (void)span_utf8(f->codec, out->codec, sizeof out->codec);
}

void sigmedia_add(struct sigmedia *m, uint8_t payload_type)
{
    struct sdp_format f;
    if (sdp_static_format(payload_type, &f))
        sigmedia_add_format(m, &f);
}

void sigcall_set_key(struct sigcall *c, const char *fmt, ...)
{
    char text[SIGCALL_KEY_MAX + 1];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->key_n = take(c->key, sizeof c->key,
                    span_of(text, n < 0                     ? 0
                                  : (size_t)n < sizeof text ? (size_t)n
                                                            : sizeof text - 1));
}

// ---- the table ----------------------------------------------------------------------------------------------------

static bool alias_eq(const void *ctx, uint64_t value, const void *key)
{
    const struct sigcalls *t = ctx;
    const struct alias *a = slab_get(t->aliases, value);
    return a && memcmp(&a->key, key, sizeof a->key) == 0;
}

struct sigcalls *sigcalls_new(size_t calls, int64_t age_us, sigcalls_fn fn, void *ctx)
{
    struct sigcalls *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->age_us = age_us;
    t->fn = fn;
    t->ctx = ctx;
    t->calls = slab_new("signalled_calls", calls, sizeof(struct sigcall));
    t->aliases = slab_new("signalled_call_keys", calls * KEYS_PER_CALL, sizeof(struct alias));
    t->map = map_new(calls * KEYS_PER_CALL, alias_eq, t);
    if (!t->calls || !t->aliases || !t->map)
        return sigcalls_free(t);
    return t;
}

struct sigcalls *sigcalls_free(struct sigcalls *t)
{
    if (t) {
        map_free(t->map);
        slab_free(t->aliases);
        slab_free(t->calls);
        free(t);
    }
    return NULL;
}

static struct sigcall *at_link(const struct sigcalls *t, uint32_t link)
{
    return link ? slab_at(t->calls, link - 1) : NULL;
}

static void list_remove(struct sigcalls *t, struct sigcall *c)
{
    struct sigcall *prev = at_link(t, c->prev), *next = at_link(t, c->next);
    *(prev ? &prev->next : &t->head) = c->next;
    *(next ? &next->prev : &t->tail) = c->prev;
}

static void list_append(struct sigcalls *t, struct sigcall *c)
{
    uint32_t self = (uint32_t)slab_index_of(t->calls, c) + 1;
    struct sigcall *last = at_link(t, t->tail);
    c->prev = t->tail;
    c->next = 0;
    *(last ? &last->next : &t->head) = self;
    t->tail = self;
}

static struct alias *alias_find(const struct sigcalls *t, const struct sigkey *k)
{
    uint64_t h = map_get(t->map, map_hash(k, sizeof *k), k);
    return h ? slab_get(t->aliases, h) : NULL;
}

struct sigcall *sigcalls_find(const struct sigcalls *t, const struct sigkey *k, uint32_t *ret_tag)
{
    const struct alias *a = alias_find(t, k);
    if (a && ret_tag)
        *ret_tag = a->tag;
    return a ? slab_at(t->calls, a->call) : NULL;
}

// From the map only: the call's own list of keys is the caller's.
static void alias_drop(struct sigcalls *t, struct alias *a)
{
    must(map_del(t->map, map_hash(&a->key, sizeof a->key), slab_handle_of(t->aliases, a)));
    slab_give(t->aliases, a);
}

static void alias_unlink(struct sigcalls *t, struct alias *a)
{
    struct sigcall *c = slab_at(t->calls, a->call);
    uint32_t self = (uint32_t)slab_index_of(t->aliases, a) + 1, *link = &c->aliases;
    while (*link != self)
        link = &((struct alias *)slab_at(t->aliases, *link - 1))->next;
    *link = a->next;
}

void sigcalls_unkey(struct sigcalls *t, const struct sigkey *k)
{
    struct alias *a = alias_find(t, k);
    if (!a)
        return;
    alias_unlink(t, a);
    alias_drop(t, a);
}

void sigcalls_key(struct sigcalls *t, struct sigcall *c, const struct sigkey *k, uint32_t tag)
{
    uint32_t index = (uint32_t)slab_index_of(t->calls, c);
    struct alias *a = alias_find(t, k);
    if (a && a->call == index) {
        a->tag = tag;
        return;
    }
    sigcalls_unkey(t, k);
    a = slab_take(t->aliases);
    if (!a) {
        t->keys_refused++;
        return;
    }
    *a = (struct alias){*k, tag, index, c->aliases};
    c->aliases = (uint32_t)slab_index_of(t->aliases, a) + 1;
    must(map_put(t->map, map_hash(k, sizeof *k), slab_handle_of(t->aliases, a)));
}

void sigcalls_end(struct sigcalls *t, struct sigcall *c)
{
    while (c->aliases) {
        struct alias *a = slab_at(t->aliases, c->aliases - 1);
        c->aliases = a->next;
        alias_drop(t, a);
    }
    list_remove(t, c);
    slab_give(t->calls, c);
}

struct sigcall *sigcalls_begin(struct sigcalls *t, enum sigproto protocol, int64_t at_us)
{
    struct sigcall *c = slab_take(t->calls);
    if (!c) {
        t->evicted++;
        sigcalls_end(t, at_link(t, t->head));
        c = slab_take(t->calls);
        must(c);
    }
    c->protocol = (uint8_t)protocol;
    c->last_us = at_us;
    list_append(t, c);
    return c;
}

void sigcalls_touch(struct sigcalls *t, struct sigcall *c, int64_t at_us)
{
    if (at_us > c->last_us)
        c->last_us = at_us;
    list_remove(t, c);
    list_append(t, c);
}

void sigcalls_age(struct sigcalls *t, int64_t now_us)
{
    for (int i = 0; i < AGE_STEPS; i++) {
        struct sigcall *c = at_link(t, t->head);
        if (!c || now_us - c->last_us <= t->age_us)
            return;
        sigcalls_end(t, c);
    }
}

// ---- telling ------------------------------------------------------------------------------------------------------

static void say(struct sigcalls *t, struct sigcall *c, const struct sigcall_event *e)
{
    t->fn(t->ctx, c, e);
}

// Is this state news?
static bool is_news(const struct sigcall *c, enum sigkind kind)
{
    switch (kind) {
    case SIGKIND_SETUP:
        return !c->told;
    case SIGKIND_RINGING:
        return !c->answered && c->state != SIGKIND_RINGING;
    case SIGKIND_ANSWERED:
        return !c->answered;
    case SIGKIND_HELD:
        return c->answered && c->state != SIGKIND_HELD;
    case SIGKIND_RESUMED:
        return c->state == SIGKIND_HELD;
    default:
        return true;
    }
}

void sigcalls_tell(struct sigcalls *t, struct sigcall *c, const struct sigcall_event *e)
{
    if (c->state == SIGKIND_ENDED || (!is_news(c, e->kind) && !e->medias))
        return;
    if (!c->told) {
        struct sigcall_event setup = {
            .kind = SIGKIND_SETUP, .at_us = e->at_us, .message = e->message};
        c->told = true;
        c->state = SIGKIND_SETUP;
        t->begun[c->protocol]++;
        say(t, c, &setup);
        if (e->kind == SIGKIND_SETUP && !e->medias)
            return;
    }
    struct sigcall_event out = *e;
    if (!is_news(c, e->kind))
        out.kind = SIGKIND_NONE;
    if (out.kind != SIGKIND_NONE)
        c->state = (uint8_t)out.kind;
    if (out.kind == SIGKIND_ANSWERED)
        c->answered = true;
    say(t, c, &out);
}

struct sigcalls_stat sigcalls_stat(const struct sigcalls *t)
{
    struct slab_stat c = slab_stat(t->calls), a = slab_stat(t->aliases);
    struct sigcalls_stat s = {c.used, c.slots, c.bytes + a.bytes, {0}, t->evicted, t->keys_refused};
    memcpy(s.begun, t->begun, sizeof s.begun);
    return s;
}

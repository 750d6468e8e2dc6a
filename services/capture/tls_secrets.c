#include "tls_secrets.h"
#include <stdlib.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/mem.h"

struct tls_secrets {
    struct map *map; // random -> index + 1
    struct tls_secret *slot;
    size_t slots, used, next; // a ring by age: next is the oldest once all are used
    uint64_t told, evicted;
};

static bool random_is(const void *ctx, uint64_t value, const void *key)
{
    const struct tls_secrets *t = ctx;
    return memcmp(t->slot[value - 1].random, key, TLS_RANDOM_BYTES) == 0;
}

struct tls_secrets *tls_secrets_new(size_t slots)
{
    struct tls_secrets *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->slots = slots;
    t->slot = mem_take(slots * sizeof *t->slot);
    t->map = map_new(slots, random_is, t);
    return t->slot && t->map ? t : tls_secrets_free(t);
}

struct tls_secrets *tls_secrets_free(struct tls_secrets *t)
{
    if (t) {
        if (t->slot)
            explicit_bzero(t->slot, t->slots * sizeof *t->slot);
        map_free(t->map);
        mem_give(t->slot, t->slots * sizeof *t->slot);
        free(t);
    }
    return NULL;
}

static struct tls_secret *slot_take(struct tls_secrets *t, const uint8_t *random, uint64_t hash)
{
    struct tls_secret *s = &t->slot[t->next];
    if (t->used == t->slots) {
        must(map_del(t->map, map_hash(s->random, TLS_RANDOM_BYTES), t->next + 1));
        t->evicted++;
    } else {
        t->used++;
    }
    explicit_bzero(s, sizeof *s);
    memcpy(s->random, random, TLS_RANDOM_BYTES);
    must(map_put(t->map, hash, t->next + 1));
    t->next = (t->next + 1) % t->slots;
    return s;
}

void tls_secrets_put(struct tls_secrets *t, const struct tls_key *k)
{
    uint64_t hash = map_hash(k->random, TLS_RANDOM_BYTES), at = map_get(t->map, hash, k->random);
    struct tls_secret *s = at ? &t->slot[at - 1] : slot_take(t, k->random, hash);
    t->told++;
    s->n[k->label] = k->n;
    memcpy(s->secret[k->label], k->secret, k->n);
}

const struct tls_secret *tls_secrets_find(const struct tls_secrets *t, const uint8_t *random)
{
    uint64_t at = map_get(t->map, map_hash(random, TLS_RANDOM_BYTES), random);
    return at ? &t->slot[at - 1] : NULL;
}

struct tls_secrets_stat tls_secrets_stat(const struct tls_secrets *t)
{
    return (struct tls_secrets_stat){t->used, t->slots, sizeof *t + t->slots * sizeof *t->slot,
                                     t->told, t->evicted};
}

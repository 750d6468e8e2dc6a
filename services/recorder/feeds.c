#include "feeds.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

void feeds_init(struct feeds *f)
{
    memset(f, 0, sizeof(*f));
    (void)pthread_mutex_init(&f->names, NULL);
}

uint64_t feeds_key(const char *publisher, const uint8_t incarnation[16])
{
    uint64_t seed;
    memcpy(&seed, incarnation, sizeof(seed));
    return XXH3_64bits_withSeed(publisher, strlen(publisher), seed);
}

uint64_t feeds_name(const char *publisher)
{
    return XXH3_64bits(publisher, strlen(publisher));
}

bool feeds_heard(const struct feeds *f, uint64_t name)
{
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        if (f->feed[i].used && feeds_name(f->feed[i].publisher) == name)
            return true;
    }
    return false;
}

struct feed *feeds_by_key(struct feeds *f, uint64_t key)
{
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        if (f->feed[i].used && f->feed[i].key == key)
            return &f->feed[i];
    }
    return NULL;
}

static struct feed *free_place(struct feeds *f)
{
    struct feed *oldest = NULL;
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        struct feed *d = &f->feed[i];
        if (!d->used)
            return d;
        if (!d->dirty_first &&
            (!oldest || atomic_load(&d->seen_us) < atomic_load(&oldest->seen_us)))
            oldest = d;
    }
    return oldest;
}

static struct feed *add(struct feeds *f, uint64_t key, const char *publisher,
                        const uint8_t incarnation[16], const char *site)
{
    struct feed *d = free_place(f);
    if (!d) {
        f->refused++;
        return NULL;
    }
    (void)pthread_mutex_lock(&f->names);
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        if (f->feed[i].used && strcmp(f->feed[i].publisher, publisher) == 0)
            atomic_store(&f->feed[i].ended, true); // its earlier incarnation says no more
    }
    memset(d, 0, sizeof(*d));
    d->used = true;
    d->key = key;
    (void)snprintf(d->publisher, sizeof(d->publisher), "%s", publisher);
    (void)snprintf(d->site, sizeof(d->site), "%s", site);
    memcpy(d->incarnation, incarnation, sizeof(d->incarnation));
    (void)pthread_mutex_unlock(&f->names);
    return d;
}

struct feed *feeds_bind(struct feeds *f, uint32_t slot, const char *publisher,
                        const uint8_t incarnation[16], const char *site)
{
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        if (f->feed[i].used && f->feed[i].bound && f->feed[i].slot == slot)
            return &f->feed[i];
    }
    uint64_t key = feeds_key(publisher, incarnation);
    struct feed *d = feeds_by_key(f, key);
    if (!d)
        d = add(f, key, publisher, incarnation, site);
    if (d) {
        d->bound = true;
        d->slot = slot;
    }
    return d;
}

static bool named(const struct feed *d, const char *const *harvesters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(d->publisher, harvesters[i]) == 0)
            return true;
    }
    return false;
}

static enum feeds_state state_of(struct feed *d, const struct feeds_question *q)
{
    if (atomic_load(&d->ended) || atomic_load(&d->watermark_us) >= q->until_us)
        return FEEDS_PASSED;
    int64_t drained_us = atomic_load(&d->drained_us);
    if (q->live && drained_us > 0) {
        int64_t since_us = drained_us > q->since_us ? drained_us : q->since_us;
        if (q->wall_us - since_us > FEEDS_QUIET_US)
            return FEEDS_PASSED;
    }
    return atomic_load(&d->seen_us) + q->silent_us < q->wall_us ? FEEDS_SILENT : FEEDS_BEHIND;
}

enum feeds_state feeds_passed(struct feeds *f, const struct feeds_question *q)
{
    // Behind and alive decides over silent, silent over passed.
    static const int weight[] = {
        [FEEDS_UNKNOWN] = 0, [FEEDS_PASSED] = 1, [FEEDS_SILENT] = 2, [FEEDS_BEHIND] = 3};
    enum feeds_state worst[2] = {FEEDS_UNKNOWN, FEEDS_UNKNOWN}; // [1]: only those that are named
    (void)pthread_mutex_lock(&f->names);
    for (size_t i = 0; i < FEEDS_MAX; i++) {
        struct feed *d = &f->feed[i];
        if (!d->used || strcmp(d->site, q->site) != 0)
            continue;
        enum feeds_state s = state_of(d, q);
        for (int k = 0; k <= (named(d, q->harvesters, q->n) ? 1 : 0); k++) {
            if (weight[s] > weight[worst[k]])
                worst[k] = s;
        }
    }
    (void)pthread_mutex_unlock(&f->names);
    return worst[1] != FEEDS_UNKNOWN ? worst[1] : worst[0];
}

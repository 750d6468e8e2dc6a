#include "guard.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static struct {
    pthread_mutex_t lock;
    struct bus_admitted list[BUS_ADMITTED_MAX];
    size_t n;
    bool loaded;
    _Atomic uint64_t generation;
} g = {.lock = PTHREAD_MUTEX_INITIALIZER};

void bus_admit(const struct bus_admitted *list, size_t n)
{
    if (n > BUS_ADMITTED_MAX)
        n = BUS_ADMITTED_MAX;
    pthread_mutex_lock(&g.lock);
    bool same = g.loaded && g.n == n && (n == 0 || memcmp(g.list, list, n * sizeof(*list)) == 0);
    if (!same) {
        if (n)
            memcpy(g.list, list, n * sizeof(*list));
        g.n = n;
        g.loaded = true;
        atomic_fetch_add(&g.generation, 1);
    }
    pthread_mutex_unlock(&g.lock);
}

uint64_t guard_generation(void)
{
    return atomic_load(&g.generation);
}

bool guard_loaded(void)
{
    pthread_mutex_lock(&g.lock);
    bool r = g.loaded;
    pthread_mutex_unlock(&g.lock);
    return r;
}

// A list of at most BUS_ADMITTED_MAX, looked through at a handshake or for a batch: microseconds beside a signature's check.
enum guard_answer guard_certificate(const uint8_t print[GUARD_PRINT])
{
    enum guard_answer a = GUARD_UNKNOWN;
    pthread_mutex_lock(&g.lock);
    if (!g.loaded)
        a = GUARD_GOOD;
    for (size_t i = 0; i < g.n && a != GUARD_GOOD; i++)
        if (memcmp(g.list[i].certificate, print, GUARD_PRINT) == 0)
            a = g.list[i].revoked ? GUARD_REVOKED : GUARD_GOOD;
    pthread_mutex_unlock(&g.lock);
    return a;
}

enum guard_answer guard_key(struct span site, const uint8_t id[BUS_KEY_ID],
                            uint8_t ret_key[BUS_KEY_BYTES])
{
    enum guard_answer a = GUARD_UNKNOWN;
    pthread_mutex_lock(&g.lock);
    for (size_t i = 0; i < g.n && a == GUARD_UNKNOWN; i++) {
        const struct bus_admitted *k = &g.list[i];
        if (memcmp(k->key, id, BUS_KEY_ID) != 0 || strlen(k->site) != site.n ||
            memcmp(k->site, site.p, site.n) != 0)
            continue;
        a = k->revoked ? GUARD_REVOKED : GUARD_GOOD;
        memcpy(ret_key, k->key, BUS_KEY_BYTES);
    }
    pthread_mutex_unlock(&g.lock);
    return a;
}

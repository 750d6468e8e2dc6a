#include "dtls_seen.h"
#include "base/map.h"

// The same for both directions.
static uint64_t pair_hash(const struct endpoint *a, const struct endpoint *b)
{
    struct {
        uint8_t ip[16];
        uint16_t port, family;
    } side[2] = {{.port = a->port, .family = a->ip.family},
                 {.port = b->port, .family = b->ip.family}};
    memcpy(side[0].ip, a->ip.b, sizeof side[0].ip);
    memcpy(side[1].ip, b->ip.b, sizeof side[1].ip);
    return map_hash(&side[0], sizeof side[0]) + map_hash(&side[1], sizeof side[1]);
}

void dtls_seen_note(struct dtls_seen *d, const struct endpoint *a, const struct endpoint *b,
                    int64_t at_us)
{
    uint64_t hash = pair_hash(a, b);
    size_t i = hash % DTLS_SEEN_SLOTS;
    d->overwritten += d->slot[i].hash != 0 && d->slot[i].hash != hash &&
                      at_us - d->slot[i].at_us < DTLS_SEEN_AGE_US;
    d->slot[i].hash = hash;
    d->slot[i].at_us = at_us;
}

bool dtls_seen_between(struct dtls_seen *d, const struct endpoint *a, const struct endpoint *b,
                       int64_t at_us)
{
    uint64_t hash = pair_hash(a, b);
    size_t i = hash % DTLS_SEEN_SLOTS;
    if (d->slot[i].hash != hash || at_us - d->slot[i].at_us >= DTLS_SEEN_AGE_US)
        return false;
    d->slot[i].at_us = at_us;
    return true;
}

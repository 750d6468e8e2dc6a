#include "media_table.h"
#include <stdlib.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/slab.h"

// Oldest naming at the head; links are slot index + 1, 0 is none.
struct media_table {
    struct slab *slab;
    struct map *map;
    int64_t age_us;
    uint32_t head, tail;
    uint64_t evicted, aged;
};

struct addr_key {
    uint8_t ip[16];
    uint16_t port;
    uint8_t family, zero;
};

static struct addr_key key_of(const struct ip_addr *ip, uint16_t port)
{
    struct addr_key k = {.port = port, .family = ip->family};
    memcpy(k.ip, ip->b, ip->family == 4 ? 4 : 16);
    return k;
}

static bool addr_eq(const void *ctx, uint64_t value, const void *key)
{
    const struct media_table *t = ctx;
    const struct media_addr *m = slab_get(t->slab, value);
    const struct addr_key *k = key;
    return m && m->at.port == k->port && m->at.ip.family == k->family &&
           memcmp(m->at.ip.b, k->ip, k->family == 4 ? 4 : 16) == 0;
}

struct media_table *media_table_new(size_t slots, int64_t age_us)
{
    struct media_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->age_us = age_us;
    t->slab = slab_new("media_addresses", slots, sizeof(struct media_addr));
    t->map = map_new(slots, addr_eq, t);
    if (!t->slab || !t->map)
        return media_table_free(t);
    return t;
}

struct media_table *media_table_free(struct media_table *t)
{
    if (t) {
        map_free(t->map);
        slab_free(t->slab);
        free(t);
    }
    return NULL;
}

static struct media_addr *at_link(const struct media_table *t, uint32_t link)
{
    return link ? slab_at(t->slab, link - 1) : NULL;
}

static void unlink_addr(struct media_table *t, struct media_addr *m)
{
    struct media_addr *prev = at_link(t, m->prev), *next = at_link(t, m->next);
    *(prev ? &prev->next : &t->head) = m->next;
    *(next ? &next->prev : &t->tail) = m->prev;
}

static void link_newest(struct media_table *t, struct media_addr *m)
{
    uint32_t self = (uint32_t)slab_index_of(t->slab, m) + 1;
    struct media_addr *last = at_link(t, t->tail);
    m->prev = t->tail;
    m->next = 0;
    *(last ? &last->next : &t->head) = self;
    t->tail = self;
}

static void forget(struct media_table *t, struct media_addr *m)
{
    struct addr_key k = key_of(&m->at.ip, m->at.port);
    must(map_del(t->map, map_hash(&k, sizeof k), slab_handle_of(t->slab, m)));
    unlink_addr(t, m);
    slab_give(t->slab, m);
}

static struct media_addr *take_slot(struct media_table *t, const struct endpoint *at)
{
    struct media_addr *m = slab_take(t->slab);
    if (!m) {
        forget(t, at_link(t, t->head));
        t->evicted++;
        m = slab_take(t->slab);
        must(m);
    }
    m->at = *at;
    struct addr_key k = key_of(&at->ip, at->port);
    must(map_put(t->map, map_hash(&k, sizeof k), slab_handle_of(t->slab, m)));
    link_newest(t, m);
    return m;
}

static struct media_addr *find(const struct media_table *t, const struct ip_addr *ip, uint16_t port)
{
    struct addr_key k = key_of(ip, port);
    uint64_t h = map_get(t->map, map_hash(&k, sizeof k), &k);
    return h ? slab_get(t->slab, h) : NULL;
}

static bool has_format(const struct media_format *list, uint32_t n, uint8_t payload_type)
{
    for (uint32_t i = 0; i < n; i++)
        if (list[i].payload_type == payload_type)
            return true;
    return false;
}

// The latest SDP comes first; what only an earlier one named stays behind it while there is room (an answer often
// repeats only a part of the offer, and the other codecs may still come for a moment).
static void take_formats(struct media_addr *m, const struct sdp_media *media)
{
    struct media_format list[MEDIA_FORMATS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < media->formats && n < MEDIA_FORMATS_MAX; i++) {
        const struct sdp_format *f = &media->format[i];
        if (has_format(list, n, f->payload_type))
            continue;
        struct media_format *out = &list[n++];
        *out = (struct media_format){f->clock_rate, f->payload_type, f->channels, ""};
        span_utf8(f->codec, out->codec, sizeof out->codec);
    }
    for (uint32_t i = 0; i < m->formats && n < MEDIA_FORMATS_MAX; i++)
        if (!has_format(list, n, m->format[i].payload_type))
            list[n++] = m->format[i];
    memcpy(m->format, list, n * sizeof list[0]);
    m->formats = (uint8_t)n;
}

static bool addressable(const struct endpoint *e)
{
    static const uint8_t zero[16];
    return e->port && e->ip.family && memcmp(e->ip.b, zero, e->ip.family == 4 ? 4 : 16) != 0;
}

// The entry of this address, now the newest.
static struct media_addr *name(struct media_table *t, const struct endpoint *at, int64_t at_us)
{
    struct media_addr *m = find(t, &at->ip, at->port);
    if (m) {
        unlink_addr(t, m);
        link_newest(t, m);
    } else {
        m = take_slot(t, at);
    }
    m->named_at_us = at_us;
    return m;
}

uint32_t media_table_name(struct media_table *t, const struct sdp *sdp, int64_t at_us)
{
    uint32_t named = 0;
    for (uint32_t i = 0; i < sdp->medias; i++) {
        const struct sdp_media *media = &sdp->media[i];
        if (!media->rtp || !addressable(&media->rtp_at))
            continue;
        struct media_addr *m = name(t, &media->rtp_at, at_us);
        m->srtp = media->srtp;
        take_formats(m, media);
        named++;
    }
    return named;
}

void media_table_name_one(struct media_table *t, const struct endpoint *at,
                          const struct media_format *format, uint32_t formats, int64_t at_us)
{
    if (!addressable(at))
        return;
    struct media_addr *m = name(t, at, at_us);
    m->srtp = false;
    m->formats = (uint8_t)(formats < MEDIA_FORMATS_MAX ? formats : MEDIA_FORMATS_MAX);
    memcpy(m->format, format, m->formats * sizeof *format);
}

const struct media_addr *media_table_find(const struct media_table *t, const struct ip_addr *ip,
                                          uint16_t port)
{
    return find(t, ip, port);
}

const struct media_format *media_addr_format(const struct media_addr *m, uint8_t payload_type)
{
    for (uint8_t i = 0; i < m->formats; i++)
        if (m->format[i].payload_type == payload_type)
            return &m->format[i];
    return NULL;
}

void media_table_age(struct media_table *t, int64_t now_us)
{
    for (int i = 0; i < 64; i++) {
        struct media_addr *m = at_link(t, t->head);
        if (!m || now_us - m->named_at_us <= t->age_us)
            return;
        forget(t, m);
        t->aged++;
    }
}

struct media_table_stat media_table_stat(const struct media_table *t)
{
    struct slab_stat s = slab_stat(t->slab);
    return (struct media_table_stat){s.used, s.slots, s.bytes, t->evicted, t->aged};
}

#include "world.h"
#include <stdio.h>
#include <string.h>
#include "base/fail.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/mono.h"
#include "media_join.h"
#include "recorders.h"
#include "registrations.h"
#include "wire/sdp.h"

static bool make_tables(struct world *w)
{
    const struct limits *l = &w->lim;
    w->calls = slab_new("calls", l->calls, sizeof(struct call));
    w->legs = slab_new("legs", l->legs, sizeof(struct leg));
    w->streams = slab_new("streams", l->streams, sizeof(struct stream));
    w->addresses = slab_new("addresses", l->addresses, sizeof(struct address));
    w->pending = slab_new("pending", l->pending, sizeof(struct pending));
    w->waits = slab_new("waits", l->waits, sizeof(struct wait));
    w->texts = slab_new("texts", limits_texts(l), TEXTS_BLOCK);
    w->transfers = slab_new("transfers", limits_transfers(l), sizeof(struct transfer));
    w->pauses_more = slab_new("pauses_more", limits_pauses_more(l),
                              (CALL_PAUSES - 1) * sizeof(struct call_pause));
    return w->calls && w->legs && w->streams && w->addresses && w->pending && w->waits &&
           w->texts && w->transfers && w->pauses_more;
}

static bool make_chains(struct world *w)
{
    struct {
        struct chain **c;
        size_t n;
    } all[] = {
        {&w->by_call_id, w->lim.calls},
        {&w->by_id, w->lim.calls},
        {&w->by_stream, w->lim.streams},
        {&w->by_src, w->lim.streams},
        {&w->by_dst, w->lim.streams},
        {&w->by_address, w->lim.addresses},
        {&w->pending_by_call_id, w->lim.pending},
        {&w->wait_by_id, w->lim.waits},
        {&w->by_key, w->lim.calls * CALL_KEYS},
        {&w->by_target, limits_transfers(&w->lim)},
        {&w->leg_by_hosts, w->lim.legs},
        {&w->stream_by_hosts, w->lim.streams},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        *all[i].c = chain_new(all[i].n);
        if (!*all[i].c)
            return false;
        w->memory += chain_memory(*all[i].c);
    }
    return true;
}

struct world *world_new(const struct limits *lim)
{
    struct world *w = mem_take(sizeof *w);
    if (!w)
        return NULL;
    w->lim = *lim;
    struct link *heads[] = {&w->dirty_calls, &w->dirty_streams, &w->tell_now, &w->tell_later,
                            &w->ended,       &w->pending_age,   &w->wait_age, &w->early_age,
                            &w->late_calls,  &w->idle_streams};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        list_init(heads[i]);
    w->site = mem_take(lim->sites * sizeof *w->site);
    w->publisher = mem_take(lim->publishers * sizeof *w->publisher);
    w->counter_name = mem_take(COUNTER_NAMES_MAX * sizeof *w->counter_name);
    w->tap = mem_take(lim->taps * sizeof *w->tap);
    w->sip = mem_take(sizeof *w->sip);
    w->sip_pending = mem_take(sizeof *w->sip_pending);
    w->sdp = mem_take(sizeof *w->sdp);
    w->ua = ua_cache_new();
    if (!w->site || !w->publisher || !w->counter_name || !w->tap || !w->sip || !w->sip_pending ||
        !w->sdp || !w->ua || !make_tables(w) || !make_chains(w))
        return world_free(w);
    struct slab *slabs[] = {w->calls, w->legs,  w->streams,   w->addresses,  w->pending,
                            w->waits, w->texts, w->transfers, w->pauses_more};
    for (size_t i = 0; i < sizeof slabs / sizeof slabs[0]; i++)
        w->memory += slab_stat(slabs[i]).bytes;
    w->memory += lim->publishers * sizeof *w->publisher + lim->sites * sizeof *w->site;
    return w;
}

struct world *world_free(struct world *w)
{
    if (!w)
        return NULL;
    slab_free(w->calls);
    slab_free(w->legs);
    slab_free(w->streams);
    slab_free(w->addresses);
    slab_free(w->pending);
    slab_free(w->waits);
    slab_free(w->texts);
    slab_free(w->transfers);
    slab_free(w->pauses_more);
    struct chain *chains[] = {
        w->by_call_id, w->by_id,      w->by_stream,          w->by_src,
        w->by_dst,     w->by_address, w->pending_by_call_id, w->wait_by_id,
        w->by_key,     w->by_target,  w->leg_by_hosts,       w->stream_by_hosts};
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++)
        chain_free(chains[i]);
    struct {
        void *p;
        size_t n;
    } rest[] = {{w->site, w->lim.sites * sizeof *w->site},
                {w->publisher, w->lim.publishers * sizeof *w->publisher},
                {w->counter_name, COUNTER_NAMES_MAX * sizeof *w->counter_name},
                {w->tap, w->lim.taps * sizeof *w->tap},
                {w->sip, sizeof *w->sip},
                {w->sip_pending, sizeof *w->sip_pending},
                {w->sdp, sizeof *w->sdp}};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        if (rest[i].p)
            mem_give(rest[i].p, rest[i].n);
    ua_cache_free(w->ua);
    mem_give(w, sizeof *w);
    return NULL;
}

// A site that nobody speaks for any more and that has no call in memory gives its place to a new one.
static struct site *site_place(struct world *w)
{
    for (size_t i = 0; i < w->lim.sites; i++)
        if (!w->site[i].used)
            return &w->site[i];
    for (size_t i = 0; i < w->lim.sites; i++) {
        bool spoken = w->site[i].calls > 0;
        for (size_t k = 0; k < w->lim.publishers && !spoken; k++)
            spoken = w->publisher[k].used && w->publisher[k].site == i;
        for (struct link *l = w->wait_age.next; l != &w->wait_age && !spoken; l = l->next)
            spoken = LIST_OBJECT(struct wait, age_link, l)->site == i;
        if (!spoken)
            return &w->site[i];
    }
    return NULL;
}

struct site *site_intern(struct world *w, struct span name, uint16_t *ret_index)
{
    for (size_t i = 0; i < w->lim.sites; i++) {
        if (w->site[i].used &&
            span_eq(span_str(w->site[i].name), span_sub(name, 0, sizeof w->site[i].name - 1))) {
            *ret_index = (uint16_t)i;
            return &w->site[i];
        }
    }
    struct site *s = site_place(w);
    if (!s)
        return NULL;
    *s = (struct site){.used = true};
    (void)span_utf8(name, s->name, sizeof s->name);
    char realm[64];
    (void)span_copy(span_str(s->name), realm, sizeof realm);
    if (w->realm)
        w->realm(span_str(s->name), realm);
    s->realm = fnv64(FNV_START, span_str(realm));
    *ret_index = (uint16_t)(s - w->site);
    return s;
}

// The longest silent publisher that has no call in memory and nothing unsealed, and is no recorder that is waited for.
static struct publisher *publisher_place(struct world *w)
{
    struct publisher *best = NULL;
    for (size_t i = 0; i < w->lim.publishers; i++) {
        struct publisher *p = &w->publisher[i];
        if (!p->used)
            return p;
        if (p->calls || p->dirty || p->taken.seq != p->sealed.seq ||
            p->taken.done != p->sealed.done || p->up || recorders_knows(w, p))
            continue;
        if (!best || p->last_seen_wall_us < best->last_seen_wall_us)
            best = p;
    }
    return best;
}

struct publisher *publisher_intern(struct world *w, struct span name, struct span site,
                                   uint16_t *ret_index)
{
    for (size_t i = 0; i < w->lim.publishers; i++) {
        struct publisher *p = &w->publisher[i];
        if (p->used && span_eq(span_str(p->name), span_sub(name, 0, sizeof p->name - 1))) {
            *ret_index = (uint16_t)i;
            return p;
        }
    }
    struct publisher *p = publisher_place(w);
    if (!p)
        return NULL;
    for (size_t i = 0; p->used && i < w->lim.streams; i++) {
        struct stream *at = slab_at(w->streams, i);
        if (!at || at->publisher != p - w->publisher)
            continue;
        if (at->call) // of a call that has more harvesters than it lists
            return NULL;
        media_forget_stream(w, at); // its row is told with the name that it had
    }
    memset(p, 0, sizeof *p);
    uint16_t s = 0;
    if (!site_intern(w, site, &s))
        return NULL;
    p->used = true;
    p->site = s;
    (void)span_copy(name, p->name, sizeof p->name);
    *ret_index = (uint16_t)(p - w->publisher);
    return p;
}

void site_feed_refresh(struct world *w, uint16_t site)
{
    int64_t low = 0;
    for (size_t i = 0; i < w->lim.publishers; i++) {
        const struct publisher *p = &w->publisher[i];
        if (!p->used || p->site != site || p->is_recorder || p->ended || !p->up || !p->feed_us)
            continue;
        if (!low || p->feed_us < low)
            low = p->feed_us;
    }
    if (low > w->site[site].feed_us)
        w->site[site].feed_us = low;
}

void publisher_touch_feed(struct world *w, struct publisher *p, int64_t at_us)
{
    if (at_us > p->feed_us)
        p->feed_us = at_us;
    site_feed_refresh(w, p->site);
}

void tag_set(struct tag *t, struct span s)
{
    t->hash = s.n ? map_hash(s.p, s.n) : 0;
    t->n = (uint16_t)(s.n > UINT16_MAX ? UINT16_MAX : s.n);
    size_t keep = s.n < TAG_MAX ? s.n : TAG_MAX;
    if (keep)
        memcpy(t->b, s.p, keep);
}

bool tag_is(const struct tag *t, struct span s)
{
    if (t->n != s.n)
        return false;
    if (s.n == 0)
        return true;
    size_t keep = s.n < TAG_MAX ? s.n : TAG_MAX;
    return memcmp(t->b, s.p, keep) == 0 && (s.n <= TAG_MAX || t->hash == map_hash(s.p, s.n));
}

uint64_t fnv64(uint64_t h, struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

#define CLOCKS_AGREE_US (500 * US_PER_MS)

int64_t clock_between(const struct world *w, uint16_t from, uint16_t to)
{
    const struct publisher *a = &w->publisher[from], *b = &w->publisher[to];
    int64_t d = from == to || !a->clock_offset_us || !b->clock_offset_us
                    ? 0
                    : b->clock_offset_us - a->clock_offset_us;
    return d < CLOCKS_AGREE_US && d > -CLOCKS_AGREE_US ? 0 : d;
}

int64_t call_time(const struct world *w, const struct call *c, uint16_t publisher, int64_t at_us)
{
    return c->publishers ? at_us + clock_between(w, publisher, c->publisher[0]) : at_us;
}

uint64_t hash_site_span(const struct world *w, uint16_t site, struct span s)
{
    return (s.n ? map_hash(s.p, s.n) : 0) ^ (realm_of(w, site) + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t hash_site_endpoint(const struct world *w, uint16_t site, const struct endpoint *e)
{
    uint8_t key[18];
    memcpy(key, e->ip.b, 16);
    key[16] = (uint8_t)(e->port >> 8);
    key[17] = (uint8_t)e->port;
    return hash_site_span(w, site, span_of(key, sizeof key));
}

uint64_t hash_uuid(const struct uuid *u)
{
    return map_hash(u->b, sizeof u->b);
}

bool endpoint_from_pb(const Callmesh__V1__Endpoint *in, struct endpoint *ret)
{
    memset(ret, 0, sizeof *ret);
    if (!in || (in->ip.len != 4 && in->ip.len != 16) || in->port > UINT16_MAX)
        return false;
    memcpy(ret->ip.b, in->ip.data, in->ip.len);
    ret->ip.family = in->ip.len == 4 ? 4 : 6;
    ret->port = (uint16_t)in->port;
    return true;
}

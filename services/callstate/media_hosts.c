#include "media_hosts.h"
#include <stdio.h>
#include <string.h>
#include "base/mono.h"
#include "stats.h"

#define LOOKS_MAX 64
// Half a second each way: what else was signalled at the same time has come by then, from all harvesters.
#define PACKETS_MIN 25
#define ANSWER_US   (3 * US_PER_S)

// What speaks for it, together. The first three must be; with them the time and the payload types, or one of both and a port that the
// NAT kept, reach join.threshold (80).
enum {
    SCORE_HOSTS = 40,
    SCORE_BOTH_WAYS = 10,
    SCORE_TIME = 20,
    SCORE_PAYLOAD = 10,
    SCORE_PORT = 20
};

static bool ipv4_in(const uint8_t *b, uint8_t a0, uint8_t a1, uint8_t mask1)
{
    return b[0] == a0 && (b[1] & mask1) == a1;
}

// RFC 1918, 6598, 3927; RFC 4193, 4291 (link local).
static bool is_private(const struct ip_addr *a)
{
    const uint8_t *b = a->b;
    if (a->family == 6)
        return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
    return a->family == 4 &&
           (ipv4_in(b, 10, 0, 0) || ipv4_in(b, 172, 16, 0xf0) || ipv4_in(b, 192, 168, 0xff) ||
            ipv4_in(b, 100, 64, 0xc0) || ipv4_in(b, 169, 254, 0xff));
}

// The same for both directions.
static uint64_t hash_hosts(const struct world *w, uint16_t site, const struct endpoint *a,
                           const struct endpoint *b)
{
    struct endpoint x = {.ip = a->ip}, y = {.ip = b->ip};
    return hash_site_endpoint(w, site, &x) ^ hash_site_endpoint(w, site, &y);
}

void media_hosts_add_leg(struct world *w, const struct leg *l)
{
    chain_add(w->leg_by_hosts, hash_hosts(w, l->call->site, &l->src, &l->dst),
              slab_index_of(w->legs, l));
}

void media_hosts_del_leg(struct world *w, const struct leg *l)
{
    chain_del(w->leg_by_hosts, slab_index_of(w->legs, l));
}

void media_hosts_add_stream(struct world *w, const struct stream *s)
{
    chain_add(w->stream_by_hosts, hash_hosts(w, s->site, &s->src, &s->dst),
              slab_index_of(w->streams, s));
}

void media_hosts_del_stream(struct world *w, const struct stream *s)
{
    chain_del(w->stream_by_hosts, slab_index_of(w->streams, s));
}

// Both sides named addresses, and all of them are private ones that the outside does not know them by.
static bool both_hidden(const struct leg *l)
{
    bool named[3] = {false};
    for (const struct address *a = l->addresses; a; a = a->next) {
        const struct endpoint *host = a->side == SIDE_CALLER ? &l->src : &l->dst;
        if (!is_private(&a->at.ip) || ip_addr_eq(&a->at.ip, &host->ip))
            return false;
        named[a->side] = true;
    }
    return named[SIDE_CALLER] && named[SIDE_CALLEE];
}

static bool has_stream(const struct leg *l)
{
    for (const struct stream *s = l->call->streams; s; s = s->next)
        if (s->leg == l)
            return true;
    return false;
}

static bool receiver_takes(const struct leg *l, enum side receiver, uint8_t payload_type)
{
    for (uint8_t i = 0; i < l->formats[receiver]; i++)
        if (l->format[receiver - 1][i].payload_type == payload_type)
            return true;
    return false;
}

static bool port_named(const struct leg *l, enum side receiver, uint16_t port)
{
    for (const struct address *a = l->addresses; a; a = a->next)
        if (a->side == receiver && a->at.port == port)
            return true;
    return false;
}

// s from the caller's host to the callee's, r back. 0: out of the question.
static int score_of(const struct world *w, const struct leg *l, const struct stream *s,
                    const struct stream *r, char why[80])
{
    int64_t d = call_time(w, l->call, s->publisher, 0), first_us = s->first_us + d;
    if (!l->media_us || first_us < l->media_us || (l->ended_us && first_us > l->ended_us) ||
        !both_hidden(l) || has_stream(l))
        return 0;
    bool time = !l->answered_us || first_us <= l->answered_us + ANSWER_US;
    bool payload = receiver_takes(l, SIDE_CALLEE, s->payload_type) &&
                   receiver_takes(l, SIDE_CALLER, r->payload_type);
    bool port = port_named(l, SIDE_CALLEE, s->dst.port) || port_named(l, SIDE_CALLER, r->dst.port);
    (void)snprintf(why, 80, "hosts+both_ways%s%s%s", time ? "+time" : "",
                   payload ? "+payload_type" : "", port ? "+port" : "");
    return SCORE_HOSTS + SCORE_BOTH_WAYS + (time ? SCORE_TIME : 0) + (payload ? SCORE_PAYLOAD : 0) +
           (port ? SCORE_PORT : 0);
}

static bool same_way(const struct stream *a, const struct stream *b)
{
    return endpoint_eq(&a->src, &b->src) && endpoint_eq(&a->dst, &b->dst);
}

static bool is_reverse(const struct stream *a, const struct stream *b)
{
    return endpoint_eq(&a->src, &b->dst) && endpoint_eq(&a->dst, &b->src);
}

static bool overlap(const struct world *w, const struct stream *a, const struct stream *b)
{
    int64_t d = clock_between(w, a->publisher, b->publisher);
    return a->last_us + d >= b->first_us && a->first_us + d <= b->last_us;
}

// The one stream that answers s, when nothing else runs between these hosts at the time. *ret_many: something does.
static const struct stream *answering(const struct world *w, const struct stream *s, bool *ret_many)
{
    const struct stream *found = NULL;
    int looks = 0;
    *ret_many = false;
    for (uint32_t i = chain_first(w->stream_by_hosts, hash_hosts(w, s->site, &s->src, &s->dst));
         i != CHAIN_END; i = chain_next(w->stream_by_hosts, i)) {
        const struct stream *r = slab_at(w->streams, i);
        if (++looks > LOOKS_MAX) {
            *ret_many = true;
            return NULL;
        }
        if (r == s || !uuid_is_zero(&r->call_id) || realm_of(w, r->site) != realm_of(w, s->site) ||
            !overlap(w, r, s) || same_way(r, s))
            continue;
        if (is_reverse(r, s) && r->packets >= PACKETS_MIN)
            found = r;
        else if (!is_reverse(r, s))
            *ret_many = true;
    }
    return *ret_many ? NULL : found;
}

struct leg *media_hosts_find(const struct world *w, const struct stream *s, enum side *ret_side,
                             int *ret_score, char ret_why[80])
{
    bool many = false;
    if (!w->lim.join_threshold || s->packets < PACKETS_MIN || ip_addr_eq(&s->src.ip, &s->dst.ip))
        return NULL;
    uint64_t h = hash_hosts(w, s->site, &s->src, &s->dst);
    if (chain_first(w->leg_by_hosts, h) == CHAIN_END)
        return NULL;
    const struct stream *r = answering(w, s, &many);
    struct leg *best = NULL;
    int looks = 0;
    if (many)
        count(STAT_HOSTS_AMBIGUOUS);
    for (uint32_t i = chain_first(w->leg_by_hosts, h); r && i != CHAIN_END;
         i = chain_next(w->leg_by_hosts, i)) {
        struct leg *l = slab_at(w->legs, i);
        bool out = ip_addr_eq(&l->src.ip, &s->src.ip) && ip_addr_eq(&l->dst.ip, &s->dst.ip);
        bool back = ip_addr_eq(&l->src.ip, &s->dst.ip) && ip_addr_eq(&l->dst.ip, &s->src.ip);
        char why[80];
        if ((!out && !back) || realm_of(w, l->call->site) != realm_of(w, s->site))
            continue;
        int score = score_of(w, l, out ? s : r, out ? r : s, why);
        if (++looks > LOOKS_MAX || (score >= w->lim.join_threshold && best)) {
            count(STAT_HOSTS_AMBIGUOUS);
            return NULL;
        }
        if (score < w->lim.join_threshold)
            continue;
        best = l;
        *ret_side = out ? SIDE_CALLER : SIDE_CALLEE;
        *ret_score = score;
        memcpy(ret_why, why, sizeof why);
    }
    return best;
}

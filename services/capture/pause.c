#include "pause.h"
#include <string.h>

static uint64_t fnv(struct span s)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ s.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static bool has_addr(const struct pause_order *o, const struct endpoint *e)
{
    for (uint32_t i = 0; i < o->addrs; i++)
        if (endpoint_eq(&o->at[i], e))
            return true;
    return false;
}

static bool add_addr(struct pauses *p, struct pause_order *o, const struct endpoint *e)
{
    if (!e->port || !e->ip.family || has_addr(o, e))
        return false;
    if (o->addrs == PAUSE_ADDRS) {
        p->refused++;
        return false;
    }
    o->at[o->addrs++] = *e;
    return true;
}

static bool endpoint_of(const Callmesh__V1__Endpoint *in, struct endpoint *ret)
{
    memset(ret, 0, sizeof *ret);
    if ((in->ip.len != 4 && in->ip.len != 16) || in->port > UINT16_MAX)
        return false;
    memcpy(ret->ip.b, in->ip.data, in->ip.len);
    ret->ip.family = in->ip.len == 4 ? 4 : 6;
    ret->port = (uint16_t)in->port;
    return true;
}

void pauses_read(const Callmesh__V1__Orders *o, uint64_t version, struct pauses *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->version = version;
    for (size_t i = 0; i < o->n_codes; i++)
        (void)digit_codes_add(&ret->codes, span_str(o->codes[i]));
    for (size_t i = 0; i < o->n_pauses && ret->n < PAUSE_ORDERS; i++) {
        const Callmesh__V1__PauseOrder *in = o->pauses[i];
        struct pause_order *to = &ret->order[ret->n++];
        struct endpoint e;
        to->until_us = in->until_us;
        for (size_t k = 0; k < in->n_at && k < 32; k++)
            if (endpoint_of(in->at[k], &e))
                add_addr(ret, to, &e);
        for (size_t k = 0; k < in->n_sip_call_ids && to->call_ids < PAUSE_CALL_IDS; k++)
            to->call_id[to->call_ids++] =
                fnv(span_of(in->sip_call_ids[k].data, in->sip_call_ids[k].len));
    }
}

void pauses_check(struct pauses *p)
{
    digit_codes_check(&p->codes);
    if (p->n > PAUSE_ORDERS)
        p->n = PAUSE_ORDERS;
    for (uint32_t i = 0; i < p->n; i++) {
        struct pause_order *o = &p->order[i];
        if (o->addrs > PAUSE_ADDRS)
            o->addrs = PAUSE_ADDRS;
        if (o->call_ids > PAUSE_CALL_IDS)
            o->call_ids = PAUSE_CALL_IDS;
    }
}

bool pauses_has(const struct pauses *p, const struct endpoint *src, const struct endpoint *dst)
{
    if (p->doubt_until_us)
        return true;
    for (uint32_t i = 0; i < p->n; i++)
        if (has_addr(&p->order[i], dst) || has_addr(&p->order[i], src))
            return true;
    return false;
}

static bool learn(struct pauses *p, struct pause_order *o, const struct sdp *sdp)
{
    bool news = false;
    for (uint32_t i = 0; i < sdp->medias; i++)
        news |= add_addr(p, o, &sdp->media[i].rtp_at);
    return news;
}

bool pauses_learn(struct pauses *p, struct span call_id, const struct sdp *sdp)
{
    if (!p->n)
        return false;
    uint64_t h = fnv(call_id);
    bool news = false;
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < p->order[i].call_ids; k++)
            if (p->order[i].call_id[k] == h)
                news |= learn(p, &p->order[i], sdp);
    return news;
}

bool pauses_expire(struct pauses *p, int64_t now_us)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->order[i].until_us <= now_us)
            continue;
        if (n != i)
            p->order[n] = p->order[i];
        n++;
    }
    bool gone = n != p->n;
    p->n = n;
    if (p->doubt_until_us && p->doubt_until_us <= now_us) {
        p->doubt_until_us = 0;
        gone = true;
    }
    return gone;
}

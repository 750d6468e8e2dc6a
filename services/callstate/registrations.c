#include "registrations.h"
#include <string.h>
#include "base/map.h"
#include "base/mem.h"
#include "base/mono.h"

#define UA_PLACES 1024

struct ua_place {
    uint64_t hash;
    uint8_t n;
    uint8_t text[119];
};

struct ua_cache {
    struct ua_place at[UA_PLACES];
};

struct ua_cache *ua_cache_new(void)
{
    return mem_take(sizeof(struct ua_cache));
}

struct ua_cache *ua_cache_free(struct ua_cache *c)
{
    if (c)
        mem_give(c, sizeof *c);
    return NULL;
}

static struct ua_place *place_of(struct ua_cache *c, uint64_t hash)
{
    return &c->at[hash % UA_PLACES];
}

static void remember(struct world *w, const struct message *m)
{
    uint64_t h = hash_site_span(w, m->site, m->sip->call_id);
    struct ua_place *p = place_of(w->ua, h);
    struct span ua = span_sub(sip_header_value(m->sip, SIP_H_USER_AGENT, 0), 0, sizeof p->text);
    p->hash = h;
    p->n = (uint8_t)ua.n;
    if (ua.n)
        memcpy(p->text, ua.p, ua.n);
}

static int64_t expires_of(struct span params, const struct sip_msg *sip)
{
    struct span v;
    uint32_t s = 0;
    if (sip_param(params, SPAN_LIT("expires"), &v) && span_u32(span_trim(v), UINT32_MAX, &s))
        return s;
    if (span_u32(span_trim(sip_header_value(sip, SIP_H_EXPIRES, 0)), UINT32_MAX, &s))
        return s;
    return 3600; // RFC 3261 10.2.1.1: the registrar's choice; an hour is the usual one
}

static void put_row(struct world *w, const struct message *m, struct span aor, struct span contact,
                    int64_t expires_s)
{
    struct table *t = w->batch->t[ROWS_REGISTRATIONS];
    uint64_t h = hash_site_span(w, m->site, m->sip->call_id);
    const struct ua_place *p = place_of(w->ua, h);
    if (expires_s > 10 * 365 * 86400)
        expires_s = 10 * 365 * 86400;
    row_begin(t);
    row_str(t, w->site[m->site].name);
    row_text(t, aor);
    row_text(t, contact);
    row_text(t, p->hash == h ? span_of(p->text, p->n) : SPAN_LIT(""));
    row_inet(t, endpoint_ip(&m->dst)); // the answer goes to the phone
    row_int(t, m->dst.port);
    row_time(t, m->at_us);
    row_time(t, m->at_us + expires_s * US_PER_S);
    if (row_end(t))
        w->batch->rows++;
}

void registrations_on_message(struct world *w, const struct message *m)
{
    const struct sip_msg *sip = m->sip;
    if (sip->request) {
        remember(w, m);
        return;
    }
    if (sip->status < 200 || sip->status > 299)
        return;
    struct sip_addr to;
    if (!sip_addr_parse(sip->to, &to))
        return;
    int rows = 0;
    for (uint32_t i = 0; rows < REGISTRATIONS_PER_MESSAGE; i++) {
        struct span rest = sip_header_value(sip, SIP_H_CONTACT, i), item;
        if (!rest.n)
            break;
        while (rows < REGISTRATIONS_PER_MESSAGE && sip_list_next(&rest, &item)) {
            struct sip_addr a;
            if (!sip_addr_parse(item, &a) || !a.uri.n)
                continue;
            put_row(w, m, to.uri, a.uri, expires_of(a.params, sip));
            rows++;
        }
    }
    if (!rows)
        put_row(w, m, to.uri, SPAN_LIT(""), 0);
}

#include "pending.h"
#include <string.h>
#include "stats.h"

void pending_drop(struct world *w, struct pending *p)
{
    chain_del(w->pending_by_call_id, slab_index_of(w->pending, p));
    list_del(&p->age_link);
    slab_give(w->pending, p);
}

void pending_hold(struct world *w, const struct message *m)
{
    if (slab_stat(w->pending).used >= w->lim.pending) {
        pending_drop(w, LIST_OBJECT(struct pending, age_link, w->pending_age.next));
        count(STAT_FULL_PENDING);
    }
    struct pending *p = slab_take(w->pending);
    if (!p)
        return;
    p->call_id_hash = hash_site_span(w, m->site, m->sip->call_id);
    p->site = m->site;
    p->publisher = m->publisher;
    p->seq = m->seq;
    p->n = m->n;
    p->at_us = m->at_us;
    p->src = m->src;
    p->dst = m->dst;
    p->transport = m->transport;
    p->stored = m->stored;
    p->raw_n = (uint32_t)(m->raw.n < PENDING_BYTES ? m->raw.n : PENDING_BYTES);
    memcpy(p->raw, m->raw.p, p->raw_n);
    chain_add(w->pending_by_call_id, p->call_id_hash, slab_index_of(w->pending, p));
    list_push(&w->pending_age, &p->age_link);
    count(STAT_MSG_HELD);
}

size_t pending_find(struct world *w, uint16_t site, struct span call_id, int64_t at_us,
                    struct pending *ret[PENDING_AT_ONCE])
{
    size_t n = 0;
    uint64_t h = hash_site_span(w, site, call_id);
    for (uint32_t i = chain_first(w->pending_by_call_id, h); i != CHAIN_END;
         i = chain_next(w->pending_by_call_id, i)) {
        struct pending *p = slab_at(w->pending, i);
        if (realm_of(w, p->site) != realm_of(w, site) || p->at_us + PENDING_KEEP_US < at_us ||
            p->at_us - PENDING_KEEP_US > at_us)
            continue;
        if (n == PENDING_AT_ONCE)
            break;
        memmove(ret + 1, ret, n * sizeof *ret); // the chain is newest first
        ret[0] = p;
        n++;
    }
    return n;
}

void pending_sweep(struct world *w, size_t n)
{
    for (size_t i = 0; i < n && !list_empty(&w->pending_age); i++) {
        struct pending *p = LIST_OBJECT(struct pending, age_link, w->pending_age.next);
        if (p->at_us + PENDING_KEEP_US >= w->site[p->site].feed_us &&
            !w->publisher[p->publisher].ended)
            return;
        pending_drop(w, p);
    }
}

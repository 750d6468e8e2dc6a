// Looks up who could be one with a call: by its keys, its media addresses, what its INVITE names. Every loop over an index is bounded.
#include "join_find.h"
#include <string.h>
#include "base/map.h"
#include "base/mono.h"
#include "call.h"
#include "event.h"
#include "join.h"
#include "parts.h"
#include "stats.h"
#include "transfer.h"
#include "wire/sip_story.h"

#define LOOK_MAX     32
#define REFER_US     (64 * US_PER_S) // until the other has called: 64 * T1, twice over
#define PARKED_US    (3600 * US_PER_S)
#define AFTER_END_US (5 * US_PER_S)

// ---- keys ---------------------------------------------------------------------------------------------------------

uint64_t join_number_key(struct span user)
{
    uint8_t text[120], digits[120];
    size_t n = 0, d = 0;
    bool number = true;
    for (size_t i = 0; i < user.n && n < sizeof text; i++) {
        uint8_t c = user.p[i];
        bool digit = c >= '0' && c <= '9';
        if (digit)
            digits[d++] = c;
        number &= digit || memchr("+-.()", c, 5) != NULL;
        text[n++] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    if (!n)
        return 0;
    uint64_t h = number && d >= 2
                     ? fnv64(FNV_START, span_of(digits + (d > 7 ? d - 7 : 0), d > 7 ? 7 : d))
                     : fnv64(FNV_START ^ 1, span_of(text, n));
    return h ? h : 1;
}

static uint64_t hash_key(uint16_t site, int class, uint64_t digest)
{
    struct {
        uint64_t digest, site, class;
    } key = {digest, site, (uint64_t) class};
    return map_hash(&key, sizeof key);
}

static int class_of(enum call_key key)
{
    static const uint8_t class[CALL_KEYS] = {
        [KEY_SESSION_LOCAL] = 0, [KEY_SESSION_REMOTE] = 0, [KEY_ORIGIN_CALLER] = 1,
        [KEY_ORIGIN_CALLEE] = 1, [KEY_FROM] = 2,           [KEY_TO] = 3,
        [KEY_HEADER] = 4,        [KEY_FOCUS] = 5};
    return class[key];
}

static size_t place_of(const struct world *w, const struct call *c, enum call_key key)
{
    return slab_index_of(w->calls, c) * CALL_KEYS + key;
}

void join_key(struct world *w, struct call *c, enum call_key key, uint64_t digest)
{
    if (c->key[key] == digest)
        return;
    chain_del(w->by_key, place_of(w, c, key));
    c->key[key] = digest;
    if (digest)
        chain_add(w->by_key, hash_key(c->site, class_of(key), digest), place_of(w, c, key));
}

void join_target(struct world *w, struct transfer *t)
{
    size_t place = slab_index_of(w->transfers, t);
    chain_del(w->by_target, place);
    if (t->target_key)
        chain_add(w->by_target, hash_key(t->call->site, 3, t->target_key), place);
}

void join_rekey(struct world *w, struct call *c)
{
    for (enum call_key k = 0; k < CALL_KEYS; k++)
        if (c->key[k])
            chain_add(w->by_key, hash_key(c->site, class_of(k), c->key[k]), place_of(w, c, k));
    for (size_t i = 0; i < TRANSFERS_MAX; i++)
        if (c->transfer[i])
            join_target(w, c->transfer[i]);
}

void join_forget(struct world *w, struct call *c)
{
    for (enum call_key k = 0; k < CALL_KEYS; k++)
        chain_del(w->by_key, place_of(w, c, k));
    for (size_t i = 0; i < TRANSFERS_MAX; i++)
        transfer_drop(w, c, i);
}

// ---- candidates ---------------------------------------------------------------------------------------------------

static bool ended_before(const struct call *c, int64_t at_us, int64_t grace_us)
{
    return c->ended_us && at_us > c->ended_us + grace_us;
}

// The candidate's entry; NULL: this call does not come into question, or there are 16 already.
static struct candidate *entry(struct look *l, struct call *other)
{
    if (other == l->c || other->site != l->c->site || other->protocol != PROTOCOL_SIP ||
        !other->legs)
        return NULL;
    for (size_t i = 0; i < l->n; i++)
        if (l->at[i].call == other)
            return &l->at[i];
    if (l->n == CANDIDATES_MAX) {
        count(STAT_JOIN_LOOKS_CUT);
        return NULL;
    }
    l->at[l->n] = (struct candidate){.call = other};
    return &l->at[l->n++];
}

static void add(struct look *l, struct call *other, enum evidence_kind kind, struct span detail)
{
    struct candidate *at = entry(l, other);
    if (!at || at->n == EVIDENCE_MAX)
        return;
    for (uint8_t i = 0; i < at->n; i++)
        if (at->kind[i] == kind)
            return;
    at->detail[at->n] = event_text(detail);
    at->kind[at->n++] = (uint8_t)kind;
}

static bool from_elsewhere(const struct call *a, const struct call *b)
{
    return !endpoint_eq(&a->legs->src, &b->legs->src);
}

// Both have a place in the chain of this digest. both_open: what has ended is not the other side of what begins.
static void by_key(struct look *l, enum call_key key, enum evidence_kind kind, bool both_open,
                   struct span detail)
{
    struct world *w = l->w;
    if (!l->c->key[key])
        return;
    int looked = 0;
    uint64_t h = hash_key(l->c->site, class_of(key), l->c->key[key]);
    for (uint32_t i = chain_first(w->by_key, h); i != CHAIN_END; i = chain_next(w->by_key, i)) {
        if (looked++ == LOOK_MAX) {
            count(STAT_JOIN_LOOKS_CUT);
            return;
        }
        struct call *other = slab_at(w->calls, i / CALL_KEYS);
        if (other == l->c || ended_before(other, l->m->when_us, AFTER_END_US))
            continue;
        if (both_open && (!from_elsewhere(l->c, other) || other->ended_us))
            continue;
        add(l, other, kind, detail);
    }
}

// Numbers say something only of calls that begin at nearly the same time; what they say is weighed in pairs().
static void by_number(struct look *l, enum call_key key)
{
    struct world *w = l->w;
    int looked = 0;
    if (!l->c->key[key])
        return;
    uint64_t h = hash_key(l->c->site, class_of(key), l->c->key[key]);
    for (uint32_t i = chain_first(w->by_key, h); i != CHAIN_END; i = chain_next(w->by_key, i)) {
        if (looked++ == LOOK_MAX) {
            count(STAT_JOIN_LOOKS_CUT);
            return;
        }
        struct call *other = slab_at(w->calls, i / CALL_KEYS);
        int64_t apart = l->c->started_us - other->started_us;
        if (other == l->c || other->ended_us || apart > w->lim.join_window_us ||
            apart < -w->lim.join_window_us)
            continue;
        (void)entry(l, other);
    }
}

struct call *join_dialog(struct world *w, uint16_t site, struct span call_id, struct span tag_a,
                         struct span tag_b)
{
    uint64_t h = hash_site_span(w, site, call_id);
    struct span kept = span_sub(call_id, 0, CALL_ID_MAX);
    int looked = 0;
    for (uint32_t i = chain_first(w->by_call_id, h); i != CHAIN_END && looked < LOOK_MAX;
         i = chain_next(w->by_call_id, i), looked++) {
        struct call *c = slab_at(w->calls, i);
        if (c->site != site || c->protocol != PROTOCOL_SIP || c->call_id_n != call_id.n ||
            !span_eq(call_id_span(c), span_sub(kept, 0, c->call_id_kept)))
            continue;
        if (!tag_a.n) // by Call-ID alone
            return c;
        for (const struct leg *leg = c->legs; leg; leg = leg->next) {
            bool straight = tag_is(&leg->to_tag, tag_a) && tag_is(&c->from_tag, tag_b);
            bool turned = tag_is(&leg->to_tag, tag_b) && tag_is(&c->from_tag, tag_a);
            if (straight || turned)
                return c;
        }
    }
    return NULL;
}

static void by_replaces(struct look *l)
{
    struct sip_replaces r;
    if (!sip_replaces_parse(sip_header_value(l->m->sip, SIP_H_REPLACES, 0), &r))
        return;
    struct call *other = join_dialog(l->w, l->c->site, r.call_id, r.to_tag, r.from_tag);
    if (other)
        add(l, other, EVIDENCE_REPLACES, r.call_id);
}

// Headers that a box was told to put the other side's Call-ID, or the same value, in.
static void by_header(struct look *l)
{
    struct span names = span_str(l->w->lim.join_headers), name;
    while (sip_list_next(&names, &name)) {
        struct span v = sip_header_by_name(l->m->sip, name, 0);
        if (!v.n)
            continue;
        struct call *other = join_dialog(l->w, l->c->site, v, span_of("", 0), span_of("", 0));
        if (other && !ended_before(other, l->m->when_us, AFTER_END_US))
            add(l, other, EVIDENCE_HEADER, v);
        join_key(l->w, l->c, KEY_HEADER, fnv64(FNV_START, v));
        by_key(l, KEY_HEADER, EVIDENCE_HEADER, false, v);
        return;
    }
}

// <their Call-ID><suffix>, as some boxes name their second side.
static void by_suffix(struct look *l)
{
    struct span suffixes = span_str(l->w->lim.join_suffixes), one, id = l->m->sip->call_id;
    while (sip_list_next(&suffixes, &one)) {
        if (id.n <= one.n || !span_eq(span_sub(id, id.n - one.n, one.n), one))
            continue;
        struct span stem = span_sub(id, 0, id.n - one.n);
        struct call *other = join_dialog(l->w, l->c->site, stem, span_of("", 0), span_of("", 0));
        if (other && !ended_before(other, l->m->when_us, AFTER_END_US))
            add(l, other, EVIDENCE_CALL_ID, stem);
    }
}

static bool party_is(const struct party *p, uint64_t key)
{
    return key && join_number_key(span_of(p->user, p->user_n)) == key;
}

// What a REFER, a 3xx or a park said: this number is called now, by the one who was told to.
static void by_transfer(struct look *l, struct call *x, const struct transfer *t)
{
    const struct call *c = l->c;
    bool caller_told = t->by == SIDE_CALLEE;
    const struct party *told = caller_told ? &x->from : &x->to;
    const struct party *teller = caller_told ? &x->to : &x->from;
    const struct endpoint *told_at = caller_told ? &x->legs->src : &x->legs->dst;
    struct span target = span_of(t->target, t->target_n);
    bool by_him = memcmp(&told_at->ip, &c->legs->src.ip, sizeof told_at->ip) == 0 ||
                  party_is(told, c->key[KEY_FROM]);
    if (t->kind == CALLMESH__V1__TRANSFER_KIND__TRANSFER_KIND_REDIRECT) {
        if (by_him && c->key[KEY_FROM] == x->key[KEY_FROM])
            add(l, x, EVIDENCE_REDIRECT, target);
        return;
    }
    struct sip_addr by;
    struct span referred = sip_header_value(l->m->sip, SIP_H_REFERRED_BY, 0);
    bool named = referred.n && sip_addr_parse(referred, &by) && by.user.n &&
                 party_is(teller, join_number_key(by.user));
    if (by_him)
        add(l, x, EVIDENCE_REFER, target);
    if (by_him && party_is(told, c->key[KEY_FROM]))
        add(l, x, EVIDENCE_FROM, span_of(c->from.user, c->from.user_n));
    if (named)
        add(l, x, EVIDENCE_REFERRED_BY, by.user);
    if (t->kind == CALLMESH__V1__TRANSFER_KIND__TRANSFER_KIND_PARK && !by_him && !named)
        add(l, x, EVIDENCE_PARK, target); // someone else calls the place: he picks up
}

static void by_target(struct look *l)
{
    struct world *w = l->w;
    int looked = 0;
    uint64_t h = hash_key(l->c->site, 3, l->c->key[KEY_TO]);
    for (uint32_t i = chain_first(w->by_target, h); i != CHAIN_END;
         i = chain_next(w->by_target, i)) {
        if (looked++ == LOOK_MAX) {
            count(STAT_JOIN_LOOKS_CUT);
            return;
        }
        const struct transfer *t = slab_at(w->transfers, i);
        struct call *x = t->call;
        bool park = t->kind == CALLMESH__V1__TRANSFER_KIND__TRANSFER_KIND_PARK;
        int64_t age = l->c->started_us - t->at_us;
        if (x == l->c || x->site != l->c->site || age < 0 || age > (park ? PARKED_US : REFER_US) ||
            (t->result == CALLMESH__V1__TRANSFER_RESULT__TRANSFER_RESULT_FAILED))
            continue;
        by_transfer(l, x, t);
    }
}

// The same IP and port named by another call that is open: media that pass the box, or one anchor for both sides.
static void by_media(struct look *l)
{
    struct world *w = l->w;
    const struct sdp *sdp = l->m->sdp;
    static const struct ip_addr zero;
    int looked = 0;
    for (uint32_t k = 0; sdp && k < sdp->medias; k++) {
        const struct sdp_media *md = &sdp->media[k];
        if (!md->rtp || !md->rtp_at.port || !md->rtp_at.ip.family ||
            memcmp(md->rtp_at.ip.b, zero.b, sizeof zero.b) == 0)
            continue;
        uint64_t h = hash_site_endpoint(w, l->c->site, &md->rtp_at);
        for (uint32_t i = chain_first(w->by_address, h); i != CHAIN_END && looked < LOOK_MAX;
             i = chain_next(w->by_address, i), looked++) {
            const struct address *a = slab_at(w->addresses, i);
            struct call *other = a->leg->call;
            if (other == l->c || other->ended_us || !endpoint_eq(&a->at, &md->rtp_at) ||
                !from_elsewhere(l->c, other))
                continue;
            add(l, other, EVIDENCE_MEDIA, span_of("", 0));
        }
    }
}

// ---- in pairs -----------------------------------------------------------------------------------------------------

static bool is_zero(const uint8_t id[16])
{
    static const uint8_t zero[16];
    return memcmp(id, zero, 16) == 0;
}

static bool session_differs(const struct call *a, const struct call *b)
{
    for (int i = 0; i < 2; i++)
        if (is_zero(a->session[i]) || is_zero(b->session[i]))
            return false;
    for (int i = 0; i < 4; i++)
        if (memcmp(a->session[i / 2], b->session[i % 2], 16) == 0)
            return false;
    return true;
}

static bool diverted_from(const struct call *later, const struct call *other)
{
    for (uint8_t i = 0; i < later->diverted_n; i++)
        if (party_is(&other->to,
                     join_number_key(span_of(later->diverted[i].user, later->diverted[i].n))))
            return true;
    return false;
}

// Numbers, box and what contradicts, of two that something brought together.
static void pair(struct look *l, struct call *other)
{
    struct call *c = l->c;
    struct call *later = c->started_us >= other->started_us ? c : other;
    struct call *first = later == c ? other : c;
    int64_t apart = later->started_us - first->started_us;
    if (apart <= l->w->lim.join_window_us && from_elsewhere(c, other)) {
        if (memcmp(&first->legs->dst.ip, &later->legs->src.ip, sizeof first->legs->dst.ip) == 0)
            add(l, other, EVIDENCE_BOX, span_of("", 0));
        if (c->key[KEY_TO] && c->key[KEY_TO] == other->key[KEY_TO])
            add(l, other, EVIDENCE_TO, span_of(c->to.user, c->to.user_n));
        if (c->key[KEY_FROM] && c->key[KEY_FROM] == other->key[KEY_FROM])
            add(l, other, EVIDENCE_FROM, span_of(c->from.user, c->from.user_n));
        if (diverted_from(later, first))
            add(l, other, EVIDENCE_DIVERSION, span_of(first->to.user, first->to.user_n));
    }
    if (session_differs(c, other))
        add(l, other, EVIDENCE_SESSION_DIFFERS, span_of("", 0));
}

void join_find(struct look *l)
{
    const struct sip_msg *sip = l->m->sip;
    bool begins = sip->request && sip->method == SIP_INVITE && l->c->message_count == 1;
    struct span id = sip_header_value(sip, SIP_H_SESSION_ID, 0);
    by_key(l, KEY_SESSION_LOCAL, EVIDENCE_SESSION_ID, false, id);
    by_key(l, KEY_SESSION_REMOTE, EVIDENCE_SESSION_ID, false, id);
    by_key(l, KEY_FOCUS, EVIDENCE_FOCUS, false, sip_header_value(sip, SIP_H_CONTACT, 0));
    if (begins) {
        by_replaces(l);
        by_target(l);
        by_header(l);
        by_suffix(l);
        by_number(l, KEY_TO);
        by_number(l, KEY_FROM);
    }
    struct span origin = l->m->sdp ? l->m->sdp->origin : span_of("", 0);
    by_key(l, KEY_ORIGIN_CALLER, EVIDENCE_ORIGIN, true, origin);
    by_key(l, KEY_ORIGIN_CALLEE, EVIDENCE_ORIGIN, true, origin);
    by_media(l);
    // Of one that is joined already all is weighed anew: it may speak against it now.
    for (struct call *p = l->c->head; p; p = p->next_part)
        if (parts_edge(l->c, p))
            (void)entry(l, p);
    for (size_t i = 0; i < l->n; i++)
        pair(l, l->at[i].call);
}

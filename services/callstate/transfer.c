#include "transfer.h"
#include <string.h>
#include "base/slab.h"
#include "event.h"
#include "join.h"
#include "parts.h"
#include "rows.h"
#include "stats.h"
#include "wire/sip_story.h"

#define BLIND     CALLMESH__V1__TRANSFER_KIND__TRANSFER_KIND_BLIND
#define ATTENDED  CALLMESH__V1__TRANSFER_KIND__TRANSFER_KIND_ATTENDED
#define REDIRECT  CALLMESH__V1__TRANSFER_KIND__TRANSFER_KIND_REDIRECT
#define PARK      CALLMESH__V1__TRANSFER_KIND__TRANSFER_KIND_PARK
#define ACCEPTED  CALLMESH__V1__TRANSFER_RESULT__TRANSFER_RESULT_ACCEPTED
#define SUCCEEDED CALLMESH__V1__TRANSFER_RESULT__TRANSFER_RESULT_SUCCEEDED
#define FAILED    CALLMESH__V1__TRANSFER_RESULT__TRANSFER_RESULT_FAILED

static bool is_open(const struct transfer *t)
{
    return t && t->kind != REDIRECT && t->result != SUCCEEDED && t->result != FAILED;
}

struct transfer *transfer_take(struct world *w, struct call *c, size_t i)
{
    c->transfer[i] = slab_take(w->transfers);
    if (c->transfer[i])
        c->transfer[i]->call = c;
    gauge(STAT_USED_TRANSFERS, slab_stat(w->transfers).used);
    return c->transfer[i];
}

void transfer_drop(struct world *w, struct call *c, size_t i)
{
    if (!c->transfer[i])
        return;
    chain_del(w->by_target, slab_index_of(w->transfers, c->transfer[i]));
    slab_give(w->transfers, c->transfer[i]);
    c->transfer[i] = NULL;
    gauge(STAT_USED_TRANSFERS, slab_stat(w->transfers).used);
}

// A place for one more: an empty one, else the oldest that is done, else the oldest. NULL: none, and the call has none to give up.
static struct transfer *place(struct world *w, struct call *c)
{
    struct transfer *best = NULL;
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        struct transfer *t = c->transfer[i];
        if (!t && (t = transfer_take(w, c, i)))
            return t;
        if (t && (!best || (is_open(best) && !is_open(t)) ||
                  (is_open(best) == is_open(t) && t->at_us < best->at_us)))
            best = t;
    }
    if (!best || is_open(best))
        count(STAT_FULL_TRANSFERS);
    return best;
}

static void begin(struct world *w, struct call *c, const struct message *m, uint8_t kind,
                  struct span target)
{
    struct transfer *t = place(w, c);
    if (!t)
        return;
    *t = (struct transfer){.call = c,
                           .kind = kind,
                           .by = (uint8_t)m->sender,
                           .cseq = m->sip->cseq,
                           .at_us = m->when_us,
                           .target_key = join_number_key(target)};
    struct span kept = span_sub(target, 0, sizeof t->target);
    t->target_n = (uint8_t)kept.n;
    if (kept.n)
        memcpy(t->target, kept.p, kept.n);
    join_target(w, t);
}

static bool is_park(const struct world *w, struct span target)
{
    struct span all = span_str(w->lim.park), one;
    while (sip_list_next(&all, &one))
        if (span_istarts(target, one))
            return true;
    return false;
}

static const char *type_of(const struct transfer *t)
{
    return t->result == FAILED ? "transfer_failed" : t->kind == PARK ? "parked" : "transferred";
}

static void finish(struct world *w, struct call *c, struct transfer *t, uint8_t result,
                   uint16_t status, int64_t at_us)
{
    if (!is_open(t))
        return;
    t->result = result;
    t->status = status;
    const struct party *by = t->by == SIDE_CALLER ? &c->from : &c->to;
    const struct party *who = t->by == SIDE_CALLER ? &c->to : &c->from;
    event_note(w, c, c->legs, at_us, type_of(t), (enum side)t->by, status, "%s: %s sends %s to %s",
               transfer_kind_name(t->kind), event_text(span_of(by->user, by->user_n)).s,
               event_text(span_of(who->user, who->user_n)).s,
               event_text(span_of(t->target, t->target_n)).s);
}

static void on_refer(struct world *w, struct call *c, const struct message *m)
{
    static struct sip_refer_to to; // state thread alone
    if (!sip_refer_to_parse(sip_header_value(m->sip, SIP_H_REFER_TO, 0), &to) ||
        m->sender == SIDE_NONE)
        return;
    for (size_t i = 0; i < TRANSFERS_MAX; i++)
        if (c->transfer[i] && c->transfer[i]->cseq == m->sip->cseq &&
            c->transfer[i]->by == m->sender)
            return; // asked again with credentials, or on another hop
    struct span target = to.target.user.n ? to.target.user : to.target.host;
    uint8_t kind = to.has_replaces ? ATTENDED : is_park(w, target) ? PARK : BLIND;
    begin(w, c, m, kind, target);
    event_note(w, c, m->leg, m->when_us, "transfer_requested", m->sender, 0, "%s to %s",
               transfer_kind_name(kind), event_text(target).s);
    if (to.has_replaces)
        join_by_refer(w, c, m, to.replaces.call_id, to.replaces.to_tag, to.replaces.from_tag);
}

// The edges that this REFER alone has made.
static void take_back(struct world *w, struct call *c, int64_t at_us)
{
    for (struct call *p = c->head; p; p = p->next_part) {
        struct call *child = parts_edge(c, p);
        if (!child || !edge_has(&child->edge, EVIDENCE_REFER) ||
            !edge_has(&child->edge, EVIDENCE_REPLACES))
            continue;
        join_against(w, child, EVIDENCE_REFUSED, at_us, "the transfer was refused");
        return; // the list is another now
    }
}

static void on_refer_answer(struct world *w, struct call *c, const struct message *m)
{
    uint16_t status = m->sip->status;
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        struct transfer *t = c->transfer[i];
        if (!is_open(t) || t->cseq != m->sip->cseq || t->by == m->sender)
            continue;
        if (status >= 200 && status < 300 && !t->result) {
            t->result = ACCEPTED;
        } else if (status >= 300 && status != 401 && status != 407) {
            bool attended = t->kind == ATTENDED;
            finish(w, c, t, FAILED, status, m->when_us);
            if (attended)
                take_back(w, c, m->when_us);
        }
    }
}

// Event: refer;id=<CSeq of the REFER>; without id it is of the latest.
static struct transfer *of_notify(struct call *c, const struct message *m)
{
    struct span event = sip_header_value(m->sip, SIP_H_EVENT, 0), id;
    size_t semicolon = span_find(event, ';');
    uint32_t cseq = 0;
    struct transfer *latest = NULL;
    if (!span_ieq(span_trim(span_sub(event, 0, semicolon)), SPAN_LIT("refer")))
        return NULL;
    if (sip_param(span_sub(event, semicolon, event.n), SPAN_LIT("id"), &id))
        (void)span_u32(id, UINT32_MAX, &cseq);
    for (size_t i = 0; i < TRANSFERS_MAX; i++) {
        struct transfer *t = c->transfer[i];
        if (!is_open(t) || t->by == m->sender || (cseq && t->cseq != cseq))
            continue;
        if (!latest || t->at_us > latest->at_us)
            latest = t;
    }
    return latest;
}

static void on_notify(struct world *w, struct call *c, const struct message *m)
{
    uint16_t status;
    struct transfer *t = of_notify(c, m);
    if (!t || !sip_frag_status(m->sip->body, &status))
        return;
    if (status >= 300)
        finish(w, c, t, FAILED, status, m->when_us);
    else if (status >= 200)
        finish(w, c, t, SUCCEEDED, status, m->when_us);
    else if (status > 100)
        event_note(w, c, m->leg, m->when_us, "transfer_progress", m->sender, status, NULL);
}

// 3xx: the caller will try another number, perhaps in a call of its own (RFC 3261 8.1.3.4).
static void on_redirect(struct world *w, struct call *c, const struct message *m)
{
    struct span list = sip_header_value(m->sip, SIP_H_CONTACT, 0), item;
    struct sip_addr a;
    if (!sip_list_next(&list, &item) || !sip_addr_parse(item, &a) || !a.user.n)
        return;
    for (size_t i = 0; i < TRANSFERS_MAX; i++)
        if (c->transfer[i] && c->transfer[i]->kind == REDIRECT &&
            c->transfer[i]->cseq == m->sip->cseq)
            return; // another hop
    begin(w, c, m, REDIRECT, a.user);
    event_note(w, c, m->leg, m->when_us, "redirected", m->sender, m->sip->status, "to %s",
               event_text(a.user).s);
}

void transfer_on_message(struct world *w, struct call *c, const struct message *m)
{
    const struct sip_msg *sip = m->sip;
    if (m->retransmission)
        return;
    if (sip->request && sip->method == SIP_REFER)
        on_refer(w, c, m);
    else if (sip->request && sip->method == SIP_NOTIFY)
        on_notify(w, c, m);
    else if (!sip->request && sip->cseq_method == SIP_REFER)
        on_refer_answer(w, c, m);
    else if (!sip->request && sip->cseq_method == SIP_INVITE && sip->status >= 300 &&
             sip->status < 400 && m->sender == SIDE_CALLEE && !c->answered_us)
        on_redirect(w, c, m);
}

void transfer_on_outcome(struct world *w, struct call *c, bool answered, int64_t at_us)
{
    for (struct call *p = c->head; p; p = p->next_part)
        for (size_t i = 0; p != c && i < TRANSFERS_MAX; i++) {
            struct transfer *t = p->transfer[i];
            if (!is_open(t))
                continue;
            bool by_number = t->target_key && t->target_key == c->key[KEY_TO];
            bool by_dialog = t->kind == ATTENDED && edge_has(&c->edge, EVIDENCE_REPLACES);
            if (c->started_us < t->at_us || (!by_number && !by_dialog))
                continue;
            finish(w, p, t, answered ? SUCCEEDED : FAILED, answered ? 200 : c->status, at_us);
        }
}

// One SIP message meets the calls: which call, which leg, which machine. Traps 1, 4, 23, 24, 31, 34 of the field are here.
#include <string.h>
#include "base/log.h"
#include "base/mono.h"
#include "agents.h"
#include "call.h"
#include "dialog.h"
#include "expiry.h"
#include "media_hosts.h"
#include "media_join.h"
#include "numbers.h"
#include "pending.h"
#include "registrations.h"
#include "rows.h"
#include "stats.h"
#include "story.h"

#define ENDED CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED
// How long after its end a call still owns messages with its keys (RFC 3261: 64 * T1, twice over).
#define AFTERMATH_US (64 * US_PER_S)
// A new INVITE with an ended call's keys but another branch: a further hop or a late double within this, else a new call.
#define DOUBLE_US         (2 * US_PER_S)
#define CALL_MESSAGES_MAX 2000

// ---- which call ---------------------------------------------------------------------------------------------------

// Who sent this message, by tags: From of the request is the caller's, or the callee's for a request the other way.
static enum side sender_of(const struct call *c, const struct sip_msg *sip)
{
    bool direct = tag_is(&c->from_tag, sip->from_tag);
    bool reverse = !direct && c->from_tag.n && tag_is(&c->from_tag, sip->to_tag);
    if (!direct && !reverse)
        return SIDE_NONE;
    return (sip->request == direct) ? SIDE_CALLER : SIDE_CALLEE;
}

// Is this INVITE the beginning of another call, though the keys are those of c?
static bool begins_anew(const struct call *c, const struct message *m, int64_t now_us)
{
    const struct sip_msg *sip = m->sip;
    if (!sip->request || sip->method != SIP_INVITE || sip->to_tag.n || c->state != ENDED)
        return false;
    if (dialog_hop(c, sip->via_branch) >= 0)
        return false; // a retransmission
    if (c->answered_us || c->canceled)
        return now_us > c->ended_us + (sip->cseq == c->invite_cseq ? DOUBLE_US : 0);
    return sip->cseq <= c->invite_cseq && now_us > c->ended_us + DOUBLE_US;
}

static struct call *find_call(struct world *w, struct message *m)
{
    const struct sip_msg *sip = m->sip;
    struct call *near = NULL;
    struct span id = span_sub(sip->call_id, 0, CALL_ID_MAX);
    uint64_t h = hash_site_span(w, m->site, sip->call_id);
    for (uint32_t i = chain_first(w->by_call_id, h); i != CHAIN_END;
         i = chain_next(w->by_call_id, i)) {
        struct call *c = slab_at(w->calls, i);
        if (realm_of(w, c->site) != realm_of(w, m->site) || c->protocol != PROTOCOL_SIP ||
            c->call_id_n != sip->call_id.n ||
            !span_eq(call_id_span(c), span_sub(id, 0, c->call_id_kept)))
            continue;
        int64_t at, now = call_time(w, c, m->publisher, m->at_us);
        uint8_t reason;
        if (expiry_due(w, c, now, &at, &reason)) {
            count(STAT_CALLS_EXPIRED);
            c->end_reason = reason;
            call_end(w, c, at, CALLMESH__V1__HANGUP_BY__HANGUP_BY_TIMEOUT);
        }
        if (c->state == ENDED && now > c->ended_us + AFTERMATH_US)
            continue;
        enum side sender = sender_of(c, sip);
        if (sender != SIDE_NONE && !begins_anew(c, m, now)) {
            m->sender = sender;
            return c;
        }
        if (!near && sender == SIDE_NONE)
            near = c;
    }
    // Someone on the way has changed the tags. An INVITE is another call; the rest belongs to the latest of that Call-ID.
    if (!near || (sip->request && sip->method == SIP_INVITE))
        return NULL;
    bool from_caller = near->legs && endpoint_eq(&m->src, &near->legs->src);
    m->sender = from_caller ? SIDE_CALLER : SIDE_CALLEE;
    return near;
}

// ---- a new call ---------------------------------------------------------------------------------------------------

static void take_party(struct world *w, struct call *c, struct party *p, struct span value)
{
    struct sip_addr a;
    if (!sip_addr_parse(value, &a))
        a = (struct sip_addr){.uri = value};
    call_keep_party(w, c, p, a.uri, a.user, a.display);
}

// uuid of the time, the kind and up to three spans, with a separator that none of them can fake (lengths).
struct uuid uuid_derive(int64_t at_us, const struct uuid *of, struct span a, struct span b,
                        struct span c)
{
    uint64_t h[2] = {FNV_START, FNV_START ^ 0x5bd1e995};
    for (int i = 0; i < 2; i++) {
        uint64_t n[3] = {a.n, b.n, c.n};
        h[i] = fnv64(h[i], span_of(n, sizeof n));
        if (of)
            h[i] = fnv64(h[i], span_of(of->b, sizeof of->b));
        h[i] = fnv64(fnv64(fnv64(h[i], a), b), c);
    }
    return uuid_v7_derived(at_us, span_of(h, sizeof h));
}

static struct uuid call_uuid(const struct world *w, const struct message *m)
{
    struct uuid of =
        uuid_derive(m->at_us, NULL, span_str(w->site[m->site].name),
                    span_str(w->publisher[m->publisher].name), span_of(&m->at_us, sizeof m->at_us));
    return uuid_derive(m->at_us, &of, m->sip->call_id, m->sip->from_tag, SPAN_LIT("call"));
}

static void init_leg(struct leg *l, const struct message *m, struct span to_tag)
{
    struct call *c = l->call;
    l->id = uuid_derive(c->started_us, &c->id, m->sip->call_id, m->sip->from_tag, to_tag);
    tag_set(&l->to_tag, to_tag);
    l->started_us = c->started_us;
}

static struct call *begin(struct world *w, struct message *m)
{
    const struct sip_msg *sip = m->sip;
    struct uuid id = call_uuid(w, m);
    struct call *c = call_by_id(w, &id) ? NULL : call_new(w, m->site, sip->call_id, &id);
    if (!c)
        return NULL;
    c->protocol = PROTOCOL_SIP;
    tag_set(&c->from_tag, sip->from_tag);
    take_party(w, c, &c->from, sip->from);
    take_party(w, c, &c->to, sip->to);
    c->started_us = c->last_sip_us = m->at_us;
    c->live = w->publisher[m->publisher].live;
    c->invite_cseq = sip->cseq;
    struct leg *l = call_leg_new(w, c);
    if (!l) {
        call_remove(w, c);
        log_error("leg table full: new calls are refused", "legs=%zu setting=limits.legs",
                  w->lim.legs);
        return NULL;
    }
    init_leg(l, m, sip->to_tag);
    l->src = m->src;
    l->dst = m->dst;
    media_hosts_add_leg(w, l);
    l->transport = m->transport;
    struct span ua = span_sub(sip_header_value(sip, SIP_H_USER_AGENT, 0), 0, sizeof l->user_agent);
    l->user_agent_n = (uint8_t)ua.n;
    if (ua.n)
        memcpy(l->user_agent, ua.p, ua.n);
    numbers_read(w, c);
    agents_match(w, c, l);
    m->sender = SIDE_CALLER;
    count(STAT_CALLS_STARTED);
    return c;
}

// ---- which leg ----------------------------------------------------------------------------------------------------

static struct leg *answered_leg(const struct call *c)
{
    for (struct leg *l = c->legs; l; l = l->next)
        if (l->answered_us && l->dialog != DIALOG_ENDED)
            return l;
    for (struct leg *l = c->legs; l; l = l->next)
        if (l->answered_us)
            return l;
    return c->legs;
}

// The dialog by the callee's tag. A new tag in a provisional or good answer to INVITE is a fork: a leg of its own.
static struct leg *choose_leg(struct world *w, struct call *c, const struct message *m)
{
    const struct sip_msg *sip = m->sip;
    bool direct = sip->request == (m->sender == SIDE_CALLER);
    struct span remote = direct ? sip->to_tag : sip->from_tag;
    if (!remote.n || m->sender == SIDE_NONE)
        return sip->request && sip->method != SIP_INVITE && sip->method != SIP_CANCEL
                   ? answered_leg(c)
                   : c->legs;
    for (struct leg *l = c->legs; l; l = l->next)
        if (l->to_tag.n && tag_is(&l->to_tag, remote))
            return l;
    bool forms =
        !sip->request && sip->cseq_method == SIP_INVITE && sip->status > 100 && sip->status < 300;
    // The ACK of a failure names the tag of that failure, which is no dialog.
    bool of_failure = sip->request && sip->method == SIP_ACK &&
                      (dialog_hop(c, sip->via_branch) >= 0 || c->legs->status >= 300);
    if (!c->legs->to_tag.n && (forms || (sip->request && !of_failure))) {
        tag_set(&c->legs->to_tag, remote);
        return c->legs;
    }
    if (!forms || sip->cseq > c->invite_cseq)
        return sip->request ? answered_leg(c) : c->legs;
    struct leg *l = call_leg_new(w, c);
    if (!l)
        return c->legs;
    init_leg(l, m, remote);
    l->src = c->legs->src;
    l->dst = c->legs->dst;
    media_hosts_add_leg(w, l);
    l->transport = c->legs->transport;
    l->user_agent_n = c->legs->user_agent_n;
    memcpy(l->user_agent, c->legs->user_agent, sizeof l->user_agent);
    return l;
}

// ---- the machines -------------------------------------------------------------------------------------------------

// A request that came again, or its answer, on the same hop, seen by the same harvester.
static bool seen_before(const struct world *w, struct call *c, const struct message *m)
{
    const struct sip_msg *sip = m->sip;
    uint64_t key[4] = {sip->request ? (uint64_t)sip->method << 16 : sip->status, sip->cseq,
                       sip->cseq_method, sip->request};
    uint64_t h = fnv64(FNV_START, span_of(key, sizeof key));
    h = fnv64(h, span_str(w->publisher[m->publisher].name));
    h = fnv64(h, span_of(m->src.ip.b, sizeof m->src.ip.b));
    h = fnv64(h, span_of(m->dst.ip.b, sizeof m->dst.ip.b));
    h = fnv64(h, span_of(&m->src.port, sizeof m->src.port));
    h = fnv64(h, span_of(&m->dst.port, sizeof m->dst.port));
    h = fnv64(fnv64(h, sip->via_branch), sip->to_tag);
    h = fnv64(h, sip->method == SIP_METHOD_OTHER ? sip->method_text : sip->from_tag);
    h = fnv64(h, sip->body);
    uint32_t digest = (uint32_t)(h ^ h >> 32);
    for (int i = 0; i < RECENT_MAX; i++)
        if (c->recent[i] == digest)
            return true;
    c->recent[c->recent_next] = digest;
    c->recent_next = (uint8_t)((c->recent_next + 1) % RECENT_MAX);
    return false;
}

static void on_cancel(struct call *c, const struct message *m)
{
    if (m->sender != SIDE_CALLER || c->answered_us || c->state == ENDED)
        return;
    if (c->hops > 1 && dialog_hop(c, m->sip->via_branch) > 0)
        return; // a forking proxy takes back the branches that lost
    c->canceled = true;
    c->cancel_us = m->when_us;
    c->hangup_by = CALLMESH__V1__HANGUP_BY__HANGUP_BY_CALLER;
}

static void move_legs(struct call *c, struct leg *l, enum dialog_event e, const struct message *m)
{
    if (e == EVENT_INVITE) {
        if (!c->answered_us)
            dialog_move(c->legs, e, m);
        return;
    }
    // A final failure is of the INVITE, so of all its forks; the leg that it names goes first.
    bool all = e == EVENT_FINAL || e == EVENT_ACK_FINAL || e == EVENT_RETRY;
    dialog_move(l, e, m);
    for (struct leg *o = c->legs; o; o = o->next) {
        if (o == l)
            continue;
        if (e == EVENT_2XX)
            dialog_move(o, EVENT_LOST_FORK, m);
        else if (all)
            dialog_move(o, e == EVENT_RETRY && o != c->legs ? EVENT_LOST_FORK : e, m);
    }
}

static void attach(struct world *w, struct call *c, struct message *m)
{
    const struct sip_msg *sip = m->sip;
    uint8_t state = c->state, result = c->result;
    struct story_was was;
    story_before(c, &was);
    m->call = c;
    int64_t at_us = call_time(w, c, m->publisher, m->at_us);
    m->when_us = at_us > c->started_us ? at_us : c->started_us;
    m->leg = choose_leg(w, c, m);
    m->retransmission = seen_before(w, c, m);
    if (m->retransmission)
        count(STAT_MSG_RETRANSMITTED);
    call_credit_publisher(w, c, m->publisher);
    media_both_ways_message(w, m);
    if (m->when_us > c->last_sip_us)
        c->last_sip_us = m->when_us;
    c->message_count++;
    enum dialog_event e;
    bool moves = dialog_event_of(c, m, &e);
    if (sip->request && sip->method == SIP_INVITE && m->sender == SIDE_CALLER && !c->answered_us)
        dialog_note_hop(c, sip);
    if (sip->request && sip->method == SIP_CANCEL)
        on_cancel(c, m);
    if (!moves || e == EVENT_ACK_2XX || e == EVENT_ACK_FINAL)
        dialog_session(m->leg, m);
    if (moves)
        move_legs(c, m->leg, e, m);
    if (m->sdp && (sip->request || sip->status < 300))
        media_on_sdp(w, m->leg, m->sender, m->sdp, m->when_us);
    story_after(w, c, m, &was);
    call_settle(w, c, m->when_us);
    call_touch(w, c, c->state != state || c->result != result || c->message_count == 1);
}

// ---- outside calls ------------------------------------------------------------------------------------------------

// Messages without a call are kept up to a rate, by feed time, so that a flood of them cannot fill the disk.
static bool may_store(struct world *w, const struct message *m)
{
    struct site *s = &w->site[m->site];
    if (w->lim.other_keep == 0 || (w->lim.other_keep == 1 && m->sip->cseq_method != SIP_REGISTER))
        return false;
    int64_t second = m->at_us / US_PER_S;
    if (s->rate_second != second) {
        s->rate_second = second;
        s->rate_count = 0;
    }
    return s->rate_count++ < w->lim.other_rate;
}

static void store(struct world *w, struct message *m)
{
    bool keep = m->call ? m->call->message_count <= CALL_MESSAGES_MAX : may_store(w, m);
    if (keep)
        rows_message(w, m);
    else
        count(STAT_UNSTORED);
    m->stored = keep;
}

// Could this belong to a call whose INVITE is yet to come?
static bool may_have_invite(const struct sip_msg *sip)
{
    switch (sip->request ? sip->method : sip->cseq_method) {
    case SIP_INVITE:
    case SIP_ACK:
    case SIP_BYE:
    case SIP_CANCEL:
    case SIP_PRACK:
    case SIP_UPDATE:
    case SIP_INFO:
    case SIP_REFER:
        return true;
    default:
        return false;
    }
}

static void on_stray(struct world *w, struct message *m)
{
    store(w, m);
    if (!m->usable)
        return;
    if (m->sip->cseq_method == SIP_REGISTER)
        registrations_on_message(w, m);
    else if (may_have_invite(m->sip) && !(m->sip->request && m->sip->method == SIP_INVITE))
        pending_hold(w, m);
}

static const struct sdp *read_sdp(struct world *w, const struct sip_msg *sip)
{
    struct span body = sip_sdp(sip);
    return body.n && sdp_parse(body, w->sdp) ? w->sdp : NULL;
}

// What was captured before the INVITE goes through the machines now.
static void catch_up(struct world *w, struct call *c, const struct message *invite)
{
    struct pending *p[PENDING_AT_ONCE];
    size_t n = pending_find(w, c->site, invite->sip->call_id, invite->at_us, p);
    for (size_t i = 0; i < n; i++) {
        struct message m = {.publisher = p[i]->publisher,
                            .site = p[i]->site,
                            .seq = p[i]->seq,
                            .n = p[i]->n,
                            .at_us = p[i]->at_us,
                            .src = p[i]->src,
                            .dst = p[i]->dst,
                            .transport = p[i]->transport,
                            .raw = span_of(p[i]->raw, p[i]->raw_n),
                            .sip = w->sip_pending};
        (void)sip_parse(m.raw, m.sip);
        m.sender = sender_of(c, m.sip);
        if (m.sender == SIDE_NONE)
            continue;
        m.sdp = read_sdp(w, m.sip);
        attach(w, c, &m);
        if (p[i]->stored)
            rows_assign(w, &m);
        else
            rows_message(w, &m);
        pending_drop(w, p[i]);
    }
}

static void count_method(const struct sip_msg *sip)
{
    static const enum callstate_stat by[SIP_METHOD_OTHER + 1] = {
        [SIP_INVITE] = STAT_MSG_INVITE,
        [SIP_ACK] = STAT_MSG_ACK,
        [SIP_BYE] = STAT_MSG_BYE,
        [SIP_CANCEL] = STAT_MSG_CANCEL,
        [SIP_REGISTER] = STAT_MSG_REGISTER,
        [SIP_OPTIONS] = STAT_MSG_OPTIONS,
        [SIP_SUBSCRIBE] = STAT_MSG_SUBSCRIBE,
        [SIP_NOTIFY] = STAT_MSG_NOTIFY,
    };
    enum sip_method method = sip->request ? sip->method : sip->cseq_method;
    count(by[method] ? by[method] : STAT_MSG_OTHER);
}

void call_on_message(struct world *w, struct message *m)
{
    const struct sip_msg *sip = m->sip;
    count_method(sip);
    bool keys = sip->call_id.n && sip->cseq_method != SIP_METHOD_NONE && sip->from.n;
    if (!m->usable && !keys) {
        count(STAT_MSG_UNUSABLE);
        store(w, m);
        return;
    }
    m->usable = true;
    struct call *c = find_call(w, m);
    bool fresh = false;
    if (!c && sip->request && sip->method == SIP_INVITE) {
        c = begin(w, m);
        fresh = c != NULL;
    }
    if (!c) {
        on_stray(w, m);
        return;
    }
    m->sdp = read_sdp(w, sip);
    attach(w, c, m);
    store(w, m);
    if (fresh)
        catch_up(w, c, m);
}

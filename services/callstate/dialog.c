#include "dialog.h"
#include <string.h>

const char *dialog_state_name(enum dialog_state s)
{
    static const char *const names[DIALOG_STATES] = {"calling",  "proceeding", "early", "auth",
                                                     "answered", "confirmed",  "ended"};
    return s < DIALOG_STATES ? names[s] : "?";
}

bool dialog_status_is_retry(unsigned status)
{
    return status == 401 || status == 407 || status == 421 || status == 422 || status == 494;
}

int dialog_hop(const struct call *c, struct span branch)
{
    if (!branch.n)
        return -1;
    uint64_t h = fnv64(FNV_START, branch);
    for (int i = 0; i < c->hops; i++)
        if (c->hop[i] == h)
            return i;
    return -1;
}

void dialog_note_hop(struct call *c, const struct sip_msg *sip)
{
    if (sip->cseq > c->invite_cseq) { // a new attempt
        c->invite_cseq = sip->cseq;
        c->hops = 0;
    }
    if (sip->cseq == c->invite_cseq && c->hops < HOPS_MAX && sip->via_branch.n &&
        dialog_hop(c, sip->via_branch) < 0)
        c->hop[c->hops++] = fnv64(FNV_START, sip->via_branch);
}

// Where the INVITE was seen on several hops (a proxy on the same tap), only what the first hop hears decides a failure:
// a forking proxy gets failures of branches that the caller never sees.
static bool later_hop(const struct call *c, struct span branch)
{
    return c->hops > 1 && dialog_hop(c, branch) > 0;
}

static bool response_event(const struct call *c, const struct message *m, enum dialog_event *ret)
{
    const struct sip_msg *sip = m->sip;
    if (sip->cseq_method != SIP_INVITE || m->sender != SIDE_CALLEE || sip->cseq < c->invite_cseq)
        return false;
    if (sip->cseq > c->invite_cseq && c->answered_us)
        return false; // of a re-INVITE
    if (sip->status == 100)
        *ret = EVENT_100;
    else if (sip->status < 200)
        *ret = EVENT_1XX;
    else if (sip->status < 300)
        *ret = EVENT_2XX;
    else if (later_hop(c, sip->via_branch))
        return false;
    else
        *ret = dialog_status_is_retry(sip->status) ? EVENT_RETRY : EVENT_FINAL;
    return true;
}

bool dialog_event_of(const struct call *c, const struct message *m, enum dialog_event *ret)
{
    const struct sip_msg *sip = m->sip;
    if (!sip->request)
        return response_event(c, m, ret);
    switch (sip->method) {
    case SIP_INVITE:
        if (c->answered_us || m->sender != SIDE_CALLER)
            return false; // re-INVITE, or a late double
        *ret = EVENT_INVITE;
        return sip->cseq > c->invite_cseq;
    case SIP_ACK:
        if (later_hop(c, sip->via_branch) || m->sender != SIDE_CALLER)
            return false;
        *ret = dialog_hop(c, sip->via_branch) >= 0 ? EVENT_ACK_FINAL : EVENT_ACK_2XX;
        return sip->via_branch.n > 0 || c->answered_us;
    case SIP_BYE:
        *ret = EVENT_BYE;
        return true;
    default:
        return false;
    }
}

void dialog_end(struct leg *l, int64_t at_us)
{
    l->dialog = DIALOG_ENDED;
    l->state = CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED;
    if (!l->ended_us)
        l->ended_us = at_us > l->started_us ? at_us : l->started_us;
}

static void attempt(struct leg *l)
{
    struct call *c = l->call;
    l->status = 0;
    l->ended_us = l->ringing_us = 0;
    l->state = CALLMESH__V1__CALL_STATE__CALL_STATE_STARTED;
    memset(&l->to_tag, 0, sizeof l->to_tag);
    c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_STARTED;
    c->result = CALLMESH__V1__CALL_RESULT__CALL_RESULT_UNSPECIFIED;
    c->hangup_by = CALLMESH__V1__HANGUP_BY__HANGUP_BY_UNSPECIFIED;
    c->ended_us = c->ringing_us = c->last_provisional_us = 0;
    c->canceled = c->by_bye = false;
}

static void progress(struct leg *l, const struct message *m)
{
    struct call *c = l->call;
    l->status = m->sip->status;
    c->status = m->sip->status;
    c->last_provisional_us = m->when_us;
    uint8_t state = 0;
    if (m->sip->status == 180)
        state = CALLMESH__V1__CALL_STATE__CALL_STATE_RINGING;
    else if (m->sip->status == 183 && m->sdp)
        state = CALLMESH__V1__CALL_STATE__CALL_STATE_EARLY;
    if (!state)
        return;
    l->state = state;
    c->state = state;
    if (!l->ringing_us)
        l->ringing_us = m->when_us;
    if (!c->ringing_us)
        c->ringing_us = m->when_us;
}

static void final_status(struct leg *l, const struct message *m)
{
    struct call *c = l->call;
    l->status = m->sip->status;
    c->status = m->sip->status;
    struct span reason = span_sub(m->sip->reason, 0, sizeof c->reason);
    c->reason_n = (uint8_t)reason.n;
    if (reason.n)
        memcpy(c->reason, reason.p, reason.n);
}

static void answer(struct leg *l, const struct message *m)
{
    struct call *c = l->call;
    bool over = l->dialog == DIALOG_ENDED && c->by_bye;
    if (!l->answered_us)
        l->answered_us = m->when_us;
    final_status(l, m);
    if (!c->answered_us)
        c->answered_us = m->when_us;
    c->canceled = false;
    if (over)
        return;
    // Not yet over, or ended by a guess (time, another branch's failure) that this answer corrects.
    l->ended_us = c->ended_us = 0;
    l->state = CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED;
    c->hangup_by = CALLMESH__V1__HANGUP_BY__HANGUP_BY_UNSPECIFIED;
    c->result = CALLMESH__V1__CALL_RESULT__CALL_RESULT_UNSPECIFIED;
    if (c->state != CALLMESH__V1__CALL_STATE__CALL_STATE_HELD)
        c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED;
}

// The 2xx was not captured, but its ACK was: only that ACK has a branch of its own (RFC 3261 13.2.2.4, 17.1.1.3), when
// branches are to be trusted (the cookie of 8.1.1.7) and no hop is missing between the two.
static void answer_unseen(struct leg *l, const struct message *m)
{
    struct call *c = l->call;
    if (c->answered_us || c->hops != 1 || !span_istarts(m->sip->via_branch, SPAN_LIT("z9hG4bK")))
        return;
    c->status = l->status = 0; // which 2xx it was, nobody saw
    c->reason_n = 0;
    l->answered_us = c->answered_us = m->when_us;
    l->state = c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED;
    c->canceled = false;
    c->hangup_by = CALLMESH__V1__HANGUP_BY__HANGUP_BY_UNSPECIFIED;
}

void dialog_move(struct leg *l, enum dialog_event e, const struct message *m)
{
    struct dialog_cell cell = dialog_table[l->dialog][e];
    struct call *c = l->call;
    switch ((enum dialog_action)cell.action) {
    case ACT_NONE:
        break;
    case ACT_ATTEMPT:
        attempt(l);
        break;
    case ACT_PROGRESS:
        progress(l, m);
        break;
    case ACT_ANSWER:
        answer(l, m);
        if (l->dialog == DIALOG_ENDED && !l->ended_us)
            cell.next = DIALOG_ANSWERED;
        break;
    case ACT_RETRY:
        final_status(l, m);
        break;
    case ACT_REJECT:
        final_status(l, m);
        dialog_end(l, m->when_us);
        if (c->hangup_by == CALLMESH__V1__HANGUP_BY__HANGUP_BY_UNSPECIFIED)
            c->hangup_by = m->sip->status == 408 ? CALLMESH__V1__HANGUP_BY__HANGUP_BY_TIMEOUT
                                                 : CALLMESH__V1__HANGUP_BY__HANGUP_BY_CALLEE;
        break;
    case ACT_ACK:
        l->ack_seen = true;
        answer_unseen(l, m);
        break;
    case ACT_END_UNSEEN:
    case ACT_LOSE:
        dialog_end(l, m->when_us);
        break;
    case ACT_BYE:
        dialog_end(l, m->when_us);
        c->by_bye = true;
        c->hangup_by = (uint8_t)m->sender; // the numbers are the same
        break;
    }
    l->dialog = cell.next;
}

// ---- hold and resume ----------------------------------------------------------------------------------------------

static uint8_t sdp_holds(const struct sdp *s, bool inactive_too)
{
    static const struct ip_addr zero;
    for (uint32_t i = 0; i < s->medias; i++) {
        const struct sdp_media *md = &s->media[i];
        if (!md->rtp || !md->rtp_at.port)
            continue;
        if (md->direction == SDP_SENDONLY)
            return HOLD_SENDONLY;
        if (!inactive_too || md->direction != SDP_INACTIVE)
            return HOLD_NOT;
        bool zeros = md->rtp_at.ip.family == 4 && !memcmp(md->rtp_at.ip.b, zero.b, sizeof zero.b);
        return zeros ? HOLD_ZERO_ADDRESS : HOLD_INACTIVE;
    }
    return HOLD_NOT;
}

static void set_hold(struct leg *l, enum side side, uint8_t hold, int64_t at_us)
{
    struct call *c = l->call;
    bool was = l->hold_by != 0;
    uint8_t bit = (uint8_t)(1u << side);
    l->hold_by = hold ? (uint8_t)(l->hold_by | bit) : (uint8_t)(l->hold_by & ~bit);
    l->hold_how = hold;
    bool is = l->hold_by != 0;
    if (was == is || l->dialog == DIALOG_ENDED)
        return;
    if (is) {
        l->state = c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_HELD;
        c->hold_count++;
        c->hold_since_us = at_us;
    } else {
        l->state = c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED;
        if (c->hold_since_us && at_us > c->hold_since_us)
            c->hold_us += at_us - c->hold_since_us;
        c->hold_since_us = 0;
    }
}

static void session_request(struct leg *l, const struct message *m)
{
    const struct sip_msg *sip = m->sip;
    if (sip->method == SIP_ACK) {
        // The answer to a late offer.
        if (m->sdp && l->offer_late && sip->cseq == l->offer_cseq) {
            set_hold(l, m->sender, sdp_holds(m->sdp, !l->hold_by), m->when_us);
            l->offer_late = 0;
        }
        return;
    }
    if ((sip->method != SIP_INVITE && sip->method != SIP_UPDATE) ||
        sip->cseq <= l->side_cseq[m->sender])
        return;
    if (sip->method == SIP_UPDATE && !m->sdp)
        return; // a session timer's
    l->side_cseq[m->sender] = sip->cseq;
    l->offer_cseq = sip->cseq;
    l->offer_side = (uint8_t)m->sender;
    l->offer_late = !m->sdp;
    l->offer_hold = m->sdp ? sdp_holds(m->sdp, true) : HOLD_NOT;
}

void dialog_session(struct leg *l, const struct message *m)
{
    const struct sip_msg *sip = m->sip;
    if (!l->answered_us || l->dialog == DIALOG_ENDED || m->sender == SIDE_NONE)
        return;
    if (sip->request) {
        if (sip->method == SIP_ACK || sip->cseq != l->call->invite_cseq || m->sender != SIDE_CALLER)
            session_request(l, m);
        return;
    }
    if (!l->offer_cseq || sip->cseq != l->offer_cseq || sip->status < 200 ||
        m->sender == l->offer_side ||
        (sip->cseq_method != SIP_INVITE && sip->cseq_method != SIP_UPDATE))
        return;
    if (sip->status >= 300) {
        l->offer_cseq = 0;
        return;
    }
    if (l->offer_late) {
        if (m->sdp)
            set_hold(l, m->sender, sdp_holds(m->sdp, true), m->when_us);
        return; // the ACK may say more
    }
    set_hold(l, (enum side)l->offer_side, l->offer_hold, m->when_us);
    // The one who answers may hold too (RFC 3264 8.4); to an offer that holds, recvonly and inactive are what he has to say.
    if (m->sdp && !l->offer_hold)
        set_hold(l, m->sender, sdp_holds(m->sdp, true), m->when_us);
    l->offer_cseq = 0;
}

#include "signalling.h"
#include <string.h>
#include "agents.h"
#include "call.h"
#include "dialog.h"
#include "expiry.h"
#include "media_join.h"
#include "numbers.h"
#include "stats.h"

#define KEY_MAX   128
#define MEDIA_MAX 4
#define KINDS     7

enum action {
    DO_NOTHING,
    DO_RING,
    DO_ANSWER,
    DO_HOLD,
    DO_RESUME,
    DO_END
};

struct cell {
    uint8_t next, action;
};

// States are those of dialog_states.h that have a meaning here; the harvester says a state once, but two harvesters may.
static const struct cell table[DIALOG_STATES][KINDS] = {
    [DIALOG_CALLING] = {{DIALOG_CALLING, DO_NOTHING},
                        {DIALOG_CALLING, DO_NOTHING},
                        {DIALOG_EARLY, DO_RING},
                        {DIALOG_CONFIRMED, DO_ANSWER},
                        {DIALOG_CALLING, DO_NOTHING},
                        {DIALOG_CALLING, DO_NOTHING},
                        {DIALOG_ENDED, DO_END}},
    [DIALOG_EARLY] = {{DIALOG_EARLY, DO_NOTHING},
                      {DIALOG_EARLY, DO_NOTHING},
                      {DIALOG_EARLY, DO_NOTHING},
                      {DIALOG_CONFIRMED, DO_ANSWER},
                      {DIALOG_EARLY, DO_NOTHING},
                      {DIALOG_EARLY, DO_NOTHING},
                      {DIALOG_ENDED, DO_END}},
    [DIALOG_CONFIRMED] = {{DIALOG_CONFIRMED, DO_NOTHING},
                          {DIALOG_CONFIRMED, DO_NOTHING},
                          {DIALOG_CONFIRMED, DO_NOTHING},
                          {DIALOG_CONFIRMED, DO_NOTHING},
                          {DIALOG_CONFIRMED, DO_HOLD},
                          {DIALOG_CONFIRMED, DO_RESUME},
                          {DIALOG_ENDED, DO_END}},
    [DIALOG_ENDED] = {{DIALOG_ENDED, DO_NOTHING},
                      {DIALOG_ENDED, DO_NOTHING},
                      {DIALOG_ENDED, DO_NOTHING},
                      {DIALOG_ENDED, DO_NOTHING},
                      {DIALOG_ENDED, DO_NOTHING},
                      {DIALOG_ENDED, DO_NOTHING},
                      {DIALOG_ENDED, DO_NOTHING}},
};

const char *protocol_name(int protocol)
{
    static const char *const names[] = {"sip", "sip", "sccp", "mgcp", "iax2", "h323"};
    return protocol >= 0 && protocol < 6 ? names[protocol] : "sip";
}

// RFC 3398 7.2.4.1.
uint16_t signalling_status_of(uint32_t cause)
{
    static const uint16_t of[128] = {
        [1] = 404,  [2] = 404,   [3] = 404,   [16] = 487, [17] = 486, [18] = 408, [19] = 480,
        [20] = 480, [21] = 403,  [22] = 410,  [23] = 410, [26] = 404, [27] = 502, [28] = 484,
        [29] = 501, [31] = 480,  [34] = 503,  [38] = 503, [41] = 503, [42] = 503, [47] = 503,
        [55] = 403, [57] = 403,  [58] = 503,  [65] = 488, [70] = 488, [79] = 501, [87] = 403,
        [88] = 503, [102] = 504, [111] = 500, [127] = 500};
    return cause < 128 ? of[cause] : 0;
}

bool signalling_readable(const Callmesh__V1__SignallingEvent *e)
{
    struct endpoint at;
    if (!endpoint_from_pb(e->src, &at) || !endpoint_from_pb(e->dst, &at) || e->at_us < 0)
        return false;
    return e->protocol > CALLMESH__V1__PROTOCOL__PROTOCOL_SIP &&
           e->protocol <= CALLMESH__V1__PROTOCOL__PROTOCOL_H323 && e->call_key.len > 0 &&
           e->call_key.len <= KEY_MAX && e->kind >= 0 && (int)e->kind < KINDS;
}

// ---- which call ---------------------------------------------------------------------------------------------------

static struct call *find(struct world *w, uint16_t publisher,
                         const Callmesh__V1__SignallingEvent *e)
{
    uint16_t site = w->publisher[publisher].site;
    struct span key = span_of(e->call_key.data, e->call_key.len);
    for (uint32_t i = chain_first(w->by_call_id, hash_site_span(w, site, key)); i != CHAIN_END;
         i = chain_next(w->by_call_id, i)) { // newest first
        struct call *c = slab_at(w->calls, i);
        if (realm_of(w, c->site) != realm_of(w, site) || c->protocol != e->protocol ||
            !span_eq(call_id_span(c), key))
            continue;
        int64_t at;
        uint8_t reason;
        if (expiry_due(w, c, call_time(w, c, publisher, e->at_us), &at, &reason)) {
            count(STAT_CALLS_EXPIRED);
            c->end_reason = reason;
            call_end(w, c, at, CALLMESH__V1__HANGUP_BY__HANGUP_BY_TIMEOUT);
        }
        return c;
    }
    return NULL;
}

static struct call *begin(struct world *w, uint16_t publisher,
                          const Callmesh__V1__SignallingEvent *e)
{
    uint16_t site = w->publisher[publisher].site;
    struct span key = span_of(e->call_key.data, e->call_key.len);
    struct uuid of = uuid_derive(e->at_us, NULL, span_str(w->site[site].name),
                                 span_str(w->publisher[publisher].name),
                                 span_str(protocol_name((int)e->protocol)));
    struct uuid id = uuid_derive(e->at_us, &of, key, span_of("", 0), SPAN_LIT("call"));
    struct call *c = call_by_id(w, &id) ? NULL : call_new(w, site, key, &id);
    if (!c)
        return NULL;
    c->protocol = (uint8_t)e->protocol;
    c->started_us = c->last_sip_us = e->at_us;
    c->live = w->publisher[publisher].live;
    struct leg *l = call_leg_new(w, c);
    if (!l) {
        call_remove(w, c);
        return NULL;
    }
    l->id = uuid_derive(c->started_us, &c->id, key, span_of("", 0), span_of("", 0));
    l->started_us = c->started_us;
    (void)endpoint_from_pb(e->src, &l->src);
    (void)endpoint_from_pb(e->dst, &l->dst);
    l->transport = (uint8_t)e->transport;
    count(STAT_CALLS_STARTED);
    return c;
}

// ---- what is said -------------------------------------------------------------------------------------------------

// An empty one: what an earlier event said stays. One that was said longer before is written over; for a longer one there is
// room in the texts of a call, and when all of that is used the earlier one stays.
static bool take_text(struct world *w, struct call *c, ProtobufCBinaryData in, size_t max,
                      uint8_t **to, uint16_t *to_n)
{
    struct span s = span_sub(span_of(in.data, in.len), 0, max);
    if (!s.n || span_eq(s, span_of(*to, *to_n)))
        return false;
    uint16_t n = (uint16_t)s.n;
    if (s.n <= *to_n) {
        memcpy(*to, s.p, s.n);
    } else {
        uint8_t *at = call_keep_text(w, c, s, &n);
        if (n <= *to_n)
            return false;
        *to = at;
    }
    *to_n = n;
    return true;
}

// True when it is somebody else now: dialled digits come one by one.
static bool take_party(struct world *w, struct call *c, struct party *p,
                       const Callmesh__V1__Party *in)
{
    if (!in)
        return false;
    (void)take_text(w, c, in->uri, PARTY_URI_MAX, &p->uri, &p->uri_n);
    (void)take_text(w, c, in->display_name, PARTY_NAME_MAX, &p->name, &p->name_n);
    if (!take_text(w, c, in->user, PARTY_USER_MAX, &p->user, &p->user_n))
        return false;
    p->user_cut = p->user_n < in->user.len;
    return true;
}

static void take_media(struct world *w, struct leg *l, const Callmesh__V1__MediaAddress *m,
                       int64_t at_us)
{
    struct endpoint at;
    if ((m->side != CALLMESH__V1__SIDE__SIDE_CALLER &&
         m->side != CALLMESH__V1__SIDE__SIDE_CALLEE) ||
        !endpoint_from_pb(m->at, &at))
        return;
    for (size_t i = 0; i < m->n_payload_map && i < FORMATS_MAX; i++) {
        const Callmesh__V1__PayloadMap *p = m->payload_map[i];
        struct sdp_format f = {.payload_type = (uint8_t)(p->payload_type & 127),
                               .codec = span_str(p->codec),
                               .clock_rate = p->clock_rate,
                               .channels = (uint8_t)p->channels};
        media_on_format(l, (enum side)m->side, &f);
    }
    media_on_address(w, l, (enum side)m->side, &at, m->ssrc, at_us);
}

static void known_as(struct world *w, struct call *c)
{
    numbers_read(w, c);
    agents_match(w, c, c->legs);
}

// ---- the machine --------------------------------------------------------------------------------------------------

static void ring(struct leg *l, int64_t at_us)
{
    struct call *c = l->call;
    l->state = c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_RINGING;
    l->ringing_us = c->ringing_us = c->last_provisional_us = at_us;
    l->status = c->status = 180;
}

static void answer(struct leg *l, int64_t at_us)
{
    struct call *c = l->call;
    l->state = c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED;
    l->answered_us = c->answered_us = at_us;
    l->status = c->status = 200;
}

static void hold(struct leg *l, int64_t at_us)
{
    struct call *c = l->call;
    if (c->state == CALLMESH__V1__CALL_STATE__CALL_STATE_HELD)
        return;
    l->state = c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_HELD;
    c->hold_count++;
    c->hold_since_us = at_us;
}

static void resume(struct leg *l, int64_t at_us)
{
    struct call *c = l->call;
    if (c->state != CALLMESH__V1__CALL_STATE__CALL_STATE_HELD)
        return;
    l->state = c->state = CALLMESH__V1__CALL_STATE__CALL_STATE_ANSWERED;
    if (c->hold_since_us && at_us > c->hold_since_us)
        c->hold_us += at_us - c->hold_since_us;
    c->hold_since_us = 0;
}

static void end(struct leg *l, const Callmesh__V1__SignallingEvent *e, int64_t at_us)
{
    struct call *c = l->call;
    c->q850 = (uint16_t)(e->cause < 128 ? e->cause : 0);
    c->by_bye = c->answered_us != 0;
    c->hangup_by = (uint8_t)e->side; // the numbers are the same
    if (!c->answered_us) {
        uint16_t status = signalling_status_of(c->q850);
        if (!status && e->side == CALLMESH__V1__SIDE__SIDE_CALLEE)
            status = 603; // put off by hand
        l->status = c->status = status;
        if (e->side == CALLMESH__V1__SIDE__SIDE_CALLER && (!status || status == 487)) {
            c->canceled = true;
            c->cancel_us = at_us;
        } else if (!c->hangup_by && (status == 408 || status == 480)) {
            c->hangup_by = CALLMESH__V1__HANGUP_BY__HANGUP_BY_TIMEOUT;
        } else if (!c->hangup_by && status) {
            c->hangup_by = CALLMESH__V1__HANGUP_BY__HANGUP_BY_CALLEE;
        }
    }
    dialog_end(l, at_us);
}

static void move(struct leg *l, const Callmesh__V1__SignallingEvent *e, int64_t at_us)
{
    struct cell cell = table[l->dialog][e->kind];
    switch ((enum action)cell.action) {
    case DO_NOTHING:
        break;
    case DO_RING:
        ring(l, at_us);
        break;
    case DO_ANSWER:
        answer(l, at_us);
        break;
    case DO_HOLD:
        hold(l, at_us);
        break;
    case DO_RESUME:
        resume(l, at_us);
        break;
    case DO_END:
        end(l, e, at_us);
        break;
    }
    l->dialog = cell.next;
}

void signalling_on_event(struct world *w, uint16_t publisher,
                         const Callmesh__V1__SignallingEvent *e)
{
    bool begins = e->kind != CALLMESH__V1__SIGNALLING_KIND__SIGNALLING_KIND_UNSPECIFIED &&
                  e->kind != CALLMESH__V1__SIGNALLING_KIND__SIGNALLING_KIND_ENDED;
    bool setup = e->kind == CALLMESH__V1__SIGNALLING_KIND__SIGNALLING_KIND_SETUP;
    struct call *c = find(w, publisher, e);
    count(STAT_SIGNALLING);
    if (c && c->legs->dialog == DIALOG_ENDED &&
        (!setup || call_time(w, c, publisher, e->at_us) <= c->ended_us))
        return; // the rest of it, or what another harvester saw too
    if (!c || c->legs->dialog == DIALOG_ENDED)
        c = begins ? begin(w, publisher, e) : NULL;
    if (!c) {
        count(STAT_SIGNALLING_STRAY);
        return;
    }
    uint8_t state = c->state;
    int64_t at_us = call_time(w, c, publisher, e->at_us);
    if (at_us < c->started_us)
        at_us = c->started_us;
    call_credit_publisher(w, c, publisher);
    if (at_us > c->last_sip_us)
        c->last_sip_us = at_us;
    c->message_count++;
    bool other_from = take_party(w, c, &c->from, e->from);
    bool other_to = take_party(w, c, &c->to, e->to);
    if (other_from || other_to || c->message_count == 1)
        known_as(w, c);
    move(c->legs, e, at_us);
    for (size_t i = 0; i < e->n_media && i < MEDIA_MAX; i++)
        take_media(w, c->legs, e->media[i], at_us);
    call_settle(w, c, at_us);
    call_touch(w, c, c->state != state || c->message_count == 1);
}

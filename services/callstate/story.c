#include "story.h"
#include <string.h>
#include "event.h"
#include "join.h"
#include "parts.h"
#include "pause.h"
#include "stats.h"
#include "transfer.h"
#include "wire/sip_story.h"

void story_before(const struct call *c, struct story_was *ret)
{
    *ret = (struct story_was){
        .state = c->state, .canceled = c->canceled, .answered_us = c->answered_us};
    for (const struct leg *l = c->legs; l && ret->legs < CALL_LEGS_MAX; l = l->next) {
        ret->dialog[ret->legs] = l->dialog;
        ret->hold_by[ret->legs++] = l->hold_by;
    }
}

// ---- legs ---------------------------------------------------------------------------------------------------------

static const char *how(const struct leg *l)
{
    static const char *const names[] = {"", "sendonly", "inactive", "zero_address"};
    return names[l->hold_how < 4 ? l->hold_how : 0];
}

static void hold_events(struct world *w, struct call *c, const struct leg *l, uint8_t was,
                        const struct message *m)
{
    for (enum side side = SIDE_CALLER; side <= SIDE_CALLEE; side++) {
        uint8_t bit = (uint8_t)(1u << side);
        if ((was & bit) == (l->hold_by & bit))
            continue;
        if (l->hold_by & bit)
            event_note(w, c, l, m->when_us, "held", side, 0, "%s", how(l));
        else
            event_note(w, c, l, m->when_us, "resumed", side, 0, NULL);
    }
}

static void leg_events(struct world *w, struct call *c, const struct message *m,
                       const struct story_was *was)
{
    uint8_t i = 0;
    for (const struct leg *l = c->legs; l; l = l->next, i++) {
        struct event_text tag = event_text(tag_span(&l->to_tag));
        if (i >= was->legs) {
            if (i > 0) // the first is the call itself
                event_note(w, c, l, m->when_us, "forked", SIDE_CALLEE, m->sip->status, "tag %s",
                           tag.s);
            continue;
        }
        hold_events(w, c, l, was->hold_by[i], m);
        if (l->dialog == DIALOG_ENDED && was->dialog[i] != DIALOG_ENDED && !l->answered_us &&
            c->answered_us && !was->answered_us)
            event_note(w, c, l, m->when_us, "fork_lost", SIDE_CALLEE, 0, "tag %s", tag.s);
    }
}

// ---- what headers tell --------------------------------------------------------------------------------------------

static bool add_diverted(struct call *c, struct span user)
{
    struct span kept = span_sub(user, 0, sizeof c->diverted[0].user);
    uint64_t key = join_number_key(user);
    if (!kept.n || key == c->key[KEY_TO])
        return false;
    for (uint8_t i = 0; i < c->diverted_n; i++)
        if (join_number_key(span_of(c->diverted[i].user, c->diverted[i].n)) == key)
            return false;
    if (c->diverted_n == DIVERTED_MAX) {
        count(STAT_FULL_DIVERTED);
        return false;
    }
    struct diverted *d = &c->diverted[c->diverted_n++];
    d->n = (uint8_t)kept.n;
    memcpy(d->user, kept.p, kept.n);
    return true;
}

#define HISTORY_MAX 16

// RFC 5806: the latest first. RFC 7044: the oldest first, and the last is whom it is for now.
static void take_diversion(struct world *w, struct call *c, const struct message *m)
{
    struct span value, item, user[HISTORY_MAX];
    struct sip_addr a;
    size_t n = 0;
    for (uint32_t i = 0; i < HISTORY_MAX && n < HISTORY_MAX; i++) {
        value = sip_header_value(m->sip, SIP_H_DIVERSION, i);
        while (n < HISTORY_MAX && sip_list_next(&value, &item))
            if (sip_addr_parse(item, &a))
                user[n++] = a.user;
    }
    for (size_t i = 0; i < n; i++)
        (void)add_diverted(c, user[i]);
    n = 0;
    for (uint32_t i = 0; i < HISTORY_MAX && n < HISTORY_MAX; i++) {
        value = sip_header_value(m->sip, SIP_H_HISTORY_INFO, i);
        while (n < HISTORY_MAX && sip_list_next(&value, &item))
            if (sip_addr_parse(item, &a))
                user[n++] = a.user;
    }
    for (size_t i = n; i-- > 1;)
        (void)add_diverted(c, user[i - 1]);
    if (c->diverted_n)
        event_note(w, c, c->legs, m->when_us, "forwarded", SIDE_CALLEE, 0, "by %s",
                   event_text(span_of(c->diverted[0].user, c->diverted[0].n)).s);
}

// True: it has told something new.
static bool take_session_id(struct world *w, struct call *c, const struct message *m)
{
    static const uint8_t zero[16];
    struct sip_session_id id;
    bool news = false;
    if (m->sender == SIDE_NONE ||
        !sip_session_id_parse(sip_header_value(m->sip, SIP_H_SESSION_ID, 0), &id))
        return false;
    for (int i = 0; i < 2; i++) {
        const uint8_t *v = (i == 0) == (m->sender == SIDE_CALLER) ? id.local : id.remote;
        if (memcmp(v, zero, 16) == 0 || memcmp(v, c->session[i], 16) == 0)
            continue;
        memcpy(c->session[i], v, 16);
        join_key(w, c, i ? KEY_SESSION_REMOTE : KEY_SESSION_LOCAL,
                 fnv64(FNV_START, span_of(v, 16)));
        news = true;
    }
    return news;
}

static bool take_focus(struct world *w, struct call *c, const struct message *m)
{
    struct span list = sip_header_value(m->sip, SIP_H_CONTACT, 0), item;
    struct sip_addr a;
    bool session = m->sip->request ? m->sip->method == SIP_INVITE : m->sip->status / 100 == 2;
    if (!session || m->sip->cseq_method != SIP_INVITE || c->key[KEY_FOCUS] || !list.n ||
        !sip_contact_is_focus(list) || !sip_list_next(&list, &item) || !sip_addr_parse(item, &a))
        return false;
    c->conference = true;
    join_key(w, c, KEY_FOCUS, fnv64(FNV_START, span_sub(a.uri, 0, span_find(a.uri, ';'))));
    event_note(w, c, m->leg, m->when_us, "conference", m->sender, 0, "%s", event_text(a.uri).s);
    return true;
}

static void take_cause(struct call *c, const struct message *m)
{
    const struct sip_msg *sip = m->sip;
    bool ends = sip->request ? sip->method == SIP_BYE || sip->method == SIP_CANCEL
                             : sip->cseq_method == SIP_INVITE && sip->status >= 300;
    for (uint32_t i = 0; ends && i < 4; i++)
        if (sip_reason_q850(sip_header_value(sip, SIP_H_REASON, i), &c->q850))
            return;
}

// RFC 4028: what the 2xx says holds, and begins anew.
static void take_timer(struct world *w, struct call *c, const struct message *m)
{
    uint32_t seconds;
    const struct sip_msg *sip = m->sip;
    if (sip->request || sip->status / 100 != 2 || !c->answered_us ||
        (sip->cseq_method != SIP_INVITE && sip->cseq_method != SIP_UPDATE))
        return;
    if (!sip_session_expires_parse(sip_header_value(sip, SIP_H_SESSION_EXPIRES, 0), &seconds)) {
        c->session_expires = 0; // without it the session has no timer any more
        return;
    }
    if (seconds != c->session_expires)
        event_note(w, c, m->leg, m->when_us, "session_timer", m->sender, 0, "%u s", seconds);
    c->session_expires = seconds;
    c->refreshed_us = m->when_us;
}

// o=<user> <session> <version> IN IP4 <address>: all but the version. A session id below four digits says nothing.
static uint64_t origin_key(struct span origin)
{
    struct span word[6];
    size_t n = 0;
    for (size_t i = 0; i < origin.n && n < 6;) {
        struct span rest = span_sub(origin, i, origin.n);
        size_t end = span_find(rest, ' ');
        if (end)
            word[n++] = span_sub(rest, 0, end);
        i += end + 1;
    }
    if (n < 6 || word[1].n < 4)
        return 0;
    uint64_t h = FNV_START;
    for (size_t i = 0; i < 6; i++)
        if (i != 2)
            h = fnv64(fnv64(h, word[i]), SPAN_LIT(" "));
    return h;
}

static bool take_origin(struct world *w, struct call *c, const struct message *m)
{
    if (!m->sdp || m->sender == SIDE_NONE || (!m->sip->request && m->sip->status >= 300))
        return false;
    enum call_key key = m->sender == SIDE_CALLER ? KEY_ORIGIN_CALLER : KEY_ORIGIN_CALLEE;
    if (!c->key[key])
        join_key(w, c, key, origin_key(m->sdp->origin));
    return true;
}

// ---- the message --------------------------------------------------------------------------------------------------

static void begin(struct world *w, struct call *c, const struct message *m)
{
    join_key(w, c, KEY_FROM, join_number_key(span_of(c->from.user, c->from.user_n)));
    join_key(w, c, KEY_TO, join_number_key(span_of(c->to.user, c->to.user_n)));
    take_diversion(w, c, m);
}

static void races(struct world *w, struct call *c, const struct message *m,
                  const struct story_was *was)
{
    const struct sip_msg *sip = m->sip;
    if (was->canceled && !c->canceled && c->answered_us && !was->answered_us)
        event_note(w, c, m->leg, m->when_us, "cancel_crossed", SIDE_CALLER, sip->status,
                   "the answer met the CANCEL");
    if (!sip->request && sip->status == 491 && c->answered_us && !m->retransmission)
        event_note(w, c, m->leg, m->when_us, "glare", m->sender, 491, "both asked at once");
}

void story_after(struct world *w, struct call *c, const struct message *m,
                 const struct story_was *was)
{
    bool first = c->message_count == 1;
    if (first)
        begin(w, c, m);
    leg_events(w, c, m, was);
    races(w, c, m, was);
    take_cause(c, m);
    take_timer(w, c, m);
    bool news = take_session_id(w, c, m);
    news |= take_focus(w, c, m);
    news |= take_origin(w, c, m) && !m->retransmission;
    if (first || news)
        join_look(w, c, m);
    transfer_on_message(w, c, m);
    pause_on_message(w, c, m);
    if (c->answered_us && !was->answered_us) {
        Callmesh__V1__PartRelation rel = parts_relation(c);
        transfer_on_outcome(w, c, true, m->when_us);
        if (rel == CALLMESH__V1__PART_RELATION__PART_RELATION_PICKUP)
            event_note(w, c, m->leg, m->when_us, "picked_up", SIDE_CALLER, 0, "by %s",
                       event_text(span_of(c->from.user, c->from.user_n)).s);
        if (c->conference || rel == CALLMESH__V1__PART_RELATION__PART_RELATION_CONFERENCE)
            event_note(w, c, m->leg, m->when_us, "participant_joined", SIDE_NONE, 0, "%s",
                       event_text(span_of(c->from.user, c->from.user_n)).s);
    }
}

void story_on_end(struct world *w, struct call *c)
{
    if (!c->answered_us)
        transfer_on_outcome(w, c, false, c->ended_us);
    else if (c->conference)
        event_note(w, c, NULL, c->ended_us, "participant_left", SIDE_NONE, 0, "%s",
                   event_text(span_of(c->from.user, c->from.user_n)).s);
    if (c->end_reason >= CALLMESH__V1__END_REASON__END_REASON_MEDIA_SILENCE)
        event_note(w, c, NULL, c->ended_us, "end_assumed", SIDE_NONE, 0, NULL);
}

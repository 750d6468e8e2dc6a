// SCCP: what a call manager tells a phone, and the few things the phone says. A call is one call reference between the
// two, so a call between two phones of one manager is two calls here, as it is to each phone. Off hook and on hook again
// without a number makes no call.
#include <stdio.h>
#include "sigcalls.h"
#include "wire/sccp.h"

#define KEY_END_CALL  9
#define CALL_TYPE_IN  1
#define CALL_TYPE_OUT 2
#define CALL_TYPE_FWD 3

// Q.850 causes that a tone or a state stands for.
#define CAUSE_BUSY           17
#define CAUSE_INVALID_NUMBER 28
#define CAUSE_CONGESTION     42

// The two ends, whoever sent this: the call manager listens on 2000.
struct ends {
    struct endpoint phone, manager;
    bool by_phone;
};

static struct ends ends_of(const struct pkt *p)
{
    struct endpoint src = {p->src, p->sport}, dst = {p->dst, p->dport};
    bool by_phone = p->dport == 2000;
    return (struct ends){by_phone ? src : dst, by_phone ? dst : src, by_phone};
}

static struct sigkey key_of(enum sigkey_kind kind, const struct ends *e, uint32_t number)
{
    return sigkey_of(kind, &e->phone, &e->manager, number);
}

static struct sigcall *find(struct sigcalls *t, enum sigkey_kind kind, const struct ends *e,
                            uint32_t number)
{
    struct sigkey k = key_of(kind, e, number);
    return sigcalls_find(t, &k, NULL);
}

static struct sigcall *call_of(struct sigcalls *t, const struct ends *e, const struct sccp_msg *m)
{
    struct sigcall *c = m->call_ref ? find(t, SIGKEY_SCCP_CALL, e, m->call_ref) : NULL;
    if (!c && m->pass_through && !m->call_ref)
        c = find(t, SIGKEY_SCCP_PARTY, e, m->pass_through);
    return c;
}

static struct sigcall *begin(struct sigcalls *t, const struct pkt *p, const struct ends *e,
                             uint32_t call_ref)
{
    struct sigcall *c = sigcalls_begin(t, SIGPROTO_SCCP, p->at_us);
    char phone[46], manager[46];
    ip_addr_format(&e->phone.ip, phone, sizeof phone);
    ip_addr_format(&e->manager.ip, manager, sizeof manager);
    sigcall_set_key(c, "%u@%s;%s:%u", call_ref, manager, phone, e->phone.port);
    c->transport = 6;
    struct sigkey k = key_of(SIGKEY_SCCP_CALL, e, call_ref);
    sigcalls_key(t, c, &k, 0);
    return c;
}

// Whose call is it? The phone's own, or one that comes to it.
static void set_side(struct sigcall *c, const struct ends *e, enum sigside phone)
{
    if (c->sccp.phone_side_known)
        return;
    c->sccp.phone_side_known = true;
    c->sccp.phone_side = (uint8_t)phone;
    c->src = phone == SIGSIDE_CALLER ? e->phone : e->manager;
    c->dst = phone == SIGSIDE_CALLER ? e->manager : e->phone;
}

static void tell(struct sigcalls *t, struct sigcall *c, const struct pkt *p, enum sigkind kind,
                 const char *message)
{
    sigcalls_tell(t, c,
                  &(struct sigcall_event){.kind = kind, .at_us = p->at_us, .message = message});
}

// Without a state that says so no cause is told: SCCP has none.
static void end(struct sigcalls *t, struct sigcall *c, const struct pkt *p)
{
    enum sigside phone = (enum sigside)c->sccp.phone_side;
    enum sigside by = c->sccp.on_hook ? phone : c->answered ? sigside_other(phone) : SIGSIDE_NONE;
    if (c->told)
        sigcalls_tell(t, c,
                      &(struct sigcall_event){.kind = SIGKIND_ENDED,
                                              .at_us = p->at_us,
                                              .message = "CallState OnHook",
                                              .side = by,
                                              .cause = c->sccp.cause});
    sigcalls_end(t, c);
}

static void on_state(struct sigcalls *t, const struct pkt *p, const struct ends *e,
                     const struct sccp_msg *m)
{
    if (e->by_phone || !m->call_ref)
        return;
    struct sigcall *c = call_of(t, e, m);
    if (!c && m->state == SCCP_STATE_ON_HOOK)
        return;
    if (!c)
        c = begin(t, p, e, m->call_ref);
    sigcalls_touch(t, c, p->at_us);
    if (m->state == SCCP_STATE_ON_HOOK) {
        end(t, c, p);
        return;
    }
    struct sigkey phone = key_of(SIGKEY_SCCP_PHONE, e, 0);
    if (m->state != SCCP_STATE_RING_IN && m->state != SCCP_STATE_CALL_WAITING)
        sigcalls_key(t, c, &phone, 0);
    char text[40];
    const char *name = sccp_state_name(m->state);
    (void)snprintf(text, sizeof text, "CallState %s", name ? name : "?");
    switch (m->state) {
    case SCCP_STATE_RING_IN:
    case SCCP_STATE_CALL_WAITING:
        set_side(c, e, SIGSIDE_CALLEE);
        tell(t, c, p, SIGKIND_RINGING, text);
        break;
    case SCCP_STATE_PROCEED:
        set_side(c, e, SIGSIDE_CALLER);
        tell(t, c, p, SIGKIND_SETUP, text);
        break;
    case SCCP_STATE_RING_OUT:
        set_side(c, e, SIGSIDE_CALLER);
        tell(t, c, p, SIGKIND_RINGING, text);
        break;
    case SCCP_STATE_CONNECTED: // of a call whose beginning was not seen the side stands in its CallInfo
        set_side(c, e, SIGSIDE_CALLER);
        tell(t, c, p, c->state == SIGKIND_HELD ? SIGKIND_RESUMED : SIGKIND_ANSWERED, text);
        break;
    case SCCP_STATE_HOLD:
        sigcalls_tell(t, c,
                      &(struct sigcall_event){.kind = SIGKIND_HELD,
                                              .at_us = p->at_us,
                                              .message = text,
                                              .side = (enum sigside)c->sccp.phone_side});
        break;
    case SCCP_STATE_BUSY:
        c->sccp.cause = CAUSE_BUSY;
        break;
    case SCCP_STATE_CONGESTION:
        c->sccp.cause = CAUSE_CONGESTION;
        break;
    case SCCP_STATE_INVALID_NUMBER:
        c->sccp.cause = CAUSE_INVALID_NUMBER;
        break;
    default:
        break;
    }
}

static void on_info(struct sigcalls *t, const struct pkt *p, const struct ends *e,
                    const struct sccp_msg *m)
{
    struct sigcall *c = call_of(t, e, m);
    if (!c || e->by_phone)
        return;
    sigcalls_touch(t, c, p->at_us);
    if (m->call_type == CALL_TYPE_IN || m->call_type == CALL_TYPE_FWD)
        set_side(c, e, SIGSIDE_CALLEE);
    else if (m->call_type == CALL_TYPE_OUT)
        set_side(c, e, SIGSIDE_CALLER);
    sigparty_user(&c->from, m->calling);
    sigparty_name(&c->from, m->calling_name);
    sigparty_user(&c->to, m->called);
    sigparty_name(&c->to, m->called_name);
    tell(t, c, p, SIGKIND_NONE, "CallInfo");
}

// Two phones of one manager talk: a call to each, and both name the same two addresses. The streams are to belong to one
// of them, the caller's, so it says its addresses last.
static void tell_pair(struct sigcalls *t, struct sigcall *c, const struct pkt *p,
                      const struct ends *e)
{
    struct sigkey near = sigkey_of(SIGKEY_SCCP_FAR, &c->sccp.near.at, &e->manager, 0);
    struct sigkey far = sigkey_of(SIGKEY_SCCP_NEAR, &c->sccp.far.at, &e->manager, 0);
    struct sigcall *o = c->sccp.far.at.port ? sigcalls_find(t, &far, NULL) : NULL;
    if (!o && c->sccp.near.at.port)
        o = sigcalls_find(t, &near, NULL);
    if (!o || o == c || o->sccp.phone_side == c->sccp.phone_side)
        return;
    struct sigcall *callers = c->sccp.phone_side == SIGSIDE_CALLER ? c : o;
    struct sigmedia media[2] = {callers->sccp.near, callers->sccp.far};
    if (media[0].at.port && media[1].at.port)
        sigcalls_tell(t, callers,
                      &(struct sigcall_event){.at_us = p->at_us,
                                              .message = "StartMediaTransmission",
                                              .media = media,
                                              .medias = 2});
}

static void on_media(struct sigcalls *t, const struct pkt *p, const struct ends *e,
                     const struct sccp_msg *m)
{
    bool ack = m->id == SCCP_OPEN_RECEIVE_CHANNEL_ACK;
    struct sigcall *c = call_of(t, e, m);
    if (!c || (ack && m->status != 0) || e->by_phone != ack)
        return; // of no call that we know: also the copies that a phone sends to a recorder
    sigcalls_touch(t, c, p->at_us);
    set_side(c, e, SIGSIDE_CALLER);
    enum sigside phone = (enum sigside)c->sccp.phone_side;
    struct sigmedia media[2] = {{.side = ack ? phone : sigside_other(phone), .at = m->at}};
    uint8_t payload_type;
    if (sccp_payload_type(ack ? c->sccp.codec : m->codec, &payload_type))
        sigmedia_add(&media[0], payload_type);
    // A phone behind a translator names an address that nobody here sees; its port is often kept.
    media[1] = media[0];
    media[1].at.ip = e->phone.ip;
    bool translated = ack && !ip_addr_eq(&m->at.ip, &e->phone.ip);
    sigcalls_tell(
        t, c,
        &(struct sigcall_event){.at_us = p->at_us,
                                .message = ack ? "OpenReceiveChannelAck" : "StartMediaTransmission",
                                .media = media,
                                .medias = translated ? 2 : 1});
    *(ack ? &c->sccp.near : &c->sccp.far) = media[0];
    struct sigkey k = sigkey_of(ack ? SIGKEY_SCCP_NEAR : SIGKEY_SCCP_FAR, &m->at, &e->manager, 0);
    sigcalls_key(t, c, &k, 0);
    tell_pair(t, c, p, e);
}

static void on_open(struct sigcalls *t, const struct ends *e, const struct sccp_msg *m)
{
    struct sigcall *c = call_of(t, e, m);
    if (!c || e->by_phone)
        return;
    c->sccp.codec = m->codec;
    struct sigkey k = key_of(SIGKEY_SCCP_PARTY, e, m->pass_through);
    if (m->pass_through)
        sigcalls_key(t, c, &k, 0);
}

// The phone hangs up: the call that it names, else the one it has now.
static void on_hang_up(struct sigcalls *t, const struct ends *e, const struct sccp_msg *m)
{
    struct sigcall *c =
        m->call_ref ? find(t, SIGKEY_SCCP_CALL, e, m->call_ref) : find(t, SIGKEY_SCCP_PHONE, e, 0);
    if (c && e->by_phone)
        c->sccp.on_hook = true;
}

void sigcall_sccp(struct sigcalls *t, const struct pkt *p, const struct sccp_msg *m)
{
    struct ends e = ends_of(p);
    struct sigcall *c;
    switch (m->id) {
    case SCCP_CALL_STATE:
        on_state(t, p, &e, m);
        break;
    case SCCP_CALL_INFO:
    case SCCP_CALL_INFO_V2:
        on_info(t, p, &e, m);
        break;
    case SCCP_DIALED_NUMBER:
        c = call_of(t, &e, m);
        if (c && !c->to.user_n)
            sigparty_user(&c->to, m->called);
        break;
    case SCCP_OPEN_RECEIVE_CHANNEL:
        on_open(t, &e, m);
        break;
    case SCCP_OPEN_RECEIVE_CHANNEL_ACK:
    case SCCP_START_MEDIA_TRANSMISSION:
        on_media(t, p, &e, m);
        break;
    case SCCP_SOFT_KEY_EVENT:
        if (m->key != KEY_END_CALL)
            break;
        on_hang_up(t, &e, m);
        break;
    case SCCP_ON_HOOK:
        on_hang_up(t, &e, m);
        break;
    default:
        break;
    }
}

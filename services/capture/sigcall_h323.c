// H.323: call signalling of H.225 between two ends (endpoints, gateways, or a gatekeeper in the middle: then each hop is a
// call), media by fast start, by H.245 within H.225, or by H.245 on a connection of its own, whose address H.225 names. The
// address in a channel is where the sender of that message receives.
#include <stdio.h>
#include "sigcalls.h"
#include "wire/h225.h"
#include "wire/h245.h"

static struct endpoint src_of(const struct pkt *p)
{
    return (struct endpoint){p->src, p->sport};
}

static struct endpoint dst_of(const struct pkt *p)
{
    return (struct endpoint){p->dst, p->dport};
}

static void tell(struct sigcalls *t, struct sigcall *c, const struct pkt *p, enum sigkind kind,
                 const char *message, enum sigside side)
{
    sigcalls_tell(
        t, c,
        &(struct sigcall_event){.kind = kind, .at_us = p->at_us, .message = message, .side = side});
}

// ---- media --------------------------------------------------------------------------------------------------------

// Also the address at which the sender is seen, when it names another (translators): its port is often kept.
static void tell_channel(struct sigcalls *t, struct sigcall *c, const struct pkt *p,
                         enum sigside sender, const struct h245_channel *ch, const char *message)
{
    struct endpoint *far = &c->h323.media[sigside_other(sender)];
    if (!ch->found || !ch->media.port || endpoint_eq(&ch->media, far))
        return; // an answer to fast start may repeat what the other side said
    struct sigmedia media[2] = {{.side = sender, .at = ch->media}};
    if (ch->payload_type_known)
        sigmedia_add(&media[0], ch->payload_type);
    media[1] = media[0];
    media[1].at.ip = p->src;
    c->h323.media[sender] = ch->media;
    sigcalls_tell(t, c,
                  &(struct sigcall_event){.at_us = p->at_us,
                                          .message = message,
                                          .media = media,
                                          .medias = ip_addr_eq(&ch->media.ip, &p->src) ? 1 : 2});
}

static enum wire_event channels(struct sigcalls *t, struct sigcall *c, const struct pkt *p,
                                const struct h225 *m, enum sigside sender)
{
    enum wire_event first = WIRE_NONE, e;
    struct h245_channel ch;
    for (uint32_t i = 0; i < m->fast_starts; i++) {
        e = h245_open_channel(m->fast_start[i], &ch);
        first = first != WIRE_NONE ? first : e;
        tell_channel(t, c, p, sender, &ch, "fastStart");
    }
    for (uint32_t i = 0; i < m->tunnelleds; i++) {
        e = h245_parse(m->tunnelled[i], &ch);
        first = first != WIRE_NONE ? first : e;
        tell_channel(t, c, p, sender, &ch, "OpenLogicalChannel");
    }
    return first;
}

// The H.245 connection will go to this address, or to the same port of the host that names it.
static void expect_h245(struct sigcalls *t, struct sigcall *c, const struct pkt *p,
                        const struct endpoint *at, enum sigside sender)
{
    struct endpoint seen = {p->src, at->port};
    struct sigkey named = sigkey_of(SIGKEY_H245_ADDRESS, at, NULL, 0);
    struct sigkey here = sigkey_of(SIGKEY_H245_ADDRESS, &seen, NULL, 0);
    sigcalls_key(t, c, &named, sender);
    sigcalls_key(t, c, &here, sender);
}

// ---- H.225 --------------------------------------------------------------------------------------------------------

static struct sigkey call_key(const struct pkt *p, const struct h225 *m)
{
    struct endpoint src = src_of(p), dst = dst_of(p);
    return m->by_originator ? sigkey_of(SIGKEY_H323_CALL, &src, &dst, m->reference)
                            : sigkey_of(SIGKEY_H323_CALL, &dst, &src, m->reference);
}

static struct sigcall *begin(struct sigcalls *t, const struct pkt *p, const struct h225 *m,
                             const struct sigkey *k)
{
    struct sigcall *c = sigcalls_begin(t, SIGPROTO_H323, p->at_us);
    char src[46], dst[46], id[33] = "";
    c->src = src_of(p);
    c->dst = dst_of(p);
    c->transport = p->protocol;
    ip_addr_format(&p->src, src, sizeof src);
    ip_addr_format(&p->dst, dst, sizeof dst);
    for (size_t i = 0; i < m->identifier.n && i < 16; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", m->identifier.p[i]);
    // Without an identifier the reference, which is the connection's own.
    if (id[0])
        sigcall_set_key(c, "%s@%s;%s", id, src, dst);
    else
        sigcall_set_key(c, "%u@%s:%u;%s", m->reference, src, p->sport, dst);
    sigcalls_key(t, c, k, 0);
    sigparty_user(&c->from, m->calling);
    sigparty_name(&c->from, m->display);
    sigparty_user(&c->to, m->called);
    return c;
}

static void on_type(struct sigcalls *t, struct sigcall *c, const struct pkt *p,
                    const struct h225 *m, enum sigside sender)
{
    const char *name = h225_name(m->type);
    switch (m->type) {
    case H225_SETUP:
        tell(t, c, p, SIGKIND_SETUP, name, SIGSIDE_NONE);
        break;
    case H225_ALERTING:
        tell(t, c, p, SIGKIND_RINGING, name, SIGSIDE_NONE);
        break;
    case H225_CONNECT:
        tell(t, c, p, SIGKIND_ANSWERED, name, SIGSIDE_NONE);
        break;
    case H225_NOTIFY:
        if (m->hold)
            tell(t, c, p, SIGKIND_HELD, name, sender);
        else if (m->retrieve)
            tell(t, c, p, SIGKIND_RESUMED, name, sender);
        break;
    default:
        break;
    }
}

enum wire_event sigcall_h225(struct sigcalls *t, const struct pkt *p, const struct h225 *m)
{
    struct sigkey k = call_key(p, m);
    struct sigcall *c = sigcalls_find(t, &k, NULL);
    enum sigside sender = m->by_originator ? SIGSIDE_CALLER : SIGSIDE_CALLEE;
    if (!c && m->type == H225_SETUP && m->by_originator)
        c = begin(t, p, m, &k);
    if (!c)
        return WIRE_NONE;
    sigcalls_touch(t, c, p->at_us);
    on_type(t, c, p, m, sender);
    enum wire_event e = channels(t, c, p, m, sender);
    if (m->has_h245)
        expect_h245(t, c, p, &m->h245, sender);
    if (m->type == H225_RELEASE_COMPLETE) {
        sigcalls_tell(t, c,
                      &(struct sigcall_event){.kind = SIGKIND_ENDED,
                                              .at_us = p->at_us,
                                              .message = h225_name(m->type),
                                              .side = sender,
                                              .cause = m->cause});
        sigcalls_end(t, c);
    }
    return e;
}

// ---- H.245 on its own connection ----------------------------------------------------------------------------------

// The call that waits at one end of this connection, and who sent the packet.
static struct sigcall *waiting(const struct sigcalls *t, const struct pkt *p,
                               enum sigside *ret_sender)
{
    struct endpoint end[2] = {dst_of(p), src_of(p)};
    for (int i = 0; i < 2; i++) {
        struct sigkey k = sigkey_of(SIGKEY_H245_ADDRESS, &end[i], NULL, 0);
        uint32_t listener;
        struct sigcall *c = sigcalls_find(t, &k, &listener);
        if (c) {
            *ret_sender = i == 0 ? sigside_other((enum sigside)listener) : (enum sigside)listener;
            return c;
        }
    }
    return NULL;
}

bool sigcall_h245_expected(const struct sigcalls *t, const struct pkt *p)
{
    enum sigside sender;
    return sigcalls_stat(t).used > 0 && waiting(t, p, &sender);
}

enum wire_event sigcall_h245(struct sigcalls *t, const struct pkt *p, struct span message)
{
    enum sigside sender = SIGSIDE_NONE;
    struct sigcall *c = waiting(t, p, &sender);
    struct h245_channel ch;
    if (!c)
        return WIRE_NONE;
    enum wire_event e = h245_parse(message, &ch);
    sigcalls_touch(t, c, p->at_us);
    tell_channel(t, c, p, sender, &ch, "OpenLogicalChannel");
    return e;
}

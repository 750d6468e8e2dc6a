// MGCP: a call agent and its gateways. A call is what C: names at its agent; its connections are endpoints, two at most for
// a call between them. Hook, digits and ringing are of endpoints and may come before their call has a name, so an endpoint that
// does something has a slot that says nothing until a CRCX gives it one.
//
// Who answered is nowhere said: it is the hook of the endpoint that rings; of one that calls, the end of its ringback or the
// first MDCX to sendrecv. A call that an agent sets up in one CRCX, without ringback, never seems answered.
#include <stdio.h>
#include "base/map.h"
#include "sigcalls.h"
#include "wire/mgcp.h"

#define CAUSE_BUSY              17
#define CAUSE_NO_CIRCUIT        34
#define CAUSE_TEMPORARY_FAILURE 41
#define NAME_MAX_BYTES          128

struct ends {
    struct endpoint agent, gateway;
};

// Commands about connections and signals come from the agent, notifications from the gateway.
static struct ends ends_of(const struct pkt *p, bool by_gateway)
{
    struct endpoint src = {p->src, 0}, dst = {p->dst, 0};
    return (struct ends){by_gateway ? dst : src, by_gateway ? src : dst};
}

// Names are the same in any case (RFC 3435 2.1).
static uint64_t name_hash(struct span s)
{
    uint8_t low[NAME_MAX_BYTES] = {0};
    size_t n = s.n < sizeof low ? s.n : sizeof low;
    for (size_t i = 0; i < n; i++)
        low[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i];
    return map_hash(low, n);
}

static struct sigkey endpoint_key(const struct ends *e, uint64_t endpoint)
{
    return sigkey_of(SIGKEY_MGCP_ENDPOINT, &e->gateway, NULL, endpoint);
}

static struct sigkey transaction_key(const struct ends *e, uint32_t transaction)
{
    return sigkey_of(SIGKEY_MGCP_TRANSACTION, &e->agent, &e->gateway, transaction);
}

static void tell_at(struct sigcalls *t, struct sigcall *c, int64_t at_us, enum sigkind kind,
                    const char *message)
{
    if (c->mgcp.placed)
        sigcalls_tell(t, c,
                      &(struct sigcall_event){.kind = kind, .at_us = at_us, .message = message});
}

// ---- connections --------------------------------------------------------------------------------------------------

static struct mgcp_conn *conn_of(struct sigcall *c, uint64_t endpoint)
{
    for (uint8_t i = 0; i < c->mgcp.conns; i++)
        if (c->mgcp.conn[i].endpoint == endpoint)
            return &c->mgcp.conn[i];
    return NULL;
}

static enum sigside side_of(struct sigcall *c, uint64_t endpoint)
{
    const struct mgcp_conn *n = conn_of(c, endpoint);
    return n ? (enum sigside)n->side : SIGSIDE_NONE;
}

// Both ends of the call's signalling, the caller's first: each is a gateway, or the agent where only one is known.
static void set_ends(struct sigcall *c, const struct pkt *p, const struct ends *e,
                     const struct mgcp_conn *n)
{
    struct endpoint gateway = {e->gateway.ip, p->dport}, agent = {e->agent.ip, p->sport};
    bool first = c->mgcp.conns == 1;
    if (n->side == SIGSIDE_CALLER) {
        c->src = gateway;
        c->dst = first ? agent : c->dst;
    } else {
        c->dst = gateway;
        c->src = first ? agent : c->src;
    }
}

static void set_party(struct sigcall *c, const struct mgcp_conn *n, struct span endpoint)
{
    struct sigparty *own = n->side == SIGSIDE_CALLER ? &c->from : &c->to;
    struct span local = span_sub(endpoint, 0, span_find(endpoint, '@'));
    sigparty_uri(own, endpoint);
    if (!own->user_n)
        sigparty_user(own, local);
    if (n->side == SIGSIDE_CALLER && c->mgcp.digits_n)
        sigparty_user(&c->to, span_of(c->mgcp.digits, c->mgcp.digits_n));
}

static struct mgcp_conn *conn_add(struct sigcall *c, uint64_t endpoint)
{
    struct mgcp_conn *n = conn_of(c, endpoint);
    if (n || c->mgcp.conns == MGCP_CONNS_MAX)
        return n;
    enum sigside side = c->mgcp.conns > 0 ? sigside_other((enum sigside)c->mgcp.conn[0].side)
                        : c->mgcp.ring_us && !c->mgcp.ringback ? SIGSIDE_CALLEE
                                                               : SIGSIDE_CALLER;
    n = &c->mgcp.conn[c->mgcp.conns++];
    *n = (struct mgcp_conn){.endpoint = endpoint, .side = (uint8_t)side};
    return n;
}

// ---- what an endpoint hears and does ------------------------------------------------------------------------------

struct heard {
    bool ring, ringback, busy, congestion;
    struct span number, name; // caller's
};

// ci(time, number, name), the name perhaps in quotes.
static void caller_id(struct span inside, struct heard *h)
{
    size_t a = span_find(inside, ',');
    struct span rest = span_sub(inside, a + 1, inside.n);
    size_t b = span_find(rest, ',');
    h->number = span_trim(span_sub(rest, 0, b));
    h->name = span_trim(span_sub(rest, b + 1, rest.n));
    if (h->name.n >= 2 && h->name.p[0] == '"' && h->name.p[h->name.n - 1] == '"')
        h->name = span_sub(h->name, 1, h->name.n - 2);
}

static struct heard hear(struct span signals)
{
    struct heard h = {0};
    struct span name, inside;
    while (mgcp_list_next(&signals, &name, &inside)) {
        h.ring |= span_ieq(name, SPAN_LIT("rg")) || (name.n == 2 && (name.p[0] | 0x20) == 'r' &&
                                                     name.p[1] >= '0' && name.p[1] <= '7');
        h.ringback |= span_ieq(name, SPAN_LIT("rt")) || span_ieq(name, SPAN_LIT("rbk"));
        h.busy |= span_ieq(name, SPAN_LIT("bz"));
        h.congestion |= span_ieq(name, SPAN_LIT("cg")) || span_ieq(name, SPAN_LIT("ro"));
        if (span_ieq(name, SPAN_LIT("ci")))
            caller_id(inside, &h);
    }
    return h;
}

// The signals of a CRCX, MDCX or RQNT for an endpoint of this call.
static void on_signals(struct sigcalls *t, struct sigcall *c, const struct pkt *p,
                       const struct mgcp_msg *m)
{
    struct heard h = hear(m->signals);
    if (h.number.n)
        sigparty_user(&c->from, h.number);
    if (h.name.n)
        sigparty_name(&c->from, h.name);
    if (h.busy || h.congestion)
        c->mgcp.cause = h.busy ? CAUSE_BUSY : CAUSE_NO_CIRCUIT;
    bool over = c->mgcp.ringback && !h.ringback && !h.busy && !h.congestion;
    if ((h.ring || h.ringback) && !c->mgcp.ring_us) {
        c->mgcp.ring_us = p->at_us;
        c->mgcp.ringback = h.ringback;
        tell_at(t, c, p->at_us, SIGKIND_RINGING, h.ring ? "signal rg" : "signal rt");
    } else if (over && side_of(c, name_hash(m->endpoint)) == SIGSIDE_CALLER && !c->mgcp.hung_up) {
        tell_at(t, c, p->at_us, SIGKIND_ANSWERED, "end of ringback");
    }
}

static void on_hook(struct sigcalls *t, struct sigcall *c, const struct pkt *p, uint64_t endpoint,
                    bool off)
{
    enum sigside side = side_of(c, endpoint);
    if (!c->mgcp.placed && !off) { // put back without a call
        sigcalls_end(t, c);
    } else if (!off) {
        c->mgcp.hung_up = (uint8_t)side;
    } else if (c->mgcp.ring_us && !c->mgcp.ringback && side != SIGSIDE_CALLER) {
        c->mgcp.hook_us = p->at_us;
        tell_at(t, c, p->at_us, SIGKIND_ANSWERED, "NTFY hd");
    } else if (c->mgcp.conns > 1 && side == SIGSIDE_CALLEE) {
        tell_at(t, c, p->at_us, SIGKIND_ANSWERED, "NTFY hd");
    }
}

static void dial(struct sigcall *c, struct span name)
{
    uint8_t b = name.n == 1 ? name.p[0] : 0;
    bool digit = (b >= '0' && b <= '9') || b == '*' || b == '#' || (b >= 'A' && b <= 'D');
    if (digit && !c->answered && c->mgcp.digits_n < sizeof c->mgcp.digits)
        c->mgcp.digits[c->mgcp.digits_n++] = (char)b;
}

static struct sigcall *endpoint_begin(struct sigcalls *t, const struct pkt *p,
                                      const struct sigkey *k)
{
    struct sigcall *c = sigcalls_begin(t, SIGPROTO_MGCP, p->at_us);
    c->transport = p->protocol;
    sigcalls_key(t, c, k, 0);
    return c;
}

static void on_notify(struct sigcalls *t, const struct pkt *p, const struct mgcp_msg *m)
{
    struct ends e = ends_of(p, true);
    uint64_t endpoint = name_hash(m->endpoint);
    struct sigkey k = endpoint_key(&e, endpoint);
    struct sigcall *c = sigcalls_find(t, &k, NULL);
    if (c && c->mgcp.notify == m->transaction)
        return; // again
    struct span list = m->observed, name, inside;
    while (mgcp_list_next(&list, &name, &inside)) {
        bool off = span_ieq(name, SPAN_LIT("hd")), on = span_ieq(name, SPAN_LIT("hu"));
        if (off && !c)
            c = endpoint_begin(t, p, &k);
        if (!c)
            return;
        c->mgcp.notify = m->transaction;
        sigcalls_touch(t, c, p->at_us);
        if (off || on)
            on_hook(t, c, p, endpoint, off);
        else
            dial(c, name);
        c = sigcalls_find(t, &k, NULL); // it may be over
    }
}

static void on_request(struct sigcalls *t, const struct pkt *p, const struct mgcp_msg *m)
{
    struct ends e = ends_of(p, false);
    struct sigkey k = endpoint_key(&e, name_hash(m->endpoint));
    struct sigcall *c = sigcalls_find(t, &k, NULL);
    struct heard h = hear(m->signals);
    if (!c && h.ring)
        c = endpoint_begin(t, p, &k);
    if (!c)
        return;
    sigcalls_touch(t, c, p->at_us);
    bool in_vain = !c->mgcp.placed && c->mgcp.ring_us && !c->mgcp.hook_us && !h.ring;
    if (in_vain)
        sigcalls_end(t, c); // it no longer rings and nobody answered
    else
        on_signals(t, c, p, m);
}

// ---- media --------------------------------------------------------------------------------------------------------

static void tell_sdp(struct sigcalls *t, struct sigcall *c, const struct pkt *p,
                     enum sigside receives, struct span body, const char *message)
{
    struct sdp s;
    struct sigmedia media[SIGMEDIA_MAX] = {{0}};
    uint32_t n = 0;
    if (body.n == 0 || !sdp_parse(body, &s))
        return;
    for (uint32_t i = 0; i < s.medias && n < SIGMEDIA_MAX; i++) {
        const struct sdp_media *d = &s.media[i];
        if (!d->rtp || !d->rtp_at.port)
            continue;
        struct sigmedia *out = &media[n++];
        out->side = receives;
        out->at = d->rtp_at;
        for (uint32_t k = 0; k < d->formats; k++)
            sigmedia_add_format(out, &d->format[k]);
    }
    if (n)
        sigcalls_tell(t, c,
                      &(struct sigcall_event){
                          .at_us = p->at_us, .message = message, .media = media, .medias = n});
}

// ---- calls --------------------------------------------------------------------------------------------------------

static struct sigcall *call_find(struct sigcalls *t, const struct ends *e, struct span call_id)
{
    struct sigkey k = sigkey_of(SIGKEY_MGCP_CALL, &e->agent, NULL, name_hash(call_id));
    return call_id.n ? sigcalls_find(t, &k, NULL) : NULL;
}

// The slot of the endpoint becomes that of the call; a second endpoint's goes into the first's.
static struct sigcall *call_place(struct sigcalls *t, const struct pkt *p, const struct ends *e,
                                  const struct mgcp_msg *m)
{
    struct sigkey ek = endpoint_key(e, name_hash(m->endpoint));
    struct sigcall *c = call_find(t, e, m->call_id), *own = sigcalls_find(t, &ek, NULL);
    if (own && own->mgcp.placed)
        own = NULL; // another call of the same endpoint
    if (c && own) {
        c->mgcp.ring_us = c->mgcp.ring_us ? c->mgcp.ring_us : own->mgcp.ring_us;
        c->mgcp.hook_us = c->mgcp.hook_us ? c->mgcp.hook_us : own->mgcp.hook_us;
        sigcalls_end(t, own);
    }
    if (!c)
        c = own ? own : sigcalls_begin(t, SIGPROTO_MGCP, p->at_us);
    if (!c->mgcp.placed) {
        char agent[46];
        ip_addr_format(&e->agent.ip, agent, sizeof agent);
        struct span id = span_sub(m->call_id, 0, 64);
        sigcall_set_key(c, "%.*s@%s", (int)id.n, (const char *)id.p, agent);
        c->transport = p->protocol;
        struct sigkey k = sigkey_of(SIGKEY_MGCP_CALL, &e->agent, NULL, name_hash(m->call_id));
        sigcalls_key(t, c, &k, 0);
        c->mgcp.placed = true;
    }
    sigcalls_key(t, c, &ek, 0);
    return c;
}

static void expect_response(struct sigcalls *t, struct sigcall *c, const struct ends *e,
                            struct mgcp_conn *n, uint32_t transaction)
{
    struct sigkey was = transaction_key(e, n->transaction), is = transaction_key(e, transaction);
    sigcalls_unkey(t, &was);
    n->transaction = transaction;
    sigcalls_key(t, c, &is, (uint32_t)(n - c->mgcp.conn));
}

static void on_create(struct sigcalls *t, const struct pkt *p, const struct mgcp_msg *m)
{
    struct ends e = ends_of(p, false);
    if (!m->call_id.n)
        return;
    struct sigcall *c = call_place(t, p, &e, m);
    sigcalls_touch(t, c, p->at_us);
    struct heard h = hear(m->signals);
    if (h.ring && !c->mgcp.ring_us && c->mgcp.conns == 0)
        c->mgcp.ring_us = p->at_us; // so it is the callee
    struct mgcp_conn *n = conn_add(c, name_hash(m->endpoint));
    if (!n)
        return;
    set_ends(c, p, &e, n);
    set_party(c, n, m->endpoint);
    on_signals(t, c, p, m);
    int64_t begun_us = c->mgcp.ring_us && c->mgcp.ring_us < p->at_us ? c->mgcp.ring_us : p->at_us;
    tell_at(t, c, begun_us, SIGKIND_SETUP, "CRCX");
    if (c->mgcp.ring_us)
        tell_at(t, c, c->mgcp.ring_us, SIGKIND_RINGING, "signal rg");
    if (c->mgcp.hook_us)
        tell_at(t, c, c->mgcp.hook_us, SIGKIND_ANSWERED, "NTFY hd");
    tell_sdp(t, c, p, sigside_other((enum sigside)n->side), m->sdp, "CRCX");
    expect_response(t, c, &e, n, m->transaction);
}

static bool sends_and_receives(struct span mode)
{
    return span_ieq(mode, SPAN_LIT("sendrecv")) || span_ieq(mode, SPAN_LIT("confrnce"));
}

static void on_modify(struct sigcalls *t, const struct pkt *p, const struct mgcp_msg *m)
{
    struct ends e = ends_of(p, false);
    struct sigcall *c = call_find(t, &e, m->call_id);
    struct mgcp_conn *n = c ? conn_of(c, name_hash(m->endpoint)) : NULL;
    if (!n)
        return;
    enum sigside side = (enum sigside)n->side;
    sigcalls_touch(t, c, p->at_us);
    tell_sdp(t, c, p, sigside_other(side), m->sdp, "MDCX");
    if (m->has_signals || c->mgcp.ringback)
        on_signals(t, c, p, m);
    if (c->answered && span_ieq(m->mode, SPAN_LIT("inactive")))
        sigcalls_tell(t, c,
                      &(struct sigcall_event){.kind = SIGKIND_HELD,
                                              .at_us = p->at_us,
                                              .message = "MDCX inactive",
                                              .side = sigside_other(side)});
    if (!sends_and_receives(m->mode))
        ;
    else if (c->state == SIGKIND_HELD)
        tell_at(t, c, p->at_us, SIGKIND_RESUMED, "MDCX sendrecv");
    else if (side == SIGSIDE_CALLER && !c->mgcp.hung_up && !hear(m->signals).ringback)
        tell_at(t, c, p->at_us, SIGKIND_ANSWERED, "MDCX sendrecv");
    expect_response(t, c, &e, n, m->transaction);
}

static void over(struct sigcalls *t, struct sigcall *c, const struct pkt *p, const char *message,
                 uint32_t cause)
{
    enum sigside by = (enum sigside)c->mgcp.hung_up;
    if (!by && c->answered && c->mgcp.conns == 1)
        by = sigside_other((enum sigside)c->mgcp.conn[0].side);
    if (c->told)
        sigcalls_tell(t, c,
                      &(struct sigcall_event){.kind = SIGKIND_ENDED,
                                              .at_us = p->at_us,
                                              .message = message,
                                              .side = by,
                                              .cause = cause});
    sigcalls_end(t, c);
}

// A gateway may delete as well (RFC 3435 2.3.8). Without C: all of the endpoint's connections go.
static void on_delete(struct sigcalls *t, const struct pkt *p, const struct mgcp_msg *m)
{
    for (int by_gateway = 0; by_gateway <= 1; by_gateway++) {
        struct ends e = ends_of(p, by_gateway);
        struct sigkey k = endpoint_key(&e, name_hash(m->endpoint));
        struct sigcall *c =
            m->call_id.n ? call_find(t, &e, m->call_id) : sigcalls_find(t, &k, NULL);
        if (!c || !c->mgcp.placed)
            continue;
        struct mgcp_conn *n = conn_of(c, name_hash(m->endpoint));
        if (n && c->mgcp.conns > 2)
            *n = c->mgcp.conn[--c->mgcp.conns];
        else if (n)
            over(t, c, p, "DLCX", c->mgcp.cause);
        return;
    }
}

static void on_response(struct sigcalls *t, const struct pkt *p, const struct mgcp_msg *m)
{
    struct ends e = ends_of(p, true);
    struct sigkey k = transaction_key(&e, m->transaction);
    uint32_t at;
    struct sigcall *c = sigcalls_find(t, &k, &at);
    if (!c || m->status < 200 || at >= c->mgcp.conns)
        return; // provisional: another one comes
    sigcalls_unkey(t, &k);
    sigcalls_touch(t, c, p->at_us);
    if (m->status < 300)
        tell_sdp(t, c, p, (enum sigside)c->mgcp.conn[at].side, m->sdp, "200");
    else if (m->status >= 400 && !c->answered && c->mgcp.conns == 1)
        over(t, c, p, "refused", CAUSE_TEMPORARY_FAILURE);
}

void sigcall_mgcp(struct sigcalls *t, const struct pkt *p, const struct mgcp_msg *m)
{
    switch (m->verb) {
    case MGCP_CRCX:
        on_create(t, p, m);
        break;
    case MGCP_MDCX:
        on_modify(t, p, m);
        break;
    case MGCP_DLCX:
        on_delete(t, p, m);
        break;
    case MGCP_RQNT:
        on_request(t, p, m);
        break;
    case MGCP_NTFY:
        on_notify(t, p, m);
        break;
    case MGCP_RESPONSE:
        on_response(t, p, m);
        break;
    case MGCP_OTHER:
        break;
    }
}

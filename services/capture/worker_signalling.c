// The signalling that is not SIP, on its way from packets to the machines of its protocols, and their events on the way out:
// media addresses become known to the stream table, and the centre is told. Ports say where to look; every message must also
// have its protocol's form.
#include "wire/mgcp.h"
#include "wire/sccp.h"
#include "worker_priv.h"

#define PORT_SCCP       2000
#define PORT_MGCP       2427 // of gateways
#define PORT_MGCP_AGENT 2727

int32_t signalling_frame(struct span head)
{
    return sccp_frame(head);
}

void signalling_tell(void *ctx, const struct sigcall *c, const struct sigevent *e)
{
    struct worker *w = ctx;
    for (uint32_t i = 0; i < e->medias; i++)
        media_table_name_one(w->media, &e->media[i].at, e->media[i].format, e->media[i].formats,
                             e->at_us);
    if (w->o.out)
        outbox_signalling(w->o.out, c, e, w->counts.n[CAPTURE_PACKETS]);
}

static void on_framed(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    struct worker *w = ctx;
    struct sccp_msg m;
    if (truncated)
        return; // a hole in it; counted as such
    enum wire_event e = sccp_parse(message, &m);
    if (e != WIRE_NONE) {
        worker_event(w, e);
        return;
    }
    w->counts.n[CAPTURE_SCCP]++;
    sigcall_sccp(w->calls, p, &m);
}

void signalling_tcp(struct worker *w, const struct pkt *p)
{
    if (__builtin_expect(p->sport != PORT_SCCP && p->dport != PORT_SCCP, 1))
        return;
    enum wire_event e;
    sipstream_feed(w->framed, p, on_framed, w, &e);
    if (e != WIRE_NONE)
        worker_event(w, e);
}

static bool port_is_mgcp(uint16_t port)
{
    return port == PORT_MGCP || port == PORT_MGCP_AGENT;
}

static void mgcp(struct worker *w, const struct pkt *p)
{
    struct span rest = p->payload, message;
    for (int i = 0; i < MGCP_MESSAGES_MAX && mgcp_next(&rest, &message); i++) {
        struct mgcp_msg m;
        enum wire_event e = mgcp_parse(message, &m);
        if (e != WIRE_NONE) {
            worker_event(w, e);
            return;
        }
        w->counts.n[CAPTURE_MGCP]++;
        sigcall_mgcp(w->calls, p, &m);
    }
}

// Commands are known by their first line on any port; responses by the port and three digits.
bool signalling_udp(struct worker *w, const struct pkt *p)
{
    struct span s = p->payload;
    bool response = (port_is_mgcp(p->sport) || port_is_mgcp(p->dport)) && s.n > 4 &&
                    s.p[0] >= '1' && s.p[0] <= '9' && s.p[3] == ' ';
    if (!response && !mgcp_sniff(s))
        return false;
    mgcp(w, p);
    return true;
}

void signalling_counts(struct worker *w)
{
    struct sigcalls_stat s = sigcalls_stat(w->calls);
    w->counts.n[CAPTURE_SIGCALLS_UP] = s.used;
    w->counts.n[CAPTURE_SIGKEYS_REFUSED] = s.keys_refused;
    w->counts.n[CAPTURE_DROP_SIGCALLS] = s.evicted;
    w->counts.n[CAPTURE_SCCP_CALLS] = s.begun[SIGPROTO_SCCP];
    w->counts.n[CAPTURE_MGCP_CALLS] = s.begun[SIGPROTO_MGCP];
}

// The signalling that is not SIP, on its way from packets to the machines of its protocols, and their events on the way out:
// media addresses become known to the stream table, and the centre is told. Ports say where to look; every message must also
// have its protocol's form.
#include "wire/h225.h"
#include "wire/iax2.h"
#include "wire/mgcp.h"
#include "wire/sccp.h"
#include "worker_priv.h"

#define PORT_SCCP       2000
#define PORT_MGCP       2427 // of gateways
#define PORT_MGCP_AGENT 2727

#define PORT_H225 1720

// A TPKT begins with its version and a zero; as the length of a Skinny message that would be too short or too long.
int32_t signalling_frame(struct span head)
{
    int32_t n = tpkt_frame(head);
    return n >= 0 && head.n > 1 ? n : head.n > 1 || n < 0 ? sccp_frame(head) : 0;
}

void worker_media(struct worker *w, int64_t at_us, const struct sigmedia *m)
{
    media_table_name_one(w->media, &m->at, m->format, m->formats, at_us);
}

void signalling_tell(void *ctx, const struct sigcall *c, const struct sigcall_event *e)
{
    struct worker *w = ctx;
    for (uint32_t i = 0; i < e->medias; i++) {
        worker_media(w, e->at_us, &e->media[i]);
        if (w->o.on_media)
            w->o.on_media(w->o.cross_ctx, e->at_us, &e->media[i]);
    }
    if (w->o.out)
        outbox_signalling(w->o.out, c, e, w->counts.n[CAPTURE_PACKETS]);
}

static void note(struct worker *w, enum wire_event e)
{
    if (e != WIRE_NONE)
        worker_event(w, e);
}

static void tpkt(struct worker *w, const struct pkt *p, struct span message)
{
    struct h225 m;
    if (message.n == 0)
        return; // keep-alive
    w->counts.n[CAPTURE_H323]++;
    if (p->sport != PORT_H225 && p->dport != PORT_H225) {
        note(w, sigcall_h245(w->calls, p, message));
        return;
    }
    enum wire_event e = h225_parse(message, &m);
    note(w, e);
    if (e != WIRE_Q931_HEADER)
        note(w, sigcall_h225(w->calls, p, &m));
}

static void on_framed(void *ctx, const struct pkt *p, struct span message, bool truncated)
{
    struct worker *w = ctx;
    struct sccp_msg m;
    if (truncated)
        return; // a hole in it; counted as such
    if (tpkt_frame(message) > 0) {
        tpkt(w, p, span_sub(message, TPKT_HEADER_BYTES, message.n));
        return;
    }
    enum wire_event e = sccp_parse(message, &m);
    note(w, e);
    if (e != WIRE_NONE)
        return;
    w->counts.n[CAPTURE_SCCP]++;
    sigcall_sccp(w->calls, p, &m);
}

static bool is_framed(const struct worker *w, const struct pkt *p)
{
    return p->sport == PORT_SCCP || p->dport == PORT_SCCP || p->sport == PORT_H225 ||
           p->dport == PORT_H225 || sigcall_h245_expected(w->calls, p);
}

void signalling_tcp(struct worker *w, const struct pkt *p)
{
    if (__builtin_expect(!is_framed(w, p), 1))
        return;
    enum wire_event e;
    sipstream_feed(w->framed, p, on_framed, w, &e);
    note(w, e);
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

// ---- IAX2 ---------------------------------------------------------------------------------------------------------

static void be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

// A voice frame with an RTP header before it goes the way of RTP.
static bool iax2_voice(struct worker *w, const struct pkt *p, const struct iax2 *f)
{
    struct iax2_voice v;
    uint8_t *b = w->made_rtp;
    if (!sigcall_iax2_voice(w->calls, p, f, &v)) {
        w->counts.n[CAPTURE_VOICE_UNPLACED]++;
        return false;
    }
    if (f->payload.n > sizeof w->made_rtp - 12) {
        worker_event(w, WIRE_IAX2_LONG);
        return true;
    }
    if (f->kind == IAX2_FULL) // about once a minute: the address stays known
        media_table_name_one(w->media, &v.media.at, v.media.format, v.media.formats, p->at_us);
    b[0] = 0x80;
    b[1] = (uint8_t)(v.payload_type | (v.marker ? 0x80 : 0));
    be16(b + 2, v.seq);
    be16(b + 4, v.timestamp >> 16);
    be16(b + 6, v.timestamp & 0xffff);
    be16(b + 8, v.ssrc >> 16);
    be16(b + 10, v.ssrc & 0xffff);
    memcpy(b + 12, f->payload.p, f->payload.n);
    struct pkt made = *p;
    made.payload = span_of(b, 12 + f->payload.n);
    media_rtp(w, &made);
    return true;
}

static bool iax2_full(struct worker *w, const struct pkt *p, const struct iax2 *f)
{
    struct iax2_elements e = {0};
    enum wire_event event = f->type == IAX2_IAX ? iax2_elements(f->payload, &e) : WIRE_NONE;
    if (event != WIRE_NONE) {
        worker_event(w, event);
        return false;
    }
    if (!sigcall_iax2(w->calls, p, f, &e))
        return f->type == IAX2_IAX; // registrations, and calls that are over
    w->counts.n[CAPTURE_IAX2]++;
    if (f->type == IAX2_VOICE)
        (void)iax2_voice(w, p, f);
    return true;
}

bool signalling_iax2(struct worker *w, const struct pkt *p)
{
    struct iax2 f, mini;
    if (iax2_parse(p->payload, &f) != WIRE_NONE)
        return false; // anything may come to a port
    if (f.kind == IAX2_FULL)
        return iax2_full(w, p, &f);
    if (f.kind == IAX2_MINI)
        return iax2_voice(w, p, &f);
    bool ours = false;
    for (int i = 0; i < IAX2_TRUNK_MAX && iax2_trunk_next(&f, &mini); i++)
        ours |= iax2_voice(w, p, &mini);
    return ours;
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
    w->counts.n[CAPTURE_IAX2_CALLS] = s.begun[SIGPROTO_IAX2];
    w->counts.n[CAPTURE_H323_CALLS] = s.begun[SIGPROTO_H323];
}

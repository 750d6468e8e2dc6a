// The SIP messages of a call as text.
#include "run.h"

static void ip_text(uint32_t ip, char buf[16])
{
    snprintf(buf, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

static int sdp_write(const struct run *r, const struct call *c, unsigned side,
                     const char *direction, unsigned ptime, char *buf, size_t cap)
{
    char ip[16], crypto[160] = "";
    ip_text(c->side[side].rtp.ip, ip);
    srtp_line(r, &c->side[side], crypto, sizeof crypto);
    return snprintf(
        buf, cap,
        "v=0\r\no=- %u 1 IN IP4 %s\r\ns=call\r\nc=IN IP4 %s\r\nt=0 0\r\n"
        "m=audio %u RTP/%s %u 101\r\na=rtpmap:%u %s/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-15\r\n%sa=ptime:%u\r\na=%s\r\n",
        c->side[side].ssrc, ip, ip, c->side[side].rtp.port, r->o->srtp ? "SAVP" : "AVP",
        c->alaw ? 8 : 0, c->alaw ? 8 : 0, c->alaw ? "PCMA" : "PCMU", crypto, ptime, direction);
}

// from_side sends. start is the start line without CRLF; cseq_method names the transaction, owned
// by `owner`.
static void send_sip(struct run *r, struct call *c, unsigned from_side, unsigned owner,
                     const char *start, const char *cseq_method, uint32_t cseq, bool to_tag,
                     const char *direction)
{
    char buf[2048], body[512] = "", ip_owner[16], ip_from[16];
    const struct side *me = &c->side[from_side], *own = &c->side[owner], *far = &c->side[!owner];
    int body_n =
        direction ? sdp_write(r, c, from_side, direction, r->o->ptime_ms, body, sizeof body) : 0;
    ip_text(own->sip.ip, ip_owner);
    ip_text(me->sip.ip, ip_from);
    const char *from_user = owner == 0 ? c->from : c->to, *to_user = owner == 0 ? c->to : c->from;
    int n = snprintf(
        buf, sizeof buf,
        "%s\r\nVia: SIP/2.0/UDP %s:%u;branch=z9hG4bK%08x%u\r\nMax-Forwards: 70\r\n"
        "From: <sip:%s@example.com>;tag=%s\r\nTo: <sip:%s@example.com>%s%s\r\nCall-ID: %s\r\n"
        "CSeq: %u %s\r\nContact: <sip:%s@%s:%u>\r\nUser-Agent: "
        "callmesh-traffic\r\n%sContent-Length: %d\r\n\r\n%s",
        start, ip_owner, own->sip.port, c->branch, cseq, from_user, own->tag, to_user,
        to_tag ? ";tag=" : "", to_tag ? far->tag : "", c->call_id, cseq, cseq_method,
        from_side == 0 ? c->from : c->to, ip_from, me->sip.port,
        body_n ? "Content-Type: application/sdp\r\n" : "", body_n, body);
    if (!sink_udp(r->sink, r->now_us, me->sip, c->side[!from_side].sip, buf, (size_t)n))
        r->failed = true;
    r->total.sip++;
}

void send_request(struct run *r, struct call *c, unsigned from, const char *method, uint32_t cseq,
                  bool to_tag, const char *direction)
{
    char start[96], ip[16];
    ip_text(c->side[!from].sip.ip, ip);
    snprintf(start, sizeof start, "%s sip:%s@%s:%u SIP/2.0", method, from == 0 ? c->to : c->from,
             ip, c->side[!from].sip.port);
    send_sip(r, c, from, from, start, method, cseq, to_tag, direction);
}

void send_response(struct run *r, struct call *c, unsigned owner, const char *status,
                   const char *method, uint32_t cseq, bool to_tag, const char *direction)
{
    char start[64];
    snprintf(start, sizeof start, "SIP/2.0 %s", status);
    send_sip(r, c, !owner, owner, start, method, cseq, to_tag, direction);
}

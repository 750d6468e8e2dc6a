"""SIP text for the scripts: one party calls another. Every value can be said otherwise."""

A, B = ("10.0.0.1", 5060), ("10.0.0.2", 5060)
AM, BM = ("10.0.0.1", 4000), ("10.0.0.2", 6000)
PCMU, PCMA = (0, "PCMU/8000"), (8, "PCMA/8000")


def sdp(at, codecs=(PCMU,), session_at=None, attributes=(), version=1):
    """session_at: another address in the session's c=, the media has its own then."""
    lines = ["v=0", f"o=- 1 {version} IN IP4 {at[0]}", "s=-", f"c=IN IP4 {(session_at or at)[0]}", "t=0 0",
             f"m=audio {at[1]} RTP/AVP " + " ".join(str(pt) for pt, _ in codecs)]
    if session_at:
        lines.append(f"c=IN IP4 {at[0]}")
    lines += [f"a=rtpmap:{pt} {name}" for pt, name in codecs] + list(attributes)
    return "\r\n".join(lines) + "\r\n"


class Dialog:
    """Makes the messages of one dialog. `extra`: header lines put before the others; `wire`: a last hand on the whole text."""

    def __init__(self, call_id, a=A, b=B, from_tag="fa", to_tag="tb", caller="1001", callee="1002", extra="", wire=None, transport="UDP"):
        self.call_id, self.a, self.b = call_id, a, b
        self.from_tag, self.to_tag, self.caller, self.callee = from_tag, to_tag, caller, callee
        self.extra, self.wire, self.transport, self.via_more = extra, wire or (lambda text: text), transport, ""

    def message(self, start, cseq, method, tagged, branch, body, contact, content_type, from_callee=False, more=""):
        fr = f"<sip:{self.caller}@example.com>;tag={self.from_tag}"
        to = f"<sip:{self.callee}@example.com>" + (f";tag={self.to_tag}" if tagged else "")
        if from_callee:
            fr, to = to, fr
        sent_by = self.b if from_callee else self.a
        text = (f"{start}\r\n{self.extra}Via: SIP/2.0/{self.transport} {sent_by[0]}:{sent_by[1]};branch=z9hG4bK{branch}\r\n{self.via_more}"
                f"From: {fr}\r\nTo: {to}\r\nCall-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{more}"
                f"Contact: <sip:{contact[0]}:{contact[1]}>\r\n")
        if body:
            text += f"Content-Type: {content_type}\r\n"
        return self.wire(text + f"Content-Length: {len(body.encode())}\r\n\r\n{body}").encode()

    def request(self, method, cseq=1, tagged=None, branch=None, body="", content_type="application/sdp", from_callee=False, more=""):
        who = self.caller if from_callee else self.callee
        tagged = method not in ("INVITE", "CANCEL") if tagged is None else tagged
        return self.message(f"{method} sip:{who}@example.com SIP/2.0", cseq, method, tagged, branch or f"{self.call_id[:8]}{method}{cseq}",
                            body, self.b if from_callee else self.a, content_type, from_callee, more)

    def response(self, status, reason, method="INVITE", cseq=1, branch=None, body="", content_type="application/sdp", from_callee=False):
        """from_callee: the request came from there."""
        return self.message(f"SIP/2.0 {status} {reason}", cseq, method, status > 100, branch or f"{self.call_id[:8]}{method}{cseq}", body,
                            self.a if from_callee else self.b, content_type, from_callee)


def whole_call(c, d, t=0.0, am=AM, bm=BM, ssrc=0x1000, media=True, send=None, offer=None, answer=None, count=50):
    """INVITE, 180 at 0.2, 200 at 1.0, ACK, one second of talk both ways, BYE at 2.1. `send`: how SIP goes on the wire."""
    send = send or c.udp
    send(t, d.a, d.b, d.request("INVITE", body=offer or sdp(am)))
    send(t + 0.2, d.b, d.a, d.response(180, "Ringing"))
    send(t + 1.0, d.b, d.a, d.response(200, "OK", body=answer or sdp(bm)))
    send(t + 1.02, d.a, d.b, d.request("ACK", branch="ack" + d.call_id[:8]))
    if media:
        talk(c, t + 1.05, am, bm, ssrc, count)
    send(t + 2.1, d.a, d.b, d.request("BYE", cseq=2))
    send(t + 2.12, d.b, d.a, d.response(200, "OK", method="BYE", cseq=2))


def talk(c, t, am=AM, bm=BM, ssrc=0x1000, count=50):
    c.rtp(t, am, bm, ssrc, count)
    c.rtp(t + 0.001, bm, am, ssrc + 1, count, seq=2000)


class TcpLeg:
    """Both directions of one connection; send() like Capture.udp, one message a segment."""

    def __init__(self, c, syn=True, t=-0.1):
        self.c, self.seq = c, {}
        self.syn, self.t = syn, t

    def next_seq(self, src, dst, n):
        if (src, dst) not in self.seq:
            self.seq[(src, dst)] = 5000
            if self.syn:
                self.c.tcp(self.t, src, dst, 4999, b"", flags=2)
        at = self.seq[(src, dst)]
        self.seq[(src, dst)] += n
        return at

    def send(self, t, src, dst, data):
        self.c.tcp(t, src, dst, self.next_seq(src, dst, len(data)), data)

    def send_cut(self, t, src, dst, data, cuts, order=None):
        """Cut at the given places; `order` of sending."""
        base, edges = self.next_seq(src, dst, len(data)), [0, *cuts, len(data)]
        parts = [(edges[i], data[edges[i]:edges[i + 1]]) for i in range(len(edges) - 1)]
        for i, k in enumerate(order or range(len(parts))):
            self.c.tcp(t + i * 0.001, src, dst, base + parts[k][0], parts[k][1])

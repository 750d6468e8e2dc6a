"""Inputs of public advisories against SIP, SDP and RTP parsers, rebuilt from their descriptions. Each row: who fell, what the input is, how
it is made, and what callmesh-capture must count for it: `sip` messages that are usable among the hostile ones, and `malformed`."""
import struct

from calls import A, B, Dialog, TcpLeg, sdp
from packets import rtp

EVIL, AT = ("10.6.6.6", 5060), ("10.6.6.6", 7000)


def invite(c, body="", extra="", t=0.1, content_type="application/sdp", call_id="evil@x", **more):
    d = Dialog(call_id, a=EVIL, b=B, extra=extra, **more)
    c.udp(t, EVIL, B, d.request("INVITE", body=body, content_type=content_type))


def raw(c, data, t=0.1):
    c.udp(t, EVIL, B, data)


def with_sdp(line, replace=None):
    text = sdp(AT)
    return text.replace(replace, line) if replace else text + line + "\r\n"


def request_line(c):
    raw(c, b"INVITE sip:" + b"a" * 9000 + b"@x SIP/2.0\r\nCall-ID: x\r\n\r\n")
    invite(c, t=0.2, wire=lambda t: t.replace("INVITE sip:", "INVITE sip:" + "b" * 4000))


def html(c):
    x = "<script>fetch('/x')</script>"
    invite(c, extra=f"User-Agent: {x}\r\n", call_id=f"{x}@x".replace(" ", ""), caller="\\x22><img/src=x>")


def short_on_call_port(c):
    """Empty, one byte, 11 bytes, and text on the two media addresses of the standing call, all through it."""
    for i, data in enumerate((b"", b"\x80", b"\x80" * 11, b"hello", b"\x00" * 4)):
        for port in (4000, 4001, 6000, 6001):
            c.udp(1.2 + i * 0.1, EVIL, ("10.0.0.2" if port >= 6000 else "10.0.0.1", port), data)


def crc_twins(c):
    """Two different messages with the same CRC-32 of their payload."""
    import zlib
    d = Dialog("twin@x", a=EVIL)
    first = d.request("OPTIONS", cseq=1, tagged=False, body="A" * 32, content_type="text/plain")
    second = d.request("OPTIONS", cseq=2, tagged=False, body="B" * 32, content_type="text/plain")
    second = crc_forge(second, zlib.crc32(first))
    assert zlib.crc32(first) == zlib.crc32(second) and first != second
    raw(c, first)
    raw(c, second, t=0.2)


def crc_forge(data, want):
    """Changes the last four bytes so that the CRC-32 is `want`."""
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0xEDB88320 if n & 1 else 0)
        table.append(n)
    import zlib
    state, out = zlib.crc32(data[:-4]) ^ 0xFFFFFFFF, bytearray()
    goal = want ^ 0xFFFFFFFF
    picks = []
    for _ in range(4):
        k = next(i for i, v in enumerate(table) if v >> 24 == goal >> 24)
        picks.append(k)
        goal = (goal ^ table[k]) << 8 & 0xFFFFFFFF
    for k in reversed(picks):
        out.append((state ^ k) & 0xFF)
        state = state >> 8 ^ table[k]
    return data[:-4] + bytes(out)


def media_type(c):
    invite(c, with_sdp("m=" + "x" * 2000 + " 7000 RTP/AVP 0", "m=audio 7000 RTP/AVP 0"))


def connection_address(c):
    invite(c, with_sdp("c=IN IP4 " + "1" * 2000, "c=IN IP4 10.6.6.6"))


def many_long_headers(c):
    invite(c, extra="".join(f"X-{i}: " + "h" * 200 + "\r\n" for i in range(240)))
    invite(c, t=0.2, extra="X: " + "h" * 20000 + "\r\n")
    invite(c, t=0.3, extra="".join(f"X-{i}: h\r\n" for i in range(300)))


def rtp_payload(c):
    for i, n in enumerate((0, 1, 1472, 4000, 60000)):
        c.udp(1.3 + i * 0.02, ("10.0.0.1", 4000), ("10.0.0.2", 6000), rtp(0, 900 + i, 5, 0x666, b"\xff" * n))
        c.udp(1.4 + i * 0.02, ("10.0.0.1", 4000), ("10.0.0.2", 6000), b"\x9f\x80" + b"\xff" * (10 + 4 * i))


def warning(c):
    d = Dialog("warn@x", a=A, b=EVIL)
    c.udp(0.1, EVIL, A, d.response(200, "OK").replace(b"Max-Forwards: 70\r\n", b"Warning: " + b"3" * 9000 + b" h \"t\"\r\n"))


def compound(*packets):
    return b"".join(struct.pack(">BBH", 0x80 | count, pt, len(body) // 4) + body for pt, count, body in packets)


def xr(c):
    """Blocks that claim more than there is, none of their length, and 65,535 words."""
    head = struct.pack(">I", 0x1000)
    rr = (201, 0, head)
    blocks = [struct.pack(">BBH", 7, 0, 0xFFFF), struct.pack(">BBH", 7, 0, 8) + b"\xff" * 8, struct.pack(">BBH", 255, 255, 0), b"\x07\x00\x00\x01" * 60]
    for i, b in enumerate(blocks):
        c.udp(1.3 + i * 0.02, ("10.0.0.1", 4001), ("10.0.0.2", 6001), compound(rr, (207, 0, head + b)))
    c.udp(1.4, ("10.0.0.1", 4001), ("10.0.0.2", 6001), b"\x81\xcf\xff\xff" + head)


def long_call_id(c):
    invite(c, call_id="i" * 4000)
    invite(c, t=0.2, call_id="j" * 5000)


def rtp_inject(c):
    """Foreign RTP of another SSRC from elsewhere into the standing call's ports."""
    c.rtp(1.1, ("10.6.6.6", 31337), ("10.0.0.2", 6000), 0xBAD, 40, payload=b"\x00" * 160)


def dtls(c):
    hello = b"\x16\xfe\xff" + b"\0" * 8 + struct.pack(">H", 60) + b"\x01" + b"\0" * 59
    for i, data in enumerate((hello, hello[:20], b"\x16\xfe\xff" + b"\0" * 8 + b"\xff\xff", hello[:13])):
        for port in (6000, 6001):
            c.udp(1.2 + i * 0.05, EVIL, ("10.0.0.2", port), data)


def from_tag_branch(c):
    for i, n in enumerate((63, 64, 65, 127, 128, 255, 256, 1023, 1024, 4095)):
        invite(c, t=0.1 + i * 0.01, call_id=f"tag{i}@x", from_tag="t" * n, wire=lambda t, n=n: t.replace("branch=z9hG4bK", "branch=" + "b" * n))


def multipart_unclosed(c):
    for i, body in enumerate(("--b", "--b\r\n", "--b\r\nContent-Type: application/sdp", "--b\r\n\r\n", "--", "\r\n--b--\r\n--b", "--b\r\nContent-Type:\r\n\r\n--b")):
        invite(c, body, t=0.1 + i * 0.01, call_id=f"mp{i}@x", content_type="multipart/mixed;boundary=b")
    invite(c, "x", t=0.3, call_id="mp@x", content_type="multipart/mixed")


def cseq(c):
    for i, n in enumerate((0, 300, 5000)):
        invite(c, t=0.1 + i * 0.01, call_id=f"cseq{i}@x", wire=lambda t, n=n: t.replace("CSeq: 1 INVITE", "CSeq: 0 " + "A" * n))


def sdp_format(c):
    for i, fmt in enumerate(("4294967296", "0 4294967295", "-1", "x" * 500, "")):
        invite(c, with_sdp(f"m=audio 7000 RTP/AVP {fmt}", "m=audio 7000 RTP/AVP 0"), t=0.1 + i * 0.01, call_id=f"fmt{i}@x")


def sdp_fmtp(c):
    for i, line in enumerate(("a=fmtp", "a=fmtp:", "a=fmtp:\x00\x01", "a=fmtp: ", "a=fmtp:0", "a=fmtp:99999999999 x", "a=rtpmap:", "a=rtpmap:0", "a=rtpmap:0 /", "a=:", "a=")):
        invite(c, with_sdp(line), t=0.1 + i * 0.01, call_id=f"fmtp{i}@x")


def tcp_torn(c):
    """Connections that send part of an INVITE and are reset, closed or left."""
    for i in range(60):
        src, leg = ("10.6.6.6", 20000 + i), TcpLeg(c, t=0.1 + i * 0.01)
        whole = Dialog(f"torn{i}@x", a=src, transport="TCP").request("INVITE", body=sdp(AT))
        part = whole[:min(40 + 8 * i, len(whole) - 1)]
        leg.send(0.1 + i * 0.01 + 0.001, src, B, part)
        c.tcp(0.1 + i * 0.01 + 0.002, src, B, 5000 + len(part), b"", flags=(0x04, 0x11, 0x10)[i % 3])


def register_flood(c):
    for i in range(20000):
        d = Dialog(f"flood{i}@x", a=("10.6.%d.%d" % (i >> 8, i & 255), 5060), from_tag=str(i))
        c.udp(0.1 + i * 0.00001, d.a, B, d.request("REGISTER", tagged=False))


def srtp_short(c):
    """RTP of an SRTP session cut short in each way a tag and a header can be."""
    whole = rtp(0, 7, 7, 0x5EC, b"\xaa" * 26)
    for n in range(len(whole)):
        c.udp(1.2 + n * 0.005, ("10.6.6.6", 9000), ("10.0.0.2", 6000), whole[:n])


def length_overflow(c):
    """A second message hides in what a 32-bit length would take for the rest of the stream."""
    leg, d = TcpLeg(c, t=0.05), Dialog("big@x", a=("10.6.6.6", 40000), transport="TCP")
    hidden = Dialog("hidden@x", a=("10.6.6.6", 40000), transport="TCP").request("INVITE", body=sdp(AT))
    first = d.request("INVITE", body="X" * 32, content_type="text/plain").replace(b"Content-Length: 32", b"Content-Length: 4294967328")
    leg.send(0.1, d.a, B, first)
    leg.send(0.11, d.a, B, hidden)


def nonprintable_before_colon(c):
    """A name of white space that is none: another reader would see a second To."""
    invite(c, extra="To\x01: <sip:other@x>;tag=indialog\r\nTo\x7f\x0b: <sip:other@x>\r\n")


def media_line_tail(c):
    invite(c, with_sdp("m=audio 49170 " + "a" * 256, "m=audio 7000 RTP/AVP 0"))


def ptime(c):
    for i, v in enumerate(("0", "4294967295", "99999999999999", "-20", "20.5")):
        invite(c, with_sdp(f"a=ptime:{v}\r\na=maxptime:{v}"), t=0.1 + i * 0.01, call_id=f"ptime{i}@x")


ADVISORIES = [
    ("ES2021-03 VoIPmonitor: request line over 1,024 bytes", request_line, {"sip": 1, "malformed": {"sip_start_line": 1}}),
    ("ES2021-02 VoIPmonitor: HTML in User-Agent, From, Call-ID", html, {"sip": 1}),
    ("VoIPmonitor: short and non-RTP packets on a call's ports", short_on_call_port, {"sip": 0, "malformed": {}}),
    ("VoIPmonitor 2024.01.5: messages with one CRC-32 taken for doubles", crc_twins, {"sip": 2, "malformed": {}}),
    ("ES2020-03 sngrep: SDP media type", media_type, {"sip": 1}),
    ("ES2020-04 sngrep: SDP connection address", connection_address, {"sip": 1, "malformed": {"sdp_address": 1}}),
    ("sngrep 1.8.1: long and many headers", many_long_headers, {"sip": 2, "malformed": {"sip_header_long": 1, "sip_headers_many": 1}}),
    ("sngrep 1.8.2: RTP payload", rtp_payload, {"sip": 0}),
    ("sngrep 1.8.4: Warning header", warning, {"sip": 1, "malformed": {}}),
    ("sngrep 1.8.4: RTCP XR", xr, {"sip": 0}),
    ("sngrep 1.6.0: Call-ID of 4,000 bytes", long_call_id, {"sip": 1, "malformed": {"sip_call_id": 1}}),
    ("CVE-2025-53399 rtpengine, AST-2017-005, AST-2017-008: RTP bleed and inject", rtp_inject, {"sip": 0, "streams": 3}),
    ("ES2023-03 rtpengine, ES2021-09 FreeSWITCH, ES2023-02: DTLS hello on media ports", dtls, {"sip": 0, "malformed": {}}),
    ("CVE-2018-8828 Kamailio: From tag and branch", from_tag_branch, {"sip": 10, "malformed": {}}),
    ("CVE-2022-21723, ES2017-02 pjsip: multipart", multipart_unclosed, {"sip": 8}),
    ("ES2017-01 pjsip: CSeq", cseq, {"sip": 2, "malformed": {"sip_cseq": 3}}),
    ("ES2018-02 pjsip: SDP media format", sdp_format, {"sip": 5}),
    ("ES2018-03 pjsip: SDP fmtp", sdp_fmtp, {"sip": 11}),
    ("ES2018-04 pjsip: TCP connections closed suddenly", tcp_torn, {"sip": 0}),
    ("CVE-2021-41145 FreeSWITCH: flood of REGISTER", register_flood, {"sip": 20000, "malformed": {}}),
    ("FreeSWITCH: SRTP cut short", srtp_short, {"sip": 0}),
    ("CVE-2026-23457 nf_conntrack_sip: Content-Length of 2^32 + 32", length_overflow, {"sip": 1, "malformed": {"sip_too_long": 1, "sip_body_short": 1}}),
    ("AST-2016-009: unprintable bytes before the colon", nonprintable_before_colon, {"sip": 1, "malformed": {"sip_header_line": 1}}),
    ("CVE-2022-27255 Realtek: tail of the media line", media_line_tail, {"sip": 1}),
    ("CVE-2026-41416 pjsip: ptime", ptime, {"sip": 5}),
]

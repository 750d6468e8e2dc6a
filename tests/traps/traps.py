"""The 41 traps: one function a capture, named t<trap>_<what>. Each gets an empty Capture and fills it; expect.json says what must be
found. Unless a case says otherwise: 10.0.0.1 calls 10.0.0.2, media 10.0.0.1:4000 and 10.0.0.2:6000, G.711, 50 packets a side."""
import struct

from calls import A, AM, B, BM, PCMA, PCMU, Dialog, TcpLeg, sdp, talk, whole_call
from packets import checksum, ether, ip, rtp, udp

PROXY = ("10.0.0.9", 5060)


def t01_call_id_reused(c):
    whole_call(c, Dialog("same@a"))
    whole_call(c, Dialog("same@a", from_tag="fa2", to_tag="tb2"), t=60, am=("10.0.0.1", 4100), bm=("10.0.0.2", 6100), ssrc=0x2000)


def t02_equal_in_32_bytes(c):
    stem = "0123456789abcdef0123456789abcdef"
    whole_call(c, Dialog(stem + "-one", from_tag="f1", to_tag="t1"))
    whole_call(c, Dialog(stem + "-two", from_tag="f2", to_tag="t2"), t=0.05, am=("10.0.0.1", 4100), bm=("10.0.0.2", 6100), ssrc=0x2000)


def t03_call_id_of_300(c):
    whole_call(c, Dialog("x" * 300))


def t04_proxy_on_the_tap(c):
    d = Dialog("proxied@a", a=A, b=B)

    def hop(t, src, dst, data):
        """A to P, then P to B with P's Via on top (and back)."""
        down = src == A
        first, second = ((A, PROXY), (PROXY, B)) if down else ((B, PROXY), (PROXY, A))
        via = data.index(b"Via: ")
        more = f"Via: SIP/2.0/UDP {PROXY[0]}:5060;branch=z9hG4bKp{hash_of(data)}\r\n".encode()
        with_proxy = data[:via] + more + data[via:]
        c.udp(t, *first, data if down else with_proxy)
        c.udp(t + 0.003, *second, with_proxy if down else data)

    def hash_of(data):
        """One branch a transaction: of the CSeq line."""
        line = data[data.index(b"CSeq: "):].split(b"\r\n")[0]
        return sum(line) % 9973

    whole_call(c, d, send=hop)


def t05_b2bua_new_call_id(c):
    sbc_a, sbc_b = ("10.0.0.5", 5060), ("10.0.0.5", 5070)
    left = Dialog("left-leg@a", a=A, b=sbc_a, from_tag="l1", to_tag="l2")
    right = Dialog("right-leg@sbc", a=sbc_b, b=B, from_tag="r1", to_tag="r2")
    whole_call(c, left, am=AM, bm=("10.0.0.5", 7000), ssrc=0x1000)
    whole_call(c, right, t=0.01, am=("10.0.0.5", 7002), bm=BM, ssrc=0x1000)


def shorten(text):
    head, body = text.split("\r\n\r\n", 1)
    for name, short in (("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i"), ("Contact", "m"), ("Content-Type", "c"), ("Content-Length", "l")):
        head = head.replace(f"\r\n{name}:", f"\r\n{short}:")
    return f"{head}\r\n\r\n{body}"


def t06_compact_names(c):
    whole_call(c, Dialog("compact@a", wire=shorten))
    leg = TcpLeg(c, t=9)
    whole_call(c, Dialog("compact-tcp@a", from_tag="f2", to_tag="t2", transport="TCP", wire=shorten), t=10, am=("10.0.0.1", 4100),
               bm=("10.0.0.2", 6100), ssrc=0x2000, send=leg.send)


def t07_odd_case(c):
    def odd(text):
        lines = text.split("\r\n\r\n", 1)
        heads = lines[0].split("\r\n")
        heads = heads[:1] + [h.split(":", 1)[0].swapcase() + ":" + h.split(":", 1)[1] for h in heads[1:]]
        return "\r\n".join(heads) + "\r\n\r\n" + lines[1]
    whole_call(c, Dialog("odd-case@a", wire=odd))
    whole_call(c, Dialog("odd-case-2@a", from_tag="f2", to_tag="t2", wire=odd), t=0.05, am=("10.0.0.1", 4100), bm=("10.0.0.2", 6100), ssrc=0x2000)


def fold(text):
    for name in ("Call-ID", "From", "To", "CSeq", "Via", "Content-Length", "Content-Type"):
        text = text.replace(f"\r\n{name}: ", f"\r\n{name}:\r\n\t ")
    return text.replace(";tag=", "\r\n ;tag=")


def t08_folded(c):
    whole_call(c, Dialog("folded-1@a", wire=fold))
    whole_call(c, Dialog("folded-2@a", from_tag="f2", to_tag="t2", wire=fold), t=0.05, am=("10.0.0.1", 4100), bm=("10.0.0.2", 6100), ssrc=0x2000)
    leg = TcpLeg(c, t=9)
    whole_call(c, Dialog("folded-3@a", from_tag="f3", to_tag="t3", transport="TCP", wire=fold), t=10, am=("10.0.0.1", 4200),
               bm=("10.0.0.2", 6200), ssrc=0x3000, send=leg.send)


def t09_space_before_colon(c):
    def space(text):
        for name in ("Call-ID", "From", "To", "CSeq", "Via", "Content-Length", "Content-Type", "Contact"):
            text = text.replace(f"\r\n{name}:", f"\r\n{name} \t:")
        return text
    whole_call(c, Dialog("space-1@a", wire=space))
    whole_call(c, Dialog("space-2@a", from_tag="f2", to_tag="t2", wire=space), t=0.05, am=("10.0.0.1", 4100), bm=("10.0.0.2", 6100), ssrc=0x2000)


def t10_name_inside_another(c):
    extra = ("X-Call-ID: not-this-one@x\r\nReply-To: <sip:not-this@x>;tag=no\r\nX-From: <sip:no@x>;tag=no\r\nX-CSeq: 77 BYE\r\n"
             "X-Content-Length: 3\r\nSubject: Call-ID: nor-this@x, To: <sip:no@x>\r\n")
    whole_call(c, Dialog("inside-1@a", extra=extra))
    extra = extra.replace("not-this-one@x", "nor-this-one@x")  # one value in both would be what joins a B2BUA's two sides
    whole_call(c, Dialog("inside-2@a", from_tag="f2", to_tag="t2", extra=extra), t=0.05, am=("10.0.0.1", 4100), bm=("10.0.0.2", 6100), ssrc=0x2000)


def t11_lf_only(c):
    def lf(text):
        head, body = text.replace("\r\n", "\n").split("\n\n", 1)
        return head[:head.rindex(":")] + f": {len(body)}\n\n{body}"  # Content-Length is the last header
    whole_call(c, Dialog("lf-only@a", wire=lf))


def multipart(parts, boundary="gap"):
    return "".join(f"--{boundary}\r\n{p}\r\n" for p in parts) + f"--{boundary}--\r\n"


def t12_multipart(c):
    d = Dialog("multipart@a")
    other = "Content-Type: application/isup\r\nContent-Transfer-Encoding: binary\r\n\r\n\x01\x02 --gap is no boundary here"
    offer = multipart([other, "Content-Type: application/sdp\r\n\r\n" + sdp(AM)])
    multipart_call(c, d, offer)


def t12_multipart_sibling_malformed(c):
    d = Dialog("multipart-bad@a")
    offer = multipart(["Content-Type\x00 ?? nonsense\r\n: : :\r\n\r\n<xml", "no headers and no empty line",
                       "Content-Type: application/sdp\r\n\r\n" + sdp(AM)])
    multipart_call(c, d, offer)


def multipart_call(c, d, offer):
    c.udp(0, d.a, d.b, d.request("INVITE", body=offer, content_type='multipart/mixed; boundary="gap"'))
    c.udp(0.2, d.b, d.a, d.response(180, "Ringing"))
    c.udp(1.0, d.b, d.a, d.response(200, "OK", body=sdp(BM)))
    c.udp(1.02, d.a, d.b, d.request("ACK", branch="ack"))
    talk(c, 1.05)
    c.udp(2.1, d.a, d.b, d.request("BYE", cseq=2))
    c.udp(2.12, d.b, d.a, d.response(200, "OK", method="BYE", cseq=2))


def t13_media_level_address(c):
    d = Dialog("media-level@a")
    whole_call(c, d, am=("10.1.0.1", 4000), bm=("10.1.0.2", 6000), offer=sdp(("10.1.0.1", 4000), session_at=A), answer=sdp(("10.1.0.2", 6000), session_at=B))


def t14_late_offer(c):
    d = Dialog("late-offer@a")
    c.udp(0, d.a, d.b, d.request("INVITE"))
    c.udp(0.2, d.b, d.a, d.response(180, "Ringing"))
    c.udp(1.0, d.b, d.a, d.response(200, "OK", body=sdp(BM)))
    c.udp(1.02, d.a, d.b, d.request("ACK", branch="ack", body=sdp(AM)))
    talk(c, 1.05)
    c.udp(2.1, d.b, d.a, d.request("BYE", cseq=5, from_callee=True))
    c.udp(2.12, d.a, d.b, d.response(200, "OK", method="BYE", cseq=5, from_callee=True))


def tcp_call(c, d, cut):
    """A call over TCP whose INVITE goes through cut(leg, src, dst, data)."""
    leg = TcpLeg(c)
    whole_call(c, d, send=lambda t, src, dst, data: cut(leg, src, dst, data) if data.startswith(b"INVITE") else leg.send(t, src, dst, data))


def t15_three_segments(c):
    tcp_call(c, Dialog("three@a", transport="TCP"), lambda leg, src, dst, data: leg.send_cut(0, src, dst, data, (150, 400)))


def t16_first_segment_of_five(c):
    tcp_call(c, Dialog("five@a", transport="TCP"), lambda leg, src, dst, data: leg.send_cut(0, src, dst, data, (5,)))


def t17_out_of_order(c):
    tcp_call(c, Dialog("order@a", transport="TCP"), lambda leg, src, dst, data: leg.send_cut(0, src, dst, data, (150, 300, 450), order=(0, 3, 2, 1)))


def t18_three_in_one_segment(c):
    """180 and two OPTIONS in one segment; then the 200 straddles: half of it comes with the one before."""
    leg, d, o = TcpLeg(c), Dialog("packed@a", transport="TCP"), Dialog("probe@b", a=B, b=A, from_tag="p", to_tag="q", transport="TCP")
    leg.send(0, A, B, d.request("INVITE", body=sdp(AM)))
    ok = d.response(200, "OK", body=sdp(BM))
    packed = d.response(180, "Ringing") + o.request("OPTIONS", cseq=1, tagged=False) + o.request("OPTIONS", cseq=2, tagged=False)
    leg.send(0.2, B, A, packed + ok[:100])
    leg.send(1.0, B, A, ok[100:])
    leg.send(1.02, A, B, d.request("ACK", branch="ack"))
    talk(c, 1.05)
    leg.send(2.1, A, B, d.request("BYE", cseq=2))
    leg.send(2.12, B, A, d.response(200, "OK", method="BYE", cseq=2))


def t19_joined_mid_stream(c):
    """The capture begins inside the body of an earlier message, in both directions; no SYN was seen."""
    leg, old = TcpLeg(c, syn=False), Dialog("before@a", transport="TCP")
    leg.send(-0.5, A, B, old.request("INVITE", body=sdp(("10.0.0.1", 4900)))[350:])
    leg.send(-0.4, B, A, old.response(200, "OK", body=sdp(("10.0.0.2", 6900)))[370:])
    whole_call(c, Dialog("after@a", from_tag="f2", to_tag="t2", transport="TCP"), send=leg.send)


def fragmented(c, reverse):
    d = Dialog("fragments@a", extra="X-Long: " + "y" * 1500 + "\r\n")

    def send(t, src, dst, data):
        if len(data) < 1480:
            return c.udp(t, src, dst, data)
        pieces = c.fragments(src, dst, data, 1480, c.next_ident())
        for i, p in enumerate(reversed(pieces) if reverse else pieces):
            c.add(t + i * 0.0005, p)
    whole_call(c, d, send=send)


def t20_fragments(c):
    fragmented(c, reverse=False)


def t20_fragments_reversed(c):
    fragmented(c, reverse=True)


def t21_same_ip_id_interleaved(c):
    """Two hosts send their INVITE in fragments with the same identification, piece by piece in turn."""
    d = [Dialog(f"host{i}@a", a=(f"10.0.1.{i}", 5060), from_tag=f"f{i}", to_tag=f"t{i}", caller=str(2000 + i), extra="X-Long: " + "y" * 1500 + "\r\n")
         for i in (1, 2)]
    am, bm = [(f"10.0.1.{i}", 4000) for i in (1, 2)], [("10.0.0.2", 6000 + 100 * i) for i in (1, 2)]
    pieces = [c.fragments(x.a, x.b, x.request("INVITE", body=sdp(m)), 1480, 777) for x, m in zip(d, am)]
    for k in range(len(pieces[0])):
        for i in (0, 1):
            c.add(k * 0.002 + i * 0.001, pieces[i][k])
    for i in (0, 1):
        def later(t, src, dst, data):
            if not data.startswith(b"INVITE"):
                c.udp(t, src, dst, data)
        whole_call(c, d[i], t=0.01 * i, am=am[i], bm=bm[i], ssrc=0x1000 * (i + 1), send=later)


def t22_rtp_before_its_sdp(c):
    """B talks 1 s before the 200 that names its address is seen, A as soon as it has the 200."""
    d = Dialog("early@a")
    c.udp(0, d.a, d.b, d.request("INVITE", body=sdp(AM)))
    c.rtp(0.5, BM, ("10.0.0.1", 4000), 0x1001, 100, seq=2000)
    c.rtp(1.0, AM, BM, 0x1000, 75)
    c.udp(1.5, d.b, d.a, d.response(200, "OK", body=sdp(BM)))
    c.udp(1.52, d.a, d.b, d.request("ACK", branch="ack"))
    c.udp(2.6, d.a, d.b, d.request("BYE", cseq=2))
    c.udp(2.62, d.b, d.a, d.response(200, "OK", method="BYE", cseq=2))


def t23_answer_before_invite(c):
    """Two mirrors: what B sends is seen 0.1 s before what A sends, the 180 thus before its INVITE."""
    d = Dialog("mirrors@a")
    c.udp(0.00, d.b, d.a, d.response(180, "Ringing"))
    c.udp(0.05, d.a, d.b, d.request("INVITE", body=sdp(AM)))
    c.udp(0.90, d.b, d.a, d.response(200, "OK", body=sdp(BM)))
    c.udp(1.02, d.a, d.b, d.request("ACK", branch="ack"))
    talk(c, 1.05)
    c.udp(2.1, d.a, d.b, d.request("BYE", cseq=2))
    c.udp(2.12, d.b, d.a, d.response(200, "OK", method="BYE", cseq=2))


def t24_forked_early_media(c):
    """Two phones answer with 183 and sound; the second wins. B1 and B2 have media of their own."""
    one, two = Dialog("forked@a", to_tag="b1"), Dialog("forked@a", to_tag="b2")
    b1, b2 = ("10.0.0.2", 6000), ("10.0.0.3", 6200)
    c.udp(0, A, B, one.request("INVITE", body=sdp(AM)))
    c.udp(0.2, B, A, one.response(183, "Session Progress", body=sdp(b1)))
    c.udp(0.3, B, A, two.response(183, "Session Progress", body=sdp(b2)))
    c.rtp(0.35, b1, AM, 0x1001, 25, seq=1)
    c.rtp(0.36, b2, AM, 0x1002, 75, seq=1)
    c.udp(1.0, B, A, two.response(200, "OK", body=sdp(b2)))
    c.udp(1.02, A, B, two.request("ACK", branch="ack"))
    c.rtp(1.05, AM, b2, 0x1000, 50)
    c.udp(2.1, A, B, two.request("BYE", cseq=2))
    c.udp(2.12, B, A, two.response(200, "OK", method="BYE", cseq=2))


def t25_port_reused_after_bye(c):
    """The next call has the same two media addresses, 0.1 s after the BYE; two late packets of the first call come into it."""
    whole_call(c, Dialog("first@a", from_tag="f1", to_tag="t1"), ssrc=0x1000)
    whole_call(c, Dialog("second@a", from_tag="f2", to_tag="t2"), t=2.22, ssrc=0x2000)
    c.rtp(2.3, AM, BM, 0x1000, 2, seq=1050, timestamp=160000 + 50 * 160)


def t26_media_after_bye(c):
    """B does not stop: 12 s of sound after the BYE was answered."""
    d = Dialog("tail@a")
    whole_call(c, d, media=False)
    c.rtp(1.05, AM, BM, 0x1000, 50)
    c.rtp(1.051, BM, AM, 0x1001, 650, seq=2000)


def t27_ssrc_changes(c):
    """A's sound goes on with another SSRC after 25 packets."""
    whole_call(c, Dialog("ssrc@a"), media=False)
    c.rtp(1.05, AM, BM, 0x1000, 25)
    c.rtp(1.55, AM, BM, 0x5000, 25, seq=30000, timestamp=77)
    c.rtp(1.051, BM, AM, 0x1001, 50, seq=2000)


def t27_sequence_jumps(c):
    """A's sequence and time stamps jump by 20,000 after 25 packets, the SSRC stays."""
    whole_call(c, Dialog("jump@a"), media=False)
    c.rtp(1.05, AM, BM, 0x1000, 25)
    c.rtp(1.55, AM, BM, 0x1000, 25, seq=21025, timestamp=160000 + 20025 * 160)
    c.rtp(1.051, BM, AM, 0x1001, 50, seq=2000)


def t28_wraps(c):
    whole_call(c, Dialog("wrap@a"), media=False)
    c.rtp(1.05, AM, BM, 0x1000, 50, seq=65511, timestamp=0xFFFFFFFF - 25 * 160)
    c.rtp(1.051, BM, AM, 0x1001, 50, seq=65526, timestamp=0xFFFFFFF0 - 9 * 160)


def t29_span_of_both_directions(c):
    """Each packet twice, 20 us apart, byte for byte."""
    whole_call(c, Dialog("span@a"))
    c.frames = [f for at, frame in c.frames for f in ((at, frame), (at + 20, frame))]


def t30_two_taps(c):
    """The second tap stands behind a router: TTL less by one, other MAC addresses, 0.4 ms later."""
    whole_call(c, Dialog("taps@a"))

    def routed(frame):
        packet = bytearray(frame[14:])
        packet[8] -= 1
        packet[10:12] = b"\0\0"
        packet[10:12] = struct.pack(">H", checksum(bytes(packet[:20])))
        return ether(bytes(packet), mac=bytes.fromhex("020000000004" "020000000003"))
    c.frames = sorted([f for at, frame in c.frames for f in ((at, frame), (at + 400, routed(frame)))])


def t31_retransmission_and_double(c):
    """The INVITE comes again after 0.5 s (a retransmission, with an IP identification of its own); the first one also came
    twice within 20 us (a double of the mirror)."""
    d = Dialog("again@a")
    whole_call(c, d, t=0)
    first = c.frames[0]
    c.udp(0.5, d.a, d.b, d.request("INVITE", body=sdp(AM)))
    c.frames.insert(1, (first[0] + 20, first[1]))


def t32_reinvite_port_and_codec(c):
    d = Dialog("reinvite@a")
    am2, bm2 = ("10.0.0.1", 4002), ("10.0.0.2", 6002)
    c.udp(0, A, B, d.request("INVITE", body=sdp(AM)))
    c.udp(1.0, B, A, d.response(200, "OK", body=sdp(BM)))
    c.udp(1.02, A, B, d.request("ACK", branch="ack"))
    talk(c, 1.05)
    c.udp(2.1, A, B, d.request("INVITE", cseq=2, tagged=True, body=sdp(am2, (PCMA,), version=2)))
    c.udp(2.15, B, A, d.response(200, "OK", cseq=2, body=sdp(bm2, (PCMA,), version=2)))
    c.udp(2.17, A, B, d.request("ACK", cseq=2, branch="ack2"))
    c.rtp(2.2, am2, bm2, 0x3000, 50, pt=8, payload=b"\xd5" * 160)
    c.rtp(2.201, bm2, am2, 0x3001, 50, pt=8, seq=9, payload=b"\xd5" * 160)
    c.udp(3.3, A, B, d.request("BYE", cseq=3))
    c.udp(3.32, B, A, d.response(200, "OK", method="BYE", cseq=3))


def t33_nat_one_side(c):
    """A's SDP names 192.168.1.10; B sends to where A's sound comes from, 203.0.113.7:41000."""
    a = ("203.0.113.7", 45060)
    d = Dialog("nat@a", a=a)
    whole_call(c, d, media=False, offer=sdp(("192.168.1.10", 4000)))
    talk(c, 1.05, ("203.0.113.7", 41000), BM)


def t33_nat_both_sides(c):
    """Both SDPs name private addresses; the sound runs between two addresses that no SDP names, but that SIP comes from."""
    d = Dialog("nat2@a", a=("203.0.113.7", 45060), b=("203.0.113.9", 45062))
    whole_call(c, d, media=False, offer=sdp(("192.168.1.10", 4000)), answer=sdp(("192.168.2.20", 6000)))
    talk(c, 1.05, ("203.0.113.7", 41000), ("203.0.113.9", 42000))


def t34_cancel_without_487(c):
    d = Dialog("cancel@a")
    c.udp(0, A, B, d.request("INVITE", branch="i1", body=sdp(AM)))
    c.udp(0.2, B, A, d.response(180, "Ringing", branch="i1"))
    c.udp(3.0, A, B, d.request("CANCEL", branch="i1"))
    c.udp(3.02, B, A, d.response(200, "OK", method="CANCEL", branch="i1"))


def t34_only_the_ack_of_487(c):
    """CANCEL, its 200 and the 487 were lost; the ACK (with the branch of the INVITE) was seen."""
    d = Dialog("only-ack@a")
    c.udp(0, A, B, d.request("INVITE", branch="i1", body=sdp(AM)))
    c.udp(0.2, B, A, d.response(180, "Ringing", branch="i1"))
    c.udp(3.1, A, B, d.request("ACK", branch="i1"))


def t34_180_after_183(c):
    d = Dialog("both18x@a")
    c.udp(0, A, B, d.request("INVITE", body=sdp(AM)))
    c.udp(0.2, B, A, d.response(183, "Session Progress", body=sdp(BM)))
    c.rtp(0.25, BM, AM, 0x1001, 35, seq=1)
    c.udp(0.6, B, A, d.response(180, "Ringing"))
    c.udp(1.0, B, A, d.response(200, "OK", body=sdp(BM)))
    c.udp(1.02, A, B, d.request("ACK", branch="ack"))
    c.rtp(1.05, AM, BM, 0x1000, 50)
    c.udp(2.1, A, B, d.request("BYE", cseq=2))
    c.udp(2.12, B, A, d.response(200, "OK", method="BYE", cseq=2))


def t34_200_lost(c):
    """The 200 was lost on the tap: the ACK with a branch of its own says that there was one (RFC 3261 17.1.1.3, 13.2.2.4)."""
    d = Dialog("no-200@a")
    c.udp(0, A, B, d.request("INVITE", branch="i1", body=sdp(AM)))
    c.udp(0.2, B, A, d.response(183, "Session Progress", branch="i1", body=sdp(BM)))
    c.udp(1.02, A, B, d.request("ACK", branch="ack2"))
    talk(c, 1.05)
    c.udp(2.1, A, B, d.request("BYE", cseq=2))
    c.udp(2.12, B, A, d.response(200, "OK", method="BYE", cseq=2))


def t35_bye_missing(c):
    """Nothing of the call comes after 2.1 s; an hour of OPTIONS each minute follows."""
    d, o = Dialog("no-bye@a"), Dialog("tick@a", from_tag="o", to_tag="p")
    whole_call(c, d, send=lambda t, src, dst, data: c.udp(t, src, dst, data) if b" BYE\r\n" not in data else None)
    for minute in range(1, 61):
        c.udp(60 * minute, A, B, o.request("OPTIONS", cseq=minute, tagged=False))


def event(digit, duration, end):
    return struct.pack(">BBH", digit, 0x8A if end else 0x0A, duration)


def press(c, t, src, dst, pt, ssrc, seq, timestamp, digit, clock):
    """A key: 4 packets and the end three times, all with one time stamp, duration on the event's clock."""
    for i in range(7):
        last = min(i + 1, 5)
        c.udp(t + 0.02 * i, src, dst, rtp(pt, seq + i, timestamp, ssrc, event(digit, last * clock // 50, i >= 4), marker=i == 0))


def t36_telephone_event(c):
    """A sends events as 101, B as 96, each as the other side asked; one key each, the end repeated three times."""
    d = Dialog("keys@a")
    offer = sdp(AM, (PCMU, (96, "telephone-event/8000")), attributes=("a=fmtp:96 0-15",))
    answer = sdp(BM, (PCMU, (101, "telephone-event/8000")), attributes=("a=fmtp:101 0-15",))
    whole_call(c, d, media=False, offer=offer, answer=answer)
    c.rtp(1.05, AM, BM, 0x1000, 10)
    press(c, 1.25, AM, BM, 101, 0x1000, 1010, 161600, 5, 8000)
    c.rtp(1.39, AM, BM, 0x1000, 20, seq=1017, timestamp=161600 + 7 * 160)
    c.rtp(1.051, BM, AM, 0x1001, 10, seq=2000)
    press(c, 1.251, BM, AM, 96, 0x1001, 2010, 161600, 11, 8000)
    c.rtp(1.391, BM, AM, 0x1001, 20, seq=2017, timestamp=161600 + 7 * 160)


def t37_comfort_noise_and_gap(c):
    """A: 25 packets, one comfort noise, 3 s of nothing (time stamps go on, sequence numbers have no gap), 25 packets."""
    d = Dialog("silence@a")
    c.udp(0, A, B, d.request("INVITE", body=sdp(AM)))
    c.udp(1.0, B, A, d.response(200, "OK", body=sdp(BM)))
    c.udp(1.02, A, B, d.request("ACK", branch="ack"))
    c.rtp(1.05, AM, BM, 0x1000, 25)
    c.udp(1.55, AM, BM, rtp(13, 1025, 160000 + 25 * 160, 0x1000, b"\x40"))
    c.rtp(4.55, AM, BM, 0x1000, 25, seq=1026, timestamp=160000 + 175 * 160)
    c.rtp(1.051, BM, AM, 0x1001, 200, seq=2000)
    c.udp(5.1, A, B, d.request("BYE", cseq=2))
    c.udp(5.12, B, A, d.response(200, "OK", method="BYE", cseq=2))


def t38_clock_skew(c):
    """Ten minutes; A's clock runs 500 ppm fast: the same number of samples in 599.7 s. Both clap in the same half second, at 490 s, before 250 ms of drift have come together."""
    d, n = Dialog("skew@a"), 30000

    def clap(at):
        return (b"\x00" if 490 <= at < 490.5 else b"\xff") * 160
    c.udp(0, A, B, d.request("INVITE", body=sdp(AM)))
    c.udp(1.0, B, A, d.response(200, "OK", body=sdp(BM)))
    c.udp(1.02, A, B, d.request("ACK", branch="ack"))
    c.rtp(1.05, AM, BM, 0x1000, n, every=0.02 / 1.0005, payload=clap)
    c.rtp(1.051, BM, AM, 0x1001, n, seq=2000, payload=clap)
    c.udp(601.1, A, B, d.request("BYE", cseq=2))
    c.udp(601.12, B, A, d.response(200, "OK", method="BYE", cseq=2))


def wrapped(c, how):
    c.wrap = how
    whole_call(c, Dialog("wrapped@a"))


def outer(protocol, data):
    return ether(ip("192.0.2.1", "192.0.2.2", protocol, data))


def t39_qinq(c):
    wrapped(c, lambda p: ether(p, tags=bytes.fromhex("88a80064" "81000065")))


def vxlan(p):
    return udp(50000, 4789, bytes.fromhex("0800000000012300") + ether(p))


def t39_vxlan(c):
    wrapped(c, lambda p: outer(17, vxlan(p)))


def t39_gre(c):
    wrapped(c, lambda p: outer(47, bytes.fromhex("00000800") + p))


def erspan2(p):
    return bytes.fromhex("100088be" "00000001" "1001000100000000") + ether(p)


def t39_erspan(c):
    wrapped(c, lambda p: outer(47, erspan2(p)))


def t39_vxlan_in_qinq_erspan(c):
    """A VLAN frame in VXLAN, mirrored by ERSPAN II, on a double-tagged network."""
    wrapped(c, lambda p: ether(ip("192.0.2.1", "192.0.2.2", 47, erspan2(ip("198.51.100.1", "198.51.100.2", 17, udp(50000, 4789, bytes.fromhex(
        "0800000000012300") + ether(p, tags=bytes.fromhex("81000007")))))), tags=bytes.fromhex("88a80064" "81000065")))


def t40_split_sip(c):
    """What one harvester of the site sees: SIP alone. The RTP is t40_split_rtp."""
    whole_call(c, Dialog("split@a"), media=False)


def t40_split_rtp(c):
    talk(c, 1.05)


CASES = {name[1:]: fn for name, fn in list(globals().items()) if name[0] == "t" and name[1:3].isdigit()}

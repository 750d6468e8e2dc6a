"""Scenarios told in lines become a capture: real Ethernet, IP, UDP, SIP, SDP and RTP, many scenarios in one file.

  <seconds> A>B METHOD|status [key=value ...]     a SIP message from party A to party B
      id= Call-ID (x)   f= From tag (f)   t= To tag   n= CSeq (1)   m= CSeq method of a response or of an odd request
      z= branch   user= of From (100)   to= of To (200)   sdp= port | party:port | 0.0.0.0:port   dir= sendonly ...   o= SDP session id
      x= x2= x3= header as Name:value with ~ for blanks      frag= status of a sipfrag body      contact= parameters   cuser= its user
  <seconds> rtp A:4000>B:6000 n=packets [ssrc=]   PCMU, 20 ms each
  # comment

Parties A to H are hosts 1 to 8 of a network of the scenario's own (10.<k>.<k>.0/24), P is host 9: scenarios cannot meet. Numbers get the scenario's
number in front (200 becomes 07200 in scenario 7), in headers too, and come out without it again (strip). Equal lines give equal bytes.
"""
import struct

PORT = 5060
T0 = 1_750_000_000


def host(k, party):
    return f"10.{k}.{k}.{9 if party == 'P' else ord(party) - ord('A') + 1}"


def number(k, text):
    return f"{k:02}{text}" if text[:1].isdigit() else text


def strip(k, text):
    return text[2:] if text.startswith(f"{k:02}") and text[:1].isdigit() else text


def headers(k, words):
    """x=Refer-To:<sip:300@h?Replaces=@y@...>: numbers after sip: get the prefix, {id:y} becomes the Call-ID of y."""
    out = []
    for key in ("x", "x2", "x3"):
        if key in words:
            text = words[key].replace("~", " ").replace(":", ": ", 1).replace("{k}", f"s{k:02}-")
            at = 0
            while (at := text.find("sip:", at)) >= 0:
                at += 4
                if text[at:at + 1].isdigit():
                    text = text[:at] + f"{k:02}" + text[at:]
            out.append(text)
    return out


def body_of(k, words, src):
    if "frag" in words:
        return "message/sipfrag", f"SIP/2.0 {words['frag']} Answer\r\n"
    if "sdp" not in words:
        return None, ""
    at, _, port = words["sdp"].rpartition(":")
    ip = host(k, at) if len(at) == 1 else at or src
    return "application/sdp", (
        f"v=0\r\no=- {words.get('o', '1')} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        f"a=rtpmap:0 PCMU/8000\r\na={words.get('dir', 'sendrecv')}\r\n")


def sip(k, parties, what, words):
    src, dst = host(k, parties[0]), host(k, parties[2])
    response = what[0].isdigit()
    method = words.get("m", "INVITE" if response else what)
    cseq = words.get("n", "1")
    branch = words.get("z", f"{'INVITE' if method in ('CANCEL', 'ACK') else method}-{cseq}-{words.get('id', 'x')}")
    via = dst if response else src
    kind, body = body_of(k, words, src)
    to_user, from_user = number(k, words.get("to", "200")), number(k, words.get("user", "100"))
    start = f"SIP/2.0 {what} Answer" if response else f"{what} sip:{to_user}@{dst} SIP/2.0"
    lines = [start, f"Via: SIP/2.0/UDP {via}:{PORT};branch=z9hG4bK-{branch}", "Max-Forwards: 70",
             f"From: <sip:{from_user}@{host(k, 'A')}>;tag={words.get('f', 'f')}",
             f"To: <sip:{to_user}@{host(k, 'B')}>" + (f";tag={words['t']}" if "t" in words else ""),
             f"Call-ID: s{k:02}-{words.get('id', 'x')}", f"CSeq: {cseq} {method}",
             f"Contact: <sip:{number(k, words.get('cuser', 'x'))}@{src}:{PORT}>{words.get('contact', '')}", *headers(k, words)]
    if kind:
        lines.append(f"Content-Type: {kind}")
    lines += [f"Content-Length: {len(body)}", "", body]
    return src, PORT, dst, PORT, "\r\n".join(lines).encode()


def ip_sum(data):
    s = sum(struct.unpack(f">{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def frame(src, sport, dst, dport, payload, ident):
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    a, b = (bytes(int(x) for x in ip.split(".")) for ip in (src, dst))
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), ident & 0xFFFF, 0x4000, 64, 17, 0, a, b)
    head = head[:10] + struct.pack(">H", ip_sum(head)) + head[12:]
    return b"\x02\0\0\0\0\2\x02\0\0\0\0\1\x08\0" + head + udp


def rtp(k, flow, words, at):
    (a, sport), (b, dport) = (x.split(":") for x in flow.split(">"))
    ssrc = int(words.get("ssrc", str(k * 1000 + ord(a))))
    for i in range(int(words["n"])):
        head = struct.pack(">BBHII", 0x80, 0, i & 0xFFFF, i * 160, ssrc)
        yield at + 0.02 * i, (host(k, a), int(sport), host(k, b), int(dport), head + b"\xff" * 160)


def read(k, text):
    """(seconds, (src, port, dst, port, payload)) of one scenario."""
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        pairs = dict(w.split("=", 1) for w in words[3:])
        if words[1] == "rtp":
            yield from rtp(k, words[2], pairs, float(words[0]))
        else:
            yield float(words[0]), sip(k, words[1], words[2], pairs)


def write(path, scenarios):
    """scenarios: [(k, text)]. All begin at the same time; the file is in order of time."""
    packets = sorted(((at, n, p) for n, (at, p) in enumerate(x for k, text in scenarios for x in read(k, text))))
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for ident, (at, _, p) in enumerate(packets):
            data = frame(*p, ident)
            us = round(at * 1e6)
            f.write(struct.pack("<IIII", T0 + us // 1_000_000, us % 1_000_000, len(data), len(data)) + data)

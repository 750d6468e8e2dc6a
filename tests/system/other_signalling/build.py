"""Makes a capture of a script: a line an event, see README.md. Seeded by the script's name, so the same script is the same file."""
import math
import os
import random
import struct

T0 = 1700000000


def ip4(text):
    return bytes(int(p) for p in text.split("."))


def u16(v):
    return struct.pack(">H", v & 0xFFFF)


def u32(v):
    return struct.pack(">I", v & 0xFFFFFFFF)


def le32(v):
    return struct.pack("<I", v)


def checksum(data):
    if len(data) & 1:
        data += b"\0"
    s = sum(struct.unpack(f">{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def ulaw(v):
    sign = 0x80 if v < 0 else 0
    v = min(abs(v), 32635) + 132
    e = v.bit_length() - 8
    return ~(sign | e << 4 | v >> (e + 3) & 15) & 0xFF


def tone(hz, start, n, rate=8000):
    return bytes(ulaw(int(8000 * math.sin(2 * math.pi * hz * (start + i) / rate))) for i in range(n))


class Capture:
    """Packets in any order; written by time."""

    def __init__(self, name):
        self.rng = random.Random(name)
        self.packets = []
        self.hosts = {}
        self.seq = {}
        self.ident = 0

    def host(self, name):
        text = self.hosts.get(name, name)
        ip, port = text.rsplit(":", 1)
        return ip, int(port)

    def put(self, at, src, dst, proto, l4):
        self.ident += 1
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(l4), self.ident & 0xFFFF, 0, 64, proto, 0) + ip4(src[0]) + ip4(dst[0])
        head = head[:10] + u16(checksum(head)) + head[12:]
        self.packets.append((at, b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + head + l4))

    def udp(self, at, src, dst, data):
        self.put(at, src, dst, 17, u16(src[1]) + u16(dst[1]) + u16(8 + len(data)) + u16(0) + data)

    def segment(self, at, src, dst, flags, data=b""):
        seq = self.seq.setdefault((src, dst), self.rng.randrange(1 << 32))
        ack = self.seq.get((dst, src), 0)
        self.put(at, src, dst, 6, u16(src[1]) + u16(dst[1]) + u32(seq) + u32(ack) + bytes([0x50, flags]) + u16(8192) + u32(0) + data)
        self.seq[(src, dst)] = (seq + len(data) + (1 if flags & 3 else 0)) & 0xFFFFFFFF

    def tcp(self, at, src, dst, data, cut=0):
        """cut: in segments of so many bytes."""
        if (src, dst) not in self.seq and (dst, src) not in self.seq:
            self.segment(at - 0.003, src, dst, 2)
            self.segment(at - 0.002, dst, src, 0x12)
            self.segment(at - 0.001, src, dst, 0x10)
        step = cut or len(data)
        for i in range(0, len(data), step):
            self.segment(at + i * 1e-6, src, dst, 0x18, data[i:i + step])

    def rtp(self, at, src, dst, seconds, hz, pt=0):
        ssrc, seq, ts = self.rng.randrange(1 << 32), self.rng.randrange(1 << 16), self.rng.randrange(1 << 32)
        for i in range(int(seconds * 50)):
            head = bytes([0x80, pt | (0x80 if i == 0 else 0)]) + u16(seq + i) + u32(ts + 160 * i) + u32(ssrc)
            self.udp(at + i * 0.02, src, dst, head + tone(hz, 160 * i, 160))

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for at, data in sorted(self.packets, key=lambda p: p[0]):
                us = round(at * 1e6)
                f.write(struct.pack("<IIII", T0 + us // 1000000, us % 1000000, len(data), len(data)) + data)


# -- SCCP -----------------------------------------------------------------------------------------------------------
SCCP_STATES = ("", "OffHook", "OnHook", "RingOut", "RingIn", "Connected", "Busy", "Congestion", "Hold", "CallWaiting", "CallTransfer",
               "CallPark", "Proceed", "CallRemoteMultiline", "InvalidNumber")


def sccp(what, k):
    """k: the keys of the line. v=0 (old phones) or 20 (addresses of 16 bytes)."""
    version, ref = int(k.get("v", 20)), int(k.get("ref", 0))

    def address(text):
        ip, port = text.rsplit(":", 1)
        body = (le32(0) if version >= 16 else b"") + ip4(ip) + (bytes(12) if version >= 16 else b"")
        return body + le32(int(port))
    if what == "CallState":
        ident, body = 0x111, le32(SCCP_STATES.index(k["state"])) + le32(1) + le32(ref) + bytes(12)
    elif what == "CallInfo" and version >= 16:
        texts = [k["from"], "", k["to"], k["to"], "", "", "", "", "", k.get("from_name", ""), k.get("to_name", "")]
        ident = 0x14A
        body = le32(1) + le32(ref) + le32(1 if k["type"] == "in" else 2) + bytes(20) + b"".join(t.encode() + b"\0" for t in texts)
        body += bytes(-len(body) % 4)
    elif what == "CallInfo":
        ident = 0x8F
        body = k.get("from_name", "").encode().ljust(40, b"\0") + k["from"].encode().ljust(24, b"\0")
        body += k.get("to_name", "").encode().ljust(40, b"\0") + k["to"].encode().ljust(24, b"\0")
        body += le32(1) + le32(ref) + le32(1 if k["type"] == "in" else 2)
    elif what == "OpenReceiveChannel":
        ident, body = 0x105, le32(ref) + le32(9) + le32(20) + le32(4) + bytes(8) + le32(ref) + bytes(20)
    elif what == "OpenReceiveChannelAck":
        ident, body = 0x22, le32(0) + address(k["at"]) + le32(9) + le32(ref)
    elif what == "StartMediaTransmission":
        ident, body = 0x8A, le32(ref) + le32(9) + address(k["at"]) + le32(20) + le32(4) + bytes(16) + le32(ref) + bytes(20)
    elif what in ("OffHook", "OnHook"):
        ident, body = (6 if what == "OffHook" else 7), le32(1) + le32(ref)
    elif what == "KeepAlive":
        ident, body = 0, b""
    else:
        raise ValueError(what)
    return le32(4 + len(body)) + le32(version) + le32(ident) + body


# -- MGCP -----------------------------------------------------------------------------------------------------------
def mgcp(what, k):
    """A command (CRCX...) or 'response'. tx= transaction, ep= endpoint, sdp= ip:port, the letters of parameters as keys; + for a blank."""
    first = f"{k.get('status', '200')} {k['tx']} OK" if what == "response" else f"{what} {k['tx']} {k['ep']} MGCP 1.0"
    lines = [first] + [f"{c}: {k[c].replace('+', ' ')}" for c in "CXLMROSIQ" if c in k]
    if "sdp" in k:
        ip, port = k["sdp"].rsplit(":", 1)
        lines += ["", "v=0", "o=- 1 1 IN IP4 " + ip, "s=-", "c=IN IP4 " + ip, "t=0 0", f"m=audio {port} RTP/AVP 0"]
    return "\r\n".join(lines).encode() + b"\r\n"


# -- IAX2 -----------------------------------------------------------------------------------------------------------
IAX_COMMANDS = {"NEW": 1, "PING": 2, "PONG": 3, "ACK": 4, "HANGUP": 5, "REJECT": 6, "ACCEPT": 7}
IAX_CONTROLS = {"RINGING": 3, "ANSWER": 4, "BUSY": 5, "CONGESTION": 8, "PROCEEDING": 15, "HOLD": 16, "UNHOLD": 17}


def iax2_full(source, destination, ts, kind, subclass, body=b""):
    return u16(0x8000 | source) + u16(destination) + u32(ts) + b"\0\0" + bytes([kind, subclass]) + body


def iax2(what, k):
    """n= number of the sender, to= of the receiver, ts= ms; elements: from_number, name, number, cause."""
    body = b""
    for element, key in ((2, "from"), (4, "name"), (1, "called")):
        if key in k:
            body += bytes([element, len(k[key])]) + k[key].encode()
    if "cause" in k:
        body += bytes([42, 1, int(k["cause"])])
    kind, subclass = (6, IAX_COMMANDS[what]) if what in IAX_COMMANDS else (4, IAX_CONTROLS[what])
    return iax2_full(int(k["n"]), int(k.get("to", 0)), int(k.get("ts", 0)), kind, subclass, body)


def iax2_voice(cap, at, src, dst, k):
    """A tone in PCMU: a full frame first and where the low bits of the time wrap, mini frames else; trunk=1: in trunk frames, timed."""
    n, to, hz, first = int(k["n"]), int(k["to"]), float(k["hz"]), int(k.get("ts", 0))
    lost = {int(i) for i in k.get("lost", "").split(",") if i}
    for i in range(int(float(k["for"]) * 50)):
        ts, sound = first + 20 * i, tone(hz, 160 * i, 160)
        if i == 0 or ts >> 16 != (ts - 20) >> 16:
            data = iax2_full(n, to, ts, 2, 4, sound)
        elif "trunk" in k:
            data = b"\0\0\1\1" + u32(ts) + u16(len(sound)) + u16(n) + u16(ts) + sound
        else:
            data = u16(n) + u16(ts) + sound
        if i not in lost:
            cap.udp(at + i * 0.02, src, dst, data)


# -- H.323 ----------------------------------------------------------------------------------------------------------
class Per:
    """Aligned PER, written bit by bit."""

    def __init__(self):
        self.bits = ""

    def put(self, bits):
        self.bits += bits
        return self

    def align(self):
        self.bits += "0" * (-len(self.bits) % 8)
        return self

    def octets(self, data):
        self.align()
        self.bits += "".join(f"{b:08b}" for b in data)
        return self

    def open(self, data):
        n = len(data)
        return self.octets((bytes([n]) if n < 128 else u16(0x8000 | n)) + data)

    def additions(self, of):
        """of: by index; None is absent."""
        self.put("0" + f"{len(of) - 1:06b}" + "".join("0" if a is None else "1" for a in of))
        for a in of:
            if a is not None:
                self.open(a)
        return self

    def bytes(self):
        self.align()
        return bytes(int(self.bits[i:i + 8], 2) for i in range(0, len(self.bits), 8))


OID = bytes.fromhex("0008914a0004")
AUDIO = "0" + "011" + "0" + "0011"  # audioData, g711Ulaw64k


def parts(text):
    ip, port = text.rsplit(":", 1)
    return ip4(ip) + u16(int(port))


def media_channel(at):
    """H2250LogicalChannelParameters with a media channel or none, session 1."""
    p = Per().put("0" + "00" + ("1" if at else "0") + "0000000").octets(b"\1")
    return (p.put("00" + "0000" + "0").octets(parts(at)) if at else p).bytes()


def channel(at, reverse):
    """OpenLogicalChannel 1, PCMU: reverse names where its sender receives, forward offers (or, accepting, receives)."""
    p = Per().put("0" + ("1" if reverse else "0")).octets(b"\0\0").put("00")
    if not reverse:
        return p.put(AUDIO).octets(bytes([19])).put("1" + "0000000").open(media_channel(at)).bytes()
    p.put("0" + "001").put("1" + "0000001").open(b"\0")  # no data, no parameters
    return p.put("0" + "1" + AUDIO).octets(bytes([19])).put("1" + "0000000").open(media_channel(at)).bytes()


def channel_ack(at):
    """MultimediaSystemControlMessage: OpenLogicalChannelAck, with where its sender receives."""
    ack = Per().put("0" + "0" + "00100").put("00" + "0000" + "0").octets(parts(at)).bytes()
    return Per().put("0" + "01" + "0" + "00101" + "1" + "0").octets(b"\0\0").additions([None, ack]).bytes()


def h225_body(what, k):
    """H323-UU-PDU with h245Tunnelling and what was tunnelled."""
    fast = [bytes.fromhex(x) for x in k.get("_fast", [])]
    listed = Per().octets(bytes([len(fast)]))
    for f in fast:
        listed.open(f)
    fast_start = listed.bytes() if fast else None
    guid = Per().put("0").octets(bytes.fromhex(k.get("id", "00") * 16)).bytes()
    p = Per().put("00" + "1" + "0")
    if what == "Setup":
        p.put("0" + "000" + "1" + "0000000").open(OID)
        vendor(p)
        p.put("0").octets(bytes(16)).put("000" + "000").additions([None, None, guid, None, None, None, fast_start])
    elif what in ("CallProceeding", "Alerting", "Connect"):
        h245 = k.get("h245")
        p.put("0" + {"CallProceeding": "001", "Connect": "010", "Alerting": "011"}[what] + "1" + ("1" if h245 else "0")).open(OID)
        if what == "Connect" and h245:
            p.put("0000").octets(parts(h245))
        vendor(p)
        if what != "Connect" and h245:
            p.put("0000").octets(parts(h245))
        if what == "Connect":
            p.octets(bytes(16))
        p.additions([guid, None, None, None, fast_start])
    elif what == "Facility":
        p.put("0" + "110" + "1" + "000").open(OID).put("0" + "11").additions([guid])
    else:
        p.put("0" + "101" + "1" + "0").open(OID).additions([guid])
    tunnelled = k.get("_tunnel")
    control = Per().octets(b"\1").open(bytes.fromhex(tunnelled)).bytes() if tunnelled else None
    return p.additions([None, Per().put("1").bytes(), control]).bytes()


def vendor(p):
    """EndpointType: a terminal of a vendor that names its product."""
    p.put("0" + "0" + "1" + "000" + "1")
    p.put("0" + "1" + "0" + "0").octets(bytes([181, 0, 0, 18])).octets(bytes([3]) + b"test")
    p.put("00" + "00")


def h225(what, k, by_caller):
    kinds = {"Alerting": 1, "CallProceeding": 2, "Setup": 5, "Connect": 7, "ReleaseComplete": 0x5A, "Facility": 0x62, "Notify": 0x6E}
    if "fast" in k:  # Setup: receives there; an answer: the same, as the forward channel
        at = k["fast"]
        k["_fast"] = [channel("", False).hex(), channel(at, True).hex()] if what == "Setup" else [channel(at, False).hex()]
    if "ack" in k:
        k["_tunnel"] = channel_ack(k["ack"]).hex()
    m = bytes([8, 2]) + u16(int(k["crv"]) | (0 if by_caller else 0x8000)) + bytes([kinds[what]])
    if "cause" in k:
        m += bytes([8, 2, 0x80, 0x80 | int(k["cause"])])
    if "notify" in k:
        m += bytes([0x27, 1, {"hold": 0xF9, "retrieve": 0xFA}[k["notify"]]])
    if "name" in k:
        m += bytes([0x28, len(k["name"])]) + k["name"].encode()
    if "from" in k:
        m += bytes([0x6C, 2 + len(k["from"]), 0, 0xA1]) + k["from"].encode()
    if "called" in k:
        m += bytes([0x70, 1 + len(k["called"]), 0x80]) + k["called"].encode()
    if what != "Notify":
        body = b"\5" + h225_body(what, k)
        m += b"\x7e" + u16(len(body)) + body
    return b"\3\0" + u16(4 + len(m)) + m


# -- scripts --------------------------------------------------------------------------------------------------------
def line(cap, words):
    if words[0] == "host":
        cap.hosts[words[1]] = words[2]
        return
    at, (src, dst), what = float(words[0]), words[1].split(">"), words[2]
    src, dst = cap.host(src), cap.host(dst)
    k = dict(w.split("=", 1) for w in words[3:])
    if what == "rtp":
        cap.rtp(at, src, dst, float(k["for"]), float(k["hz"]))
    elif cap.kind == "sccp":
        cap.tcp(at, src, dst, sccp(what, k), int(k.get("cut", 0)))
    elif what == "voice":
        iax2_voice(cap, at, src, dst, k)
    elif what == "h245-ack":
        m = channel_ack(k["at"])
        cap.tcp(at, src, dst, b"\3\0" + u16(4 + len(m)) + m, int(k.get("cut", 0)))
    elif cap.kind == "h323":
        cap.tcp(at, src, dst, h225(what, k, dst[1] == 1720), int(k.get("cut", 0)))
    elif cap.kind == "iax2":
        cap.udp(at, src, dst, iax2(what, k))
    elif cap.kind == "mgcp":
        cap.udp(at, src, dst, mgcp(what, k))
    else:
        raise ValueError(f"{cap.kind}: {what}")


def build(script, out):
    """The kind of signalling is the first word of the script's name: sccp_out.txt is SCCP."""
    cap = Capture(os.path.basename(script))
    cap.kind = os.path.basename(script).split(".")[0].split("_")[0]
    with open(script, encoding="utf-8") as f:
        for text in f:
            words = text.split("#")[0].split()
            if words:
                line(cap, words)
    cap.write(out)


def seed(script, out):
    """The script's messages as an input of tests/fuzz/fuzz_signalling.c."""
    kinds = {2000: 0, 2427: 1, 4569: 2, 1720: 3, 11000: 4}
    path = out + ".pcap"
    build(script, path)
    with open(path, "rb") as f:
        data = f.read()
    os.unlink(path)
    at, last, made, voice = 24, None, b"", 0
    while at < len(data):
        s, us, n, _ = struct.unpack("<IIII", data[at:at + 16])
        ip = data[at + 16 + 14:at + 16 + n]
        at += 16 + n
        l4 = ip[20:]
        sport, dport = struct.unpack(">HH", l4[:4])
        body = l4[20:] if ip[9] == 6 else l4[8:]
        if not body or not {sport, dport} & set(kinds):
            continue
        if 4569 in (sport, dport) and body[0] < 0x80:  # of voice a few frames
            voice += 1
            if voice > 12:
                continue
        now = s * 10 + us // 100000
        step = 0 if last is None else min(now - last, 255)
        last = now
        back = sport in kinds and (dport not in kinds or ip[12:16] > ip[16:20])
        made += bytes([kinds[sport if sport in kinds else dport] | (0x80 if back else 0), step]) + u16(len(body)) + body
    with open(out, "wb") as f:
        f.write(made)

"""Captures made of scripts: frames, addresses, fragments, TCP segments, RTP. Standard library only; nothing random, so that a
script gives the same bytes each time. A capture is a list of (microseconds, frame), written
in the order of time."""
import socket
import struct

START_US = 1735689600_000000  # 2025-01-01T00:00:00Z
ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
MAC = bytes.fromhex("020000000002" "020000000001")


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(src, dst, protocol, payload, ident=0, flags_offset=0, ttl=64):
    """IPv4; flags_offset as on the wire: 0x2000 more fragments, offset in units of 8 bytes."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, flags_offset, ttl, protocol, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def udp(sport, dport, data):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


def tcp(sport, dport, seq, flags, data):
    return struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, 1, 0x50, flags, 65535, 0, 0) + data


def ether(packet, tags=b"", mac=MAC):
    return mac + tags + b"\x08\x00" + packet


def rtp(pt, seq, timestamp, ssrc, payload, marker=False):
    return struct.pack(">BBHII", 0x80, pt | (0x80 if marker else 0), seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


class Capture:
    """seconds are from START_US; each packet gets the next IP identification of its own."""

    def __init__(self):
        self.frames, self.ident, self.wrap = [], 0, ether

    def add(self, seconds, packet):
        self.frames.append((START_US + round(seconds * 1e6), self.wrap(packet)))

    def next_ident(self):
        self.ident = self.ident % 65535 + 1
        return self.ident

    def udp(self, seconds, src, dst, data, ttl=64):
        self.add(seconds, ip(src[0], dst[0], 17, udp(src[1], dst[1], data), self.next_ident(), ttl=ttl))

    def fragments(self, src, dst, data, size, ident):
        """The pieces of one datagram, to be added as the case wants."""
        whole, pieces = udp(src[1], dst[1], data), []
        for at in range(0, len(whole), size):
            more = 0x2000 if at + size < len(whole) else 0
            pieces.append(ip(src[0], dst[0], 17, whole[at:at + size], ident, more | at // 8))
        return pieces

    def tcp(self, seconds, src, dst, seq, data, flags=0x18):
        self.add(seconds, ip(src[0], dst[0], 6, tcp(src[1], dst[1], seq, flags, data), self.next_ident()))

    def rtp(self, seconds, src, dst, ssrc, count=50, pt=0, seq=1000, timestamp=160000, payload=b"\xff" * 160, every=0.02, step=160):
        """A talker: count packets, one each `every` seconds; payload: bytes, or a function of the time of sending."""
        for i in range(count):
            at = seconds + i * every
            self.udp(at, src, dst, rtp(pt, seq + i, timestamp + i * step, ssrc, payload(at) if callable(payload) else payload, marker=i == 0))

    def pcap(self):
        out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)]
        for at, frame in sorted(self.frames, key=lambda f: f[0]):  # equal times stay as added
            out.append(struct.pack("<IIII", at // 1000000, at % 1000000, len(frame), len(frame)) + frame)
        return b"".join(out)

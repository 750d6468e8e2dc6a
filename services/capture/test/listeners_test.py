#!/usr/bin/env python3
"""callmesh-capture's listeners as senders see them: HEP over UDP and TCP, mirrors in VXLAN, GENEVE and TZSP, several at once.

Each case starts the real program with --no-bus --json, sends, stops it with SIGTERM and reads what it says.
usage: listeners_test.py CALLMESH-CAPTURE
"""
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "support"))
from ports import free_port  # noqa: E402

A, B = b"\xc0\0\2\1", b"\xc0\0\2\2"
MAC = bytes(range(1, 13))
MESSAGE = (b"OPTIONS sip:a@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
           b"To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
INVITE = MESSAGE.replace(b"OPTIONS", b"INVITE").replace(b"Length: 0\r\n\r\n", b"Length: %d\r\nContent-Type: application/sdp\r\n\r\n" % len(SDP)) + SDP


def chunk(kind, value):
    return struct.pack(">HHH", 0, kind, 6 + len(value)) + value


def hep(payload, capture_id=2001, kind=1, sport=5060, dport=5060, at=None, protocol=17, key=None):
    at = time.time() if at is None else at
    body = (chunk(1, b"\2") + chunk(2, bytes([protocol])) + chunk(3, A) + chunk(4, B) + chunk(7, struct.pack(">H", sport))
            + chunk(8, struct.pack(">H", dport)) + chunk(9, struct.pack(">I", int(at))) + chunk(10, struct.pack(">I", int(at % 1 * 1e6)))
            + chunk(11, bytes([kind])) + chunk(12, struct.pack(">I", capture_id)) + (chunk(14, key) if key else b"") + chunk(15, payload))
    return b"HEP3" + struct.pack(">H", 6 + len(body)) + body


def hep2(payload):
    at = time.time()
    return (struct.pack(">BBBBHH", 2, 28, 2, 17, 5060, 5060) + A + B
            + struct.pack("<IIHH", int(at), int(at % 1 * 1e6), 9, 0) + payload)


def rtp(seq, ssrc=7):
    return struct.pack(">BBHII", 0x80, 0, seq, seq * 160, ssrc) + bytes(160)


def rtcp(ssrc=7, packets=50):
    return struct.pack(">BBHIIIIII", 0x80, 200, 6, ssrc, 1, 2, 3, packets, packets * 160)


def packet(sport, dport, payload, number=iter(range(1, 65536))):
    """Each has its own IP identification, as a sender gives it: else it would be a mirror's copy of the one before."""
    udp = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload
    return struct.pack(">HHHBBBBH", 0x4500, 20 + len(udp), next(number), 0, 0, 64, 17, 0) + A + B + udp


def wait_for(what, fn, timeout=15.0):
    end = time.time() + timeout
    while time.time() < end:
        if fn():
            return
        time.sleep(0.02)
    raise AssertionError(f"waited {timeout:.0f} s for {what}")


class Capture:
    running = []

    def __init__(self, *kinds, more=()):
        self.port = {k: free_port() for k in kinds}
        self.health = free_port()
        args = [x for k in kinds for x in (f"--{k}", f"127.0.0.1:{self.port[k]}")]
        self.child = subprocess.Popen([sys.argv[1], *args, "--no-bus", "--json", "--log.level", "error", *more,
                                       f"--health.listen=127.0.0.1:{self.health}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        Capture.running.append(self.child)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wait_for("the health port", self.is_ready)

    def is_ready(self):
        assert self.child.poll() is None, self.child.stderr.read()
        try:
            return self.get("/readyz") is not None
        except OSError:
            return False

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health}{path}", timeout=5) as r:
            return r.read().decode()

    def metric(self, name, label=""):
        for line in self.get("/metrics").splitlines():
            if line.startswith(f"callmesh_{name}{label} "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def send(self, kind, data):
        self.udp.sendto(data, ("127.0.0.1", self.port[kind]))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port["hep"]), timeout=5)

    def seen(self, packets):
        wait_for(f"{packets} packets", lambda: self.metric("capture_packets_total") >= packets)

    def end(self):
        self.child.send_signal(signal.SIGTERM)
        out, err = self.child.communicate(timeout=15)
        self.udp.close()
        assert self.child.returncode == 0, err
        return json.loads(out)


def equal(have, want, what):
    assert have == want, f"{what}: {have}, not {want}"


def test_hep_over_udp():
    c = Capture("hep")
    for _ in range(3):
        c.send("hep", hep(MESSAGE))
    c.send("hep", hep(MESSAGE, 7) + hep(MESSAGE, 8))  # two in one datagram
    c.send("hep", hep2(MESSAGE))
    c.send("hep", b"HEP4 or so")
    c.send("hep", hep(MESSAGE)[:-1])
    c.send("hep", hep(b'{"log":1}', kind=100))
    c.seen(9)
    wait_for("the agents", lambda: c.metric("capture_hep_messages_total", '{input="hep:2001"}') >= 3)
    out = c.end()
    equal(out["sip_messages"], 6, "messages")
    equal(out["malformed"], {"hep_version": 1, "hep_short": 1}, "malformed")
    equal(out["ignored"], {"hep_type": 1}, "ignored")
    equal({a["capture_id"]: a["messages"] for a in out["hep_agents"]}, {2001: 4, 7: 1, 8: 1, 9: 1}, "agents")
    equal(out["inputs"][0]["packets"], 9, "packets of the input")


def test_hep_over_tcp_in_any_pieces():
    c = Capture("hep")
    stream = b"".join(hep(MESSAGE, 5) for _ in range(20))
    for piece in (1, 7, 333, len(stream)):
        with c.connect() as t:
            t.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(0, len(stream), piece):
                t.sendall(stream[i:i + piece])
    big = hep(MESSAGE + b"x" * 65000)  # nearly the longest; its body is longer than it says, and still all of it was read
    with c.connect() as t:
        t.sendall(big)
    c.seen(81)
    wait_for("all to be closed", lambda: c.metric("capture_hep_connections") == 0)
    out = c.end()
    equal(out["sip_messages"], 81, "messages")
    equal({a["capture_id"]: a["messages"] for a in out["hep_agents"]}, {5: 80, 2001: 1}, "agents")


def test_tcp_that_is_no_hep_or_ends_early():
    c = Capture("hep")
    with c.connect() as t:
        t.sendall(hep(MESSAGE) + b"GET / HTTP/1.0\r\n\r\n")
        equal(t.recv(1), b"", "end of what cannot be followed")
    with c.connect() as t:
        t.sendall(hep(MESSAGE)[:-5])
    c.seen(3)
    out = c.end()
    equal(out["sip_messages"], 1, "messages")
    equal(out["malformed"], {"hep_version": 1, "hep_short": 1}, "malformed")


def test_places_for_connections_are_fixed():
    c = Capture("hep", more=("--capture.hep-connections", "2"))
    kept = [c.connect(), c.connect()]
    for k in kept:
        k.sendall(hep(MESSAGE))
    c.seen(2)
    with c.connect() as third:
        equal(third.recv(1), b"", "refusal")
    wait_for("the counter", lambda: c.metric("capture_hep_refused_total") == 1)
    equal(c.metric("capture_hep_connections"), 2.0, "gauge")
    kept[0].close()
    wait_for("a free place", lambda: c.metric("capture_hep_connections") == 1)
    with c.connect() as again:
        again.sendall(hep(MESSAGE))
        c.seen(3)
    kept[1].close()
    equal(c.end()["sip_messages"], 3, "messages")


def test_a_silent_connection_makes_room():
    c = Capture("hep", more=("--capture.hep-connections", "2", "--capture.hep-silence", "1s"))
    silent, busy = c.connect(), c.connect()
    wait_for("both", lambda: c.metric("capture_hep_connections") == 2)
    sent, end = 0, time.time() + 1.3
    while time.time() < end:
        busy.sendall(hep(MESSAGE, 1))
        sent += 1
        time.sleep(0.05)
    with c.connect() as new:
        equal(silent.recv(1), b"", "end of the silent one")
        new.sendall(hep(MESSAGE, 2))
        busy.sendall(hep(MESSAGE, 1))
        c.seen(sent + 2)
    wait_for("the counter", lambda: c.metric("capture_hep_evicted_total") == 1)
    equal(c.metric("capture_hep_refused_total"), 0.0, "refused")
    silent.close()
    busy.close()
    equal({a["capture_id"]: a["messages"] for a in c.end()["hep_agents"]}, {1: sent + 1, 2: 1}, "agents")


def test_rtp_and_rtcp_by_hep():
    c = Capture("hep")
    start = time.time() - 1
    c.send("hep", hep(INVITE, at=start))
    for i in range(20):
        c.send("hep", hep(rtp(i), kind=4, sport=4000, dport=4002, at=start + 0.02 * i))
    c.send("hep", hep(rtcp(), kind=5, sport=4001, dport=4003))
    # The far end's report in JSON, as heplify writes it, goes the other way.
    c.send("hep", hep(b'{"sender_information":{"packets":0},"ssrc":9,"type":201,"report_count":1,"report_blocks":[{"source_ssrc":7,'
                      b'"fraction_lost":12,"packets_lost":5,"highest_seq_no":19,"ia_jitter":33,"lsr":0,"dlsr":0}]}', kind=5, sport=4002, dport=4000)
           .replace(A + b"\0\0\0\4\0\x0a" + B, B + b"\0\0\0\4\0\x0a" + A))
    c.send("hep", hep(b'{"type":', kind=5))
    c.seen(24)
    out = c.end()
    equal((out["rtp_packets"], out["rtcp_packets"], len(out["streams"])), (20, 2, 1), "RTP, RTCP, streams")
    equal(out["malformed"], {"rtcp_json": 1}, "malformed")
    s = out["streams"][0]
    equal((s["src"], s["dst"], s["codec"]), ({"ip": "192.0.2.1", "port": 4000}, {"ip": "192.0.2.2", "port": 4002}, "PCMU"), "stream")
    equal(s["rtcp"]["sender_packets"], 50, "the sender's own count")
    equal((s["rtcp"]["fraction_lost"], s["rtcp"]["cumulative_lost"], s["rtcp"]["jitter"]), (12, 5, 33), "the far end's words")
    assert s["jitter_ms"]["max"] < 0.1, s["jitter_ms"]  # HEP's own times, not those of arrival


def test_key_and_clock():
    c = Capture("hep", more=("--capture.hep-key", "secret"))
    c.send("hep", hep(MESSAGE, key=b"secret"))
    for wrong in (None, b"secre", b"secret!", b"Secret"):
        c.send("hep", hep(MESSAGE, key=wrong))
    c.send("hep", hep(MESSAGE, key=b"secret", at=time.time() + 3600))
    c.send("hep", hep(MESSAGE, key=b"secret", at=1000))
    c.seen(7)
    out = c.end()
    equal(out["sip_messages"], 3, "messages")
    equal(out["malformed"], {"hep_auth": 4, "hep_time": 2}, "malformed")


def test_mirrors_and_hep_together():
    c = Capture("hep", "vxlan", "geneve", "tzsp")
    c.send("hep", hep(MESSAGE))

    def frame():
        return MAC + b"\x08\0" + packet(5060, 5060, MESSAGE)

    twice = frame()
    for each in (twice, frame()):
        c.send("vxlan", b"\x08\0\0\0vvv\0" + each)
    for each in (frame(), frame(), twice):  # the last was seen by the other mirror
        c.send("geneve", b"\1\0\x65\x58vvv\0" + b"\1\x08\1\0" + each)
    for _ in range(4):
        c.send("tzsp", b"\1\0\0\1" + b"\x0a\1\x2a\1" + frame())
    c.send("vxlan", MESSAGE)
    c.send("tzsp", b"\1\0\0\1\x0a")
    c.seen(12)
    port = c.port
    wait_for("the input's own counter",
             lambda: c.metric("capture_input_packets_total", f'{{input="vxlan:127.0.0.1:{port["vxlan"]}"}}') == 3)
    out = c.end()
    equal((out["sip_messages"], out["duplicates"]), (9, 1), "messages, copies")
    equal([i["duplicates"] for i in out["inputs"]], [0, 0, 1, 0], "copies of each")
    equal([i["packets"] for i in out["inputs"]], [1, 3, 3, 5], "packets of each")
    equal(out["malformed"], {"tunnel_header": 1, "tunnel_short": 1}, "malformed")


def descendants(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        children = [int(c) for c in f.read().split()]
    return [pid] + [d for c in children for d in descendants(c)]


def test_what_the_socket_cannot_hold_is_counted():
    c = Capture("hep")
    c.send("hep", hep(MESSAGE))
    c.seen(1)
    stopped = descendants(c.child.pid)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    large = hep(MESSAGE + bytes(60000))
    for _ in range(400):  # 24 MB: more than was asked of the kernel
        c.send("hep", large)
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    c.seen(2)
    c.send("hep", hep(MESSAGE))  # the kernel tells with the next one that it takes
    wait_for("the drops", lambda: c.metric("capture_packets_total") + c.metric("capture_dropped_total", '{place="kernel"}') == 402)
    out = c.end()
    assert 2 < out["packets"] < 402, out["packets"]
    equal(out["dropped"]["kernel"], 402 - out["packets"], "lost in the kernel")


def test_addresses_that_cannot_be():
    for args, code in ((["--hep", "nowhere"], 64), (["--vxlan", "192.0.2.1:4789"], 69), (["--hep", ":9060", "--read", "x"], 64)):
        done = subprocess.run([sys.argv[1], *args, "--no-bus", "--health.listen="], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=15, check=False)
        equal(done.returncode, code, " ".join(args))


def main():
    failed = 0
    for name, fn in [(n, f) for n, f in globals().items() if n.startswith("test_")]:
        try:
            fn()
            print(f"ok   {name[5:]}", flush=True)
        except (AssertionError, OSError, KeyError, ValueError, subprocess.TimeoutExpired) as e:
            failed += 1
            print(f"FAIL {name[5:]}: {type(e).__name__}: {e}", flush=True)
        for child in Capture.running:
            if child.poll() is None:
                child.kill()
                child.communicate()
        Capture.running.clear()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

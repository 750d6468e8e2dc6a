#!/usr/bin/env python3
"""A mirror that shows every packet twice says the same as one that shows it once.

callmesh-traffic makes a capture of calls; it is written again with a copy of each packet some time later, with a VLAN tag, TTL and
checksum changed as mirrors and routers do. The real program must find the same messages and streams in both.
usage: duplicates_test.py CALLMESH-CAPTURE CALLMESH-TRAFFIC
"""
import json
import os
import struct
import subprocess
import sys
import tempfile


def records(path):
    with open(path, "rb") as f:
        head = f.read(24)
        out = []
        while True:
            h = f.read(16)
            if len(h) < 16:
                return head, out
            s, us, n, wire = struct.unpack("<IIII", h)
            out.append((s * 1000000 + us, f.read(n), wire))


def write(path, head, packets):
    packets = sorted(packets, key=lambda p: p[0])
    with open(path, "wb") as f:
        f.write(head)
        for at, frame, wire in packets:
            f.write(struct.pack("<IIII", at // 1000000, at % 1000000, len(frame), wire) + frame)


def routed(frame):
    """As the next hop sends it: TTL one less, the header checksum whatever."""
    assert frame[12:14] == b"\x08\x00"
    return frame[:22] + bytes([frame[22] - 1]) + frame[23:24] + b"\xaa\xbb" + frame[26:]


def tagged(frame):
    return frame[:12] + b"\x81\x00\x00\x07" + frame[12:]


def numbered(frame, n):
    return frame[:18] + struct.pack(">H", n % 65535 + 1) + frame[20:]


def capture(program, path, *more):
    out = subprocess.run([program, "--read", path, "--no-bus", "--json", "--health.listen=", "--log.level=error", *more],
                         stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)


def said(r):
    r = dict(r)
    for k in ("file", "packets", "bytes", "duplicates", "elapsed_s", "cpu_s", "peak_rss_kb", "inputs"):
        r.pop(k)
    for s in r["streams"]:
        for k in ("id", "harvester"):
            s.pop(k)
    r["streams"].sort(key=lambda s: (s["src"]["ip"], s["src"]["port"], s["dst"]["ip"], s["dst"]["port"], s["ssrc"]))
    return r


def main():
    program, traffic = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as d:
        once, twice = d + "/once.pcap", d + "/twice.pcap"
        subprocess.run([traffic, "--out", once, "--calls", "30", "--concurrent", "10", "--talk", "4", "--ring", "0.1"], check=True,
                       stderr=subprocess.DEVNULL)
        head, packets = records(once)
        packets = [(at, numbered(f, n) if f[12:14] == b"\x08\x00" else f, w) for n, (at, f, w) in enumerate(packets)]
        write(once, head, packets)
        want = said(capture(program, once))
        assert want["streams"] and want["sip_messages"] if "sip_messages" in want else want["streams"]
        for name, change, later in (("the other port", lambda f: f, 150), ("a VLAN tag", tagged, 900), ("behind a router", routed, 30000)):
            copies = [(at + later, change(f), w + len(change(f)) - len(f)) for at, f, w in packets]
            write(twice, head, packets + copies)
            result = capture(program, twice)
            payloads = result["duplicates"]
            got = said(result)
            assert got == want, (name, {k: (got[k], want[k]) for k in want if got[k] != want[k] and k != "streams"})
            assert payloads == len(packets), (name, payloads, len(packets))
            assert result["inputs"][0]["duplicates"] == payloads
            print("ok     %s: %d packets, %d copies" % (name, result["packets"], payloads))
        # The same twice from the sender: nothing is dropped.
        again = [(at + 500, numbered(f, n + 30000), w) for n, (at, f, w) in enumerate(packets)]
        write(twice, head, packets + again)
        result = capture(program, twice)
        assert result["duplicates"] == 0, result["duplicates"]
        assert result["sip_messages"] == 2 * capture(program, once)["sip_messages"]
        print("ok     sent again by the sender: %d SIP messages kept" % result["sip_messages"])
        # Looked for or not: without, each message comes twice.
        write(twice, head, packets + [(at + 150, f, w) for at, f, w in packets])
        assert capture(program, twice, "--capture.duplicate-window", "0s")["duplicates"] == 0


main()

"""The oracle's own ears: counts the SIP messages on an interface by a raw socket, without any code of the product.

usage: sniff.py INTERFACE OUT     until SIGTERM; writes JSON {"call id": messages} to OUT, prints 'ready' when it listens.
"""
import collections
import json
import signal
import socket
import struct
import sys
import time

ETH_P_ALL, PACKET_OUTGOING = 3, 4
SO_RCVBUFFORCE = 33


def call_id(payload):
    for line in payload.split(b"\r\n\r\n", 1)[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"call-id", b"i"):
            return value.strip().decode("latin-1")
    return None


def sip_of(frame):
    """Ethernet, IPv4, UDP; what begins like SIP. None for anything else."""
    if len(frame) < 42 or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    head = (frame[14] & 15) * 4
    payload = frame[14 + head + 8:]
    first = payload.split(b"\r\n", 1)[0]
    return payload if first.startswith(b"SIP/2.0 ") or first.endswith(b" SIP/2.0") else None


def main():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    s.bind((sys.argv[1], 0))
    s.settimeout(0.2)
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(time.monotonic()))
    print("ready", flush=True)
    counts = collections.Counter()
    while not stop or time.monotonic() < stop[0] + 0.5:  # what was in the socket's buffer then is read in that time
        try:
            frame, where = s.recvfrom(65535)
        except socket.timeout:
            continue
        if where[2] == PACKET_OUTGOING:  # loopback shows each packet twice
            continue
        payload = sip_of(frame)
        if payload:
            counts[call_id(payload)] += 1
    missed = struct.unpack("II", s.getsockopt(263, 6, 8))[1]  # SOL_PACKET, PACKET_STATISTICS
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        json.dump({"missed": missed, "calls": counts}, f)


if __name__ == "__main__":
    main()

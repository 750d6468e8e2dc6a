import importlib.util
import json
import os
import socket
import struct
import subprocess
import sys
import time

from harness import BIN, check, wait_for

_spec = importlib.util.spec_from_file_location("worker_kills", os.path.join(os.path.dirname(__file__), "..", "worker_kills", "test.py"))
kills = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(kills)
CALLS = 60
GATEWAYS = 20  # calls whose address MGCP names
SHED = 'capture_shed_total{class="sip_unknown"}'
RING = os.environ.get("FLOOD_RING", "512M")
STEADY_KB = 512  # what the parked copy has not let go at the moment of looking, up or down; 500,000 INVITEs are 200 MB
SECONDS = float(os.environ.get("FLOOD_SECONDS", "5"))

# Runs inside the sending namespace: an INVITE or a CRCX for each call, then one RTP packet, then one RTCP report about it.
SENDER = """
import socket, struct, time
def sock(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("10.77.0.1", port))
    return s
sip = sock(5060)
for i in range(%d):
    sdp = "v=0\\r\\no=- 1 1 IN IP4 10.77.0.9\\r\\ns=-\\r\\nc=IN IP4 10.77.0.9\\r\\nt=0 0\\r\\nm=audio %%d RTP/AVP 0\\r\\n" %% (20000 + 4 * i)
    text = ("INVITE sip:a@10.77.0.9 SIP/2.0\\r\\nVia: SIP/2.0/UDP 10.77.0.1;branch=z9hG4bK%%d\\r\\nFrom: <sip:b@x>;tag=1\\r\\nTo: <sip:a@y>\\r\\n"
            "Call-ID: cross-%%d\\r\\nCSeq: 1 INVITE\\r\\nContent-Type: application/sdp\\r\\nContent-Length: %%d\\r\\n\\r\\n%%s") %% (i, i, len(sdp), sdp)
    sip.sendto(text.encode(), ("10.77.0.9", 5060))
agent = sock(2727)
for i in range(%d, %d):
    text = "CRCX %%d aaln/1@g MGCP 1.0\\nC: c%%d\\nM: sendrecv\\n\\nv=0\\nc=IN IP4 10.77.0.9\\nm=audio %%d RTP/AVP 0\\n" %% (i, i, 20000 + 4 * i)
    agent.sendto(text.encode(), ("10.77.0.9", 2427))
time.sleep(0.5)
for i in range(%d):
    s = sock(30000 + 4 * i)
    s.sendto(struct.pack(">BBHII", 0x80, 0, 1, 160, 9000 + i) + bytes(160), ("10.77.0.9", 20000 + 4 * i))
    s.close()
time.sleep(0.5)
for i in range(%d):
    s = sock(30001 + 4 * i)
    s.sendto(struct.pack(">BBHIIIIII", 0x80, 200, 6, 9000 + i, 1, 2, 3, 1, 160), ("10.77.0.9", 20001 + 4 * i))
    s.close()
""" % (CALLS, CALLS, CALLS + GATEWAYS, CALLS + GATEWAYS, CALLS)


def test_signalling_of_one_worker_names_the_address_for_all(t):
    kills.need_root()
    wire = kills.Wire()
    try:
        live = kills.Live(t, wire, "--capture.workers", "3")
        subprocess.run(kills.inside(wire.a, sys.executable, "-c", SENDER), check=True)
        m = wait_for("all streams", lambda: (lambda m: m if m.get("capture_rtcp_packets_total") == CALLS else None)(kills.metrics(wire.b)), 10)
        live.stop()
    finally:
        wire.close()
    check(m["capture_streams_total"] == CALLS + GATEWAYS, f"{m['capture_streams_total']} of {CALLS + GATEWAYS} streams are confirmed")
    check(m["capture_sip_messages_total"] == CALLS and m["capture_rtp_packets_total"] == CALLS + GATEWAYS, "packets")
    check(m['capture_dropped_total{place="crossing"}'] == 0, "a word was lost")
    check(CALLS // 10 < m["capture_rtcp_unjoined_total"] < CALLS, f"all came to one worker: nothing was tested ({m['capture_rtcp_unjoined_total']})")


def memory(pid):
    """KB of all processes together, what they share counted once."""
    total = 0
    for pids in kills.family(pid).values():
        for p in pids:
            try:
                with open(f"/proc/{p}/smaps_rollup", encoding="utf-8") as f:
                    total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
            except (FileNotFoundError, ProcessLookupError):
                pass
    return total


def calm_memory(pid):
    """The least of some looks: between two of them the parked copy is made anew and shares its pages again."""
    looks = []
    for _ in range(6):
        looks.append(memory(pid))
        time.sleep(0.3)
    return min(looks)


def flood(t, wire, seconds):
    p = t.spawn(*kills.inside(wire.a, os.path.join(BIN, "flood_send"), "v0", str(int(100000 * seconds)), "100000"), stdout=subprocess.PIPE, text=True)
    return json.loads(p.communicate(timeout=120)[0])


def test_a_flood_of_forged_invites_costs_standing_streams_nothing(t):
    kills.need_root()
    wire, rate = kills.Wire(), 5000
    try:
        # On a busy test machine the worker has a small part of a processor: the ring is to hold what it does not come to.
        # Small tables have been full once after a second of flood: from then on nothing is written for the first time.
        live = kills.Live(t, wire, "--capture.ring-bytes", RING, "--capture.media-addresses", "1024", "--capture.peers", "1024")
        first = live.send(0, rate * 3, rate)
        warm = flood(t, wire, 1)
        first.wait(30)
        kills.settled(wire, warm["sent"] + rate * 3)
        before = calm_memory(live.capture.pid)
        sender = live.send(rate * 3, int(rate * (SECONDS + 2)), rate)
        time.sleep(1)
        sent = flood(t, wire, SECONDS)
        sender.wait(60)
        m = kills.settled(wire, warm["sent"] + sent["sent"] + int(rate * (SECONDS + 5)))
        after = calm_memory(live.capture.pid)
        got = live.stop()
    finally:
        wire.close()
    # The oracle counts the forged ones it is given as foreign.
    per_second = sent["sent"] / sent["seconds"]
    print(f"     {sent['sent']} forged INVITEs at {per_second:.0f}/s, {m[SHED]:.0f} left out; streams: {got}; "
          f"memory {before} -> {after} KB")
    # The senders' own OPTIONS come of an address that nobody answered: they share the allowance with the forged.
    check(got["lost_media"] == 0 and got["doubled"] == 0 and got["numbers"] == rate * 3 + int(rate * (SECONDS + 2)), f"{got}")
    check(m['capture_dropped_total{place="kernel"}'] == 0 and m['capture_shed_total{class="rtp"}'] == 0, "packets were dropped")
    check(m["capture_sip_messages_total"] + m[SHED] >= sent["sent"], "some are not counted")
    check(m[SHED] > sent["sent"] * 0.5, "the flood was not bounded")
    check(all(m[f'capture_books_off{{book="{b}"}}'] == 0 for b in ("wire", "ways", "handed")), "books")
    check(after - before <= STEADY_KB, f"memory {before} -> {after} KB")

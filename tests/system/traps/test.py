import os
import signal
import socket
import subprocess
import sys
import time

from harness import BIN, ROOT, Skip, Wav, check, wait_for

sys.path.insert(0, os.path.join(ROOT, "tests", "traps"))
import check as traps  # noqa: E402
from calls import A, AM, B, BM, Dialog, sdp  # noqa: E402
from packets import Capture, ether, ip, udp  # noqa: E402


def retransmissions(t, calls):
    for call in calls:
        call["retransmissions"] = sum(m["retransmission"] for m in t.get(f"/calls/{call['id']}/messages")["data"])


def claps(t, calls):
    """How far the first loud sample of the callee stands behind the caller's."""
    for call in calls:
        wav = Wav(t.recording_bytes(call["recordings"][0]))
        loud = [next((i for i in range(int(480 * wav.rate), len(side)) if abs(side[i]) > 8000), 0) for side in (wav.left, wav.right)]
        call["apart_seconds"] = (loud[1] - loud[0]) / wav.rate


def link(name, peer):
    if os.geteuid() != 0:
        raise Skip("needs root to make a pair of interfaces")
    made = subprocess.run(["ip", "link", "add", name, "type", "veth", "peer", "name", peer], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Skip(f"no pair of interfaces here: {made.stderr.strip()}")
    for i in (name, peer):
        # Without addresses: where IPv6 addresses are the only others, nng's resolver takes 127.0.0.1 for none.
        subprocess.run(["ip", "link", "set", i, "up", "addrgenmode", "none"], check=True)
    if not os.path.exists(f"/sys/class/net/{peer}"):
        raise Skip("/sys is of another network")


def test_kernel_drops_inside_a_call(t):
    """Trap 41: the reader is stopped for a second while other traffic fills its ring."""
    name, peer = f"cmt{os.getpid() % 100000}", f"cmp{os.getpid() % 100000}"
    link(name, peer)
    t.env["CALLMESH_CAPTURE_RING_BYTES"] = "1M"
    try:
        t.up("--interface", peer)
        pid = t.service_pid("capture")
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        wire.bind((name, 0))
        c, d = Capture(), Dialog("dropped@a")
        c.udp(0.0, A, B, d.request("INVITE", body=sdp(AM)))
        c.udp(0.1, B, A, d.response(200, "OK", body=sdp(BM)))
        c.udp(0.12, A, B, d.request("ACK", branch="ack"))
        for side, (src, dst) in enumerate(((AM, BM), (BM, AM))):
            c.rtp(0.2, src, dst, 0x1000 + side, 200, seq=1000)
        c.udp(4.3, A, B, d.request("BYE", cseq=2))
        c.udp(4.32, B, A, d.response(200, "OK", method="BYE", cseq=2))
        flood = ether(ip("10.9.9.9", "10.9.9.8", 17, udp(9999, 9, b"\0" * 1300)))
        begin, stopped = time.time(), 0
        first = min(at for at, _ in c.frames)
        for at, frame in sorted(c.frames, key=lambda f: f[0]):
            due = (at - first) / 1e6
            if stopped == 0 and due >= 1.5:
                os.kill(pid, signal.SIGSTOP)
                for _ in range(4000):
                    wire.send(flood)
                stopped = 1
            if stopped == 1 and due >= 2.5:
                os.kill(pid, signal.SIGCONT)
                stopped = 2
            time.sleep(max(0.0, begin + due - time.time()))
            wire.send(frame)
        wire.close()
        call = wait_for("the end of the call", lambda: next((x for x in calls_of(t, "main") if x["state"] == "ended" and x["quality"] and
                                                             x["quality"]["capture_lost"]), None))
        lost = {s["side"]: (s["lost"], s["capture_lost"], s["capture_lost_bound"]) for s in call["streams"]}
        print(f"    lost, of that by us, only a bound: {lost}", flush=True)
        check(set(lost) == {"caller", "callee"} and all(x[0] > 0 and x[1] > 0 for x in lost.values()), f"{lost}")
        check(call["quality"]["capture_lost"] > 0, f"{call['quality']}")
    finally:
        subprocess.run(["ip", "link", "del", name], check=False)


def test_calls_of_each_trap(t):
    want = traps.expectations()
    cases = [n for n, w in want.items() if "calls" in w and "together" not in w]
    paths = traps.build(t.dir, cases)
    if not t.is_up:
        t.up()
    answers = t.replay(*[paths[n] for n in cases])
    check(len(answers) == len(cases), f"{len(answers)} answers for {len(cases)} files")
    wrong = []
    for case, got in zip(cases, answers):
        if any("retransmissions" in c for c in want[case]["calls"]):
            retransmissions(t, got["calls"])
        if any("apart_seconds" in c for c in want[case]["calls"]):
            claps(t, got["calls"])
        problems = traps.replay_problems(got, want[case])
        line = traps.verdict(case, want[case], problems)
        if line:
            wrong.append(line)
        elif problems:
            print(f"    open: {case}: " + "; ".join(problems), flush=True)
    check(not wrong, f"{len(wrong)} traps:\n  " + "\n  ".join(wrong))


def capture(t, site, node, *args):
    """A harvester of its own on this mesh."""
    urls = [f"--bus.{n}=tcp://127.0.0.1:{t.base + p}" for n, p in (("sig-url", 1), ("sig-ask-url", 2), ("rtp-url", 5), ("rtp-ask-url", 6))]
    return t.spawn(os.path.join(BIN, "callmesh-capture"), *urls, f"--site={site}", f"--node={node}", "--log.level=warn", "--health.listen=",
                   *args, stdout=subprocess.DEVNULL)


def calls_of(t, site):
    return [t.get(f"/calls/{c['id']}?expand=legs,streams,recordings") for c in t.get(f"/calls?site={site}")["data"]]


def test_sip_and_rtp_at_two_harvesters(t):
    """Trap 40: what a fan-out or two taps do to a call."""
    want = traps.expectations()["40_split_sip"]
    paths = traps.build(t.dir, ["40_split_sip", "40_split_rtp"])
    readers = [capture(t, "split", f"tap{i}", f"--read={p}") for i, p in enumerate(paths.values())]
    for r in readers:
        check(r.wait(60) == 0, f"a reader ended with {r.returncode}")
    wait_for("the recording", lambda: all(c["recording_state"] not in ("pending", "active") for c in calls_of(t, "split") or [{"recording_state": "pending"}]))
    calls = calls_of(t, "split")
    unjoined = t.get("/streams?site=split&unjoined=true")["data"]
    line = traps.verdict("40_split_sip", want, traps.replay_problems({"calls": calls, "unjoined_streams": unjoined}, want))
    check(not line, line)

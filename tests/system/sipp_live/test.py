import math
import os
import subprocess
import time

from harness import ALAW, Wav, check, tone_power, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
CALLER, CALLEE = ("127.0.3.1", 650.0), ("127.0.3.2", 1150.0)
CALLS = 3
_inverse = {v: b for b, v in enumerate(ALAW)}
_levels = sorted(_inverse)


def alaw(pcm):
    import bisect
    i = bisect.bisect_left(_levels, pcm)
    near = min(_levels[max(0, i - 1):i + 1] or _levels[-1:], key=lambda v: abs(v - pcm))
    return _inverse[near]


def tone_file(path, hz):
    with open(path, "wb") as f:  # 2 s, whole periods at 50 Hz steps: it loops without a click
        f.write(bytes(alaw(int(9000 * math.sin(2 * math.pi * hz * n / 8000))) for n in range(16000)))


def scenario(t, name, hz):
    tone = t.path(f"{name}.al")
    tone_file(tone, hz)
    with open(os.path.join(HERE, name + ".xml"), encoding="utf-8") as f:
        text = f.read().replace("TONE_FILE", tone)
    path = t.path(name + ".xml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def wire_truth(pcap):
    """What tshark saw beside us: for each SSRC first and last time and packets, by source address."""
    out = subprocess.run(["tshark", "-r", pcap, "-o", "rtp.heuristic_rtp:TRUE", "-d", "udp.port==1024-65535,rtp", "-Y", "rtp && rtp.version==2 && !sip",
                          "-T", "fields", "-e", "frame.time_epoch", "-e", "ip.src", "-e", "rtp.ssrc", "-e", "rtp.seq"],
                         capture_output=True, text=True, check=False).stdout
    streams = {}
    for line in out.splitlines():
        at, src, ssrc, seq = line.split("\t")
        streams.setdefault((src, int(ssrc, 16)), []).append((float(at), int(seq)))
    return streams


def test_calls_are_seen_heard_and_kept(t):
    t.up("--interface", "lo", "--site", "lab")
    pcap = t.path("wire.pcap")
    shark = t.spawn("tshark", "-q", "-i", "lo", "-f", "udp and net 127.0.3.0/24", "-w", pcap, "-F", "pcap", stderr=subprocess.DEVNULL)
    wait_for("tshark", lambda: os.path.exists(pcap) and os.path.getsize(pcap) >= 24)
    time.sleep(1)
    common = ["-nostdin", "-m", str(CALLS), "-timeout", "40", "-i"]
    uas = t.spawn("sipp", "-sf", scenario(t, "uas", CALLEE[1]), *common, CALLEE[0], "-mi", CALLEE[0], "-p", "5070", "-mp", "20000",
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    uac = t.spawn("sipp", "127.0.3.2:5070", "-sf", scenario(t, "uac", CALLER[1]), *common, CALLER[0], "-mi", CALLER[0], "-p", "5071", "-mp", "21000", "-s", "1007",
                  "-r", "1", "-l", "1", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    active = wait_for("a live call", lambda: [c for c in t.get("/calls/active")["data"] if c["state"] == "answered"], 20)
    check(active[0]["site"] == "lab" and active[0]["live"], f"live call {active[0]}")
    check(uac.wait(60) == 0, f"SIPp caller: exit {uac.returncode}")
    uas.wait(20)

    def done():
        got = t.get("/calls?site=lab&limit=50")["data"]
        ok = [c for c in got if c["state"] == "ended" and c["recording_state"] in ("ready", "failed")]
        return got if len(ok) == CALLS else None
    calls = wait_for("all calls recorded", done, 30)
    time.sleep(1)
    shark.terminate()
    shark.wait(10)
    wire = wire_truth(pcap)
    check(len(calls) == CALLS, f"{len(calls)} calls, SIPp made {CALLS}")
    for c in calls:
        one_call(t, t.get(f"/calls/{c['id']}?expand=legs,streams,recordings"), wire)


def one_call(t, c, wire):
    check(c["result"] == "answered" and c["to"]["user"] == "1007" and c["from"]["user"].startswith("+49307777"), f"call {c}")
    check(5.5 < c["talk_seconds"] < 7.5, f"talk_seconds {c['talk_seconds']}")
    check(len(c["streams"]) == 2, f"{len(c['streams'])} streams")
    ends = []
    for s in c["streams"]:
        seen = wire[(s["src"]["ip"], s["ssrc"])]
        check(s["packets"] == len(seen), f"{s['side']}: {s['packets']} packets, tshark saw {len(seen)}")
        check(s["side"] == ("caller" if s["src"]["ip"] == CALLER[0] else "callee"), f"{s['src']} is called {s['side']}")
        ends += [seen[0][0], seen[-1][0] + 0.020]
    r = c["recordings"][0]
    wav = Wav(t.recording_bytes(r))
    length = max(ends) - min(ends)
    check(abs(wav.seconds - length) <= 0.020, f"recording is {wav.seconds:.3f} s, on the wire {length:.3f} s")
    left, right = wav.left[8000:16000], wav.right[8000:16000]
    for pcm, own, other, side in ((left, CALLER[1], CALLEE[1], "left"), (right, CALLEE[1], CALLER[1], "right")):
        check(tone_power(pcm, own) > 0.9, f"{side}: {own} Hz has only {tone_power(pcm, own):.3f}")
        check(tone_power(pcm, other) < 0.01, f"{side}: hears the other side")
    status, headers, part = t.request(f"/api/v1/recordings/{r['id']}/audio", {"Range": "bytes=100-199"})
    check(status == 206 and len(part) == 100 and headers["Content-Range"] == f"bytes 100-199/{r['size_bytes']}", f"{status} {headers}")

import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.request

from harness import BIN, Wav, check, wait_for

SPACING = 0.02
REACH = 1.0  # an order is with the worker by then; half a second on a quiet machine


def mark(side, i):
    """The 160 samples of packet i: its number, again and again. No byte is silence (0xFF)."""
    return (b"%s%06d|" % (side, i)) * 20


class Talk(threading.Thread):
    """Both sides of a call on loopback, packet i at start + i * 20 ms."""

    def __init__(self):
        super().__init__(daemon=True)
        self.at, self.stop, self.sent = {}, threading.Event(), 0
        self.keys, self.event = [], None  # of the caller: events to come; (event, its first packet) that is being sent
        self.sip = [self.sock(), self.sock()]
        self.rtp = [self.sock(), self.sock()]
        self.id = f"pause-{os.getpid()}-{time.time()}"

    @staticmethod
    def sock():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
        return s

    def say(self, who, first, cseq, sdp=True):
        port = self.rtp[who].getsockname()[1]
        body = f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n" if sdp else ""
        self.send(who, first, cseq, body, "application/sdp")

    def send(self, who, first, cseq, body, kind):
        a, b = (s.getsockname()[1] for s in self.sip)
        text = (f"{first}\r\nVia: SIP/2.0/UDP 127.0.0.1:{a};branch=z9hG4bK{cseq.replace(' ', '')}\r\nFrom: <sip:1001@x>;tag=a\r\nTo: <sip:2002@x>;tag=b\r\n"
                f"Call-ID: {self.id}\r\nCSeq: {cseq}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}")
        if first.startswith("INVITE"):
            text = text.replace(";tag=b", "")
        self.sip[who].sendto(text.encode(), ("127.0.0.1", (b, a)[who]))

    def run(self):
        self.say(0, "INVITE sip:2002@x SIP/2.0", "1 INVITE")
        self.say(1, "SIP/2.0 200 OK", "1 INVITE")
        self.say(0, "ACK sip:2002@x SIP/2.0", "1 ACK", sdp=False)
        start = time.time()
        while not self.stop.is_set():
            i = self.sent
            time.sleep(max(0, start + i * SPACING - time.time()))
            if self.press(i):  # in place of what is said
                self.sent += 1
                continue
            self.at[i] = time.time()
            for who in (0, 1):
                head = struct.pack(">BBHII", 0x80, 0, i & 0xFFFF, i * 160, 77 + who)
                self.rtp[who].sendto(head + mark(b"AB"[who:who + 1], i), ("127.0.0.1", self.rtp[1 - who].getsockname()[1]))
            self.sent += 1
        self.say(0, "BYE sip:2002@x SIP/2.0", "2 BYE", sdp=False)
        self.say(1, "SIP/2.0 200 OK", "2 BYE", sdp=False)

    def press(self, i):
        """Each key four packets with one time stamp, the last one says its end (RFC 4733)."""
        if self.event is None and self.keys:
            self.event = (self.keys.pop(0), i)
        if self.event is None:
            return False
        key, first = self.event
        for who in (0, 1):
            if who == 0:
                head = struct.pack(">BBHII", 0x80, 101, i & 0xFFFF, first * 160, 77)
                body = struct.pack(">BBH", key, 10 | (0x80 if i == first + 3 else 0), (i - first + 1) * 160)
            else:
                head, body = struct.pack(">BBHII", 0x80, 0, i & 0xFFFF, i * 160, 78), mark(b"B", i)
            self.rtp[who].sendto(head + body, ("127.0.0.1", self.rtp[1 - who].getsockname()[1]))
        if i == first + 3:
            self.event = None
        return True

    def between(self, a, b):
        return {i for i, t in self.at.items() if a <= t <= b}


def marks_in(data):
    return {(m.group(1), int(m.group(2))) for m in re.finditer(rb"([AB])(\d{6})\|", data)}


def post(t, path, body=None):
    status, _, answer = t.request("/api/v1" + path, method="POST", body=body)
    return status, json.loads(answer)


def family(pid):
    rows = [line.split(None, 2) for line in subprocess.run(["ps", "-e", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout.splitlines()]
    below = {pid}
    while True:
        more = {int(p) for p, pp, _ in rows if int(pp) in below} - below
        if not more:
            return [(int(p), c.strip()) for p, _, c in rows if int(p) in below]
        below |= more


class Ear(threading.Thread):
    """Who listens to the call: all that comes."""

    def __init__(self, t, call):
        super().__init__(daemon=True)
        _, ticket = post(t, f"/calls/{call}/listen-tickets", {})
        self.heard = bytearray()
        self.r = urllib.request.urlopen(f"http://127.0.0.1:{t.port}{ticket['url']}", timeout=30)

    def run(self):
        while piece := self.r.read1(4096):
            self.heard += piece


def on_disk(t, *folders):
    found = set()
    for folder in folders:
        for base, _, names in os.walk(os.path.join(t.var, folder)):
            for n in names:
                with open(os.path.join(base, n), "rb") as f:
                    found |= marks_in(f.read())
    return found


def metric(port, name):
    """0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as r:
            lines = r.read().decode().splitlines()
    except OSError:
        return 0
    return next((float(line.split()[1]) for line in lines if line.startswith(f"callmesh_{name} ")), 0)


def end(pid):
    """False: it has ended by itself. A worker parks four times a second: the older process waits, a younger one works."""
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def end_all(pid):
    for p, _ in family(pid):
        end(p)


def begin(t, command):
    with open(os.path.join(t.var, "log", "capture-again.log"), "ab") as log:
        return t.spawn(*command, stdout=log, stderr=log, cwd="/").pid


def begin_anew_without_callstate(t):
    """kill -9 of the whole harvester; its next life reaches no callstate and keeps the pause, the one after that is told again."""
    pid, health = t.service_pid("capture"), t.base + 11
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        command = [a.decode() for a in f.read().split(b"\0")[:-1]]
    if os.geteuid() == 0:  # as ./callmesh starts it
        command = ["setpriv", "--reuid=callmesh", "--regid=callmesh", "--clear-groups", "--no-new-privs", "--inh-caps=+net_raw", "--ambient-caps=+net_raw", *command]
    end_all(pid)
    nowhere = f"tcp://127.0.0.1:{t.base + 29}"
    pid = begin(t, [*command, f"--bus.sig-url={nowhere}", f"--bus.sig-ask-url={nowhere}"])
    wait_for("packets of the paused call at the new harvester", lambda: metric(health, "capture_paused_packets_total") >= 40, 15)
    check(metric(health, "capture_pauses") == 1 and metric(health, "capture_pauses_saved_total") == 0, "the new harvester was told, or knows nothing")
    end_all(pid)
    begin(t, command)
    wait_for("the order, from callstate and on disk", lambda: metric(health, "capture_pauses_saved_total") >= 1, 15)


def of_info(t):
    found = set()
    for base, _, names in os.walk(os.path.join(t.var, "journal")):
        for n in names:
            with open(os.path.join(base, n), "rb") as f:
                found |= set(re.findall(rb"Signal=(.)", f.read()))
    return found


def test_a_pause_by_api(t):
    t.up("--interface", "lo", "--site", "lab")
    post(t, "/recording-rules", {"name": "cards", "action": "all", "pause_code": "*9", "pause_seconds": 2})
    time.sleep(1.2)  # a rule counts for calls that begin a second later
    talk = Talk()
    talk.start()
    call = wait_for("the call", lambda: next((c["id"] for c in t.get("/calls/active")["data"] if talk.id in c["sip_call_ids"] and c["quality"]), None), 20)
    ear = Ear(t, call)
    ear.start()
    time.sleep(2)
    asked = time.time()
    status, answer = post(t, f"/calls/{call}/pause", {"seconds": 60, "reason": "card"})
    check(status == 202 and answer["result"] == "paused", f"{status} {answer}")
    time.sleep(REACH)
    pid = t.service_pid("capture")
    wait_for("a worker to kill", lambda: any(end(p) for p, c in family(pid) if c == "cm-worker"), 10)  # the parked one goes on
    time.sleep(0.7)
    for p, c in family(pid):  # nobody is left who knows it: one begins with empty tables
        if c in ("cm-worker", "cm-parked"):
            end(p)
    time.sleep(1)
    begin_anew_without_callstate(t)
    paused = next(c for c in t.get("/calls/active")["data"] if c["id"] == call)["paused"]
    check(paused and paused["reason"] == "card", f"{paused}")
    resumed = time.time()
    status, answer = post(t, f"/calls/{call}/resume")
    check(status == 202 and answer["result"] == "resumed", f"{status} {answer}")
    time.sleep(2.5)
    second = time.time()
    talk.keys += [10, 9]  # *9: the rule's code; nobody resumes it
    talk.send(0, "INFO sip:2002@x SIP/2.0", "5 INFO", "Signal=5\r\nDuration=160\r\n", "application/dtmf-relay")
    time.sleep(4)
    talk.stop.set()
    talk.join()
    ended = time.time()
    quiet = talk.between(asked + REACH, resumed - 0.1) | talk.between(second + REACH, second + 1.9)
    loud = talk.between(asked - 1, asked - 0.2) | talk.between(resumed + REACH + 0.5, second - 0.2) | talk.between(second + 3.2, ended - 0.5)
    check(len(quiet) > 100 and len(loud) > 60, f"{len(quiet)} quiet, {len(loud)} loud")
    got = wait_for("the recording", lambda: [r for r in t.get(f"/calls/{call}/recordings")["data"] if r["status"] == "ready"], 40)[0]
    wav = t.recording_bytes(got)
    info = Wav(wav)
    data = wav[wav.index(b"data") + 8:]
    left, right = data[0::2], data[1::2]
    first_i = int(re.search(rb"A(\d{6})\|", left).group(1))
    for side, name in ((left, b"A"), (right, b"B")):
        found = {i for s, i in marks_in(side) if s == name}
        check(not found & quiet, f"{name}: paused audio is in the recording: {sorted(found & quiet)[:5]}")
        check(not loud - found, f"{name}: {len(loud - found)} packets outside of the pause are missing: {sorted(loud - found)[:5]}")
        for i in sorted(quiet)[::10]:
            place = side[(i - first_i) * 160:(i - first_i + 1) * 160]
            check(set(place) == {0xFF}, f"{name}: packet {i} is not silence")
        for i in sorted(loud)[::10]:
            check(side[(i - first_i) * 160:(i - first_i + 1) * 160] == mark(name, i), f"{name}: packet {i} is not in its place")
    check(info.seconds > 10, "length")
    gaps = [g for g in got["gaps"] if g["reason"] == "paused"]
    check(sum(g["to"] - g["from"] for g in gaps) > 2 * len(quiet) * SPACING * 0.9, f"{got['gaps']}")
    check(of_info(t) == {b"*"}, f"digits of INFO on the disk: {of_info(t)}")
    disk = on_disk(t, "spool", "journal")
    check({i for _, i in disk} & loud, "the look-back has nothing: nothing was tested")
    check(not {i for _, i in disk} & quiet, "paused audio is on the disk")
    heard = {i for _, i in marks_in(bytes(ear.heard))}
    check(heard & loud and not heard & quiet, f"paused audio was heard: {sorted(heard & quiet)[:5]}, of {len(heard)}")
    words = [e["type"] for e in t.get(f"/calls/{call}/events")["data"] if e["type"].startswith("recording_")]
    check(words.count("recording_paused") == 2 and words.count("recording_resumed") == 2, f"{words}")
    status, answer = post(t, f"/calls/{call}/pause", {"seconds": 5})
    check(status == 409 and answer["code"] == "call_over", f"{status} {answer}")


def frames_of(stream):
    """(side, codec, rtp_seq, payload) of each whole audio frame of a listen stream."""
    at, found = 0, []
    while at + 4 <= len(stream):
        kind, _, n = struct.unpack_from("<BBH", stream, at)
        if at + 4 + n > len(stream):
            break
        if kind == 2:
            side, codec, seq = struct.unpack_from("<BBH", stream, at + 4)
            found.append((side, codec, seq, stream[at + 20:at + 4 + n]))
        at += 4 + n
    return found


def test_a_call_of_srtp_is_heard(t):
    """The traffic maker's frames say which they are; its first one has the sequence number 65500, so the numbers roll over while somebody listens."""
    known = {c["id"] for c in t.get("/calls/active")["data"]}
    p = t.spawn(os.path.join(BIN, "callmesh-traffic"), "--wire", "--calls", "1", "--concurrent", "1", "--talk", "60", "--ring", "0.2", "--mix", "1,0,0,0", "--hold", "0",
                "--codec", "pcmu", "--audio", "count", "--seq", "65500", "--srtp", "AES_CM_128_HMAC_SHA1_80")
    call = wait_for("the call", lambda: next((c["id"] for c in t.get("/calls/active")["data"] if c["id"] not in known and c["state"] == "answered"), None), 20)
    ear = Ear(t, call)
    ear.start()
    clear = lambda side: [f for f in frames_of(bytes(ear.heard)) if f[0] == side and f[1] == 0]
    wait_for("a second of each side", lambda: len(clear(1)) >= 50 and len(clear(2)) >= 50, 30)
    p.terminate()
    for side in (1, 2):
        for _, _, seq, payload in clear(side):
            frame = (seq - 65500) & 0xFFFF
            check(len(payload) == 160 and payload[:2] == b"\xc3\x5a" and payload[6:10] == struct.pack(">I", (side - 1) << 24 | frame), f"side {side}, seq {seq}: {payload[:10].hex()}")
    check(any(f[2] < 1000 for f in clear(1)), "the numbers did not roll over: nothing was tested")
    check(not [f for f in frames_of(bytes(ear.heard)) if f[1] == 255 and f[3]], "encrypted bytes were sent to the ear")

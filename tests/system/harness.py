"""What the system tests share: a private callmesh in a temporary folder on ports of its own, the API, sound analysis."""
import json
import math
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CAPTURES = os.environ.get("CALLMESH_CAPTURES") or os.path.join(os.path.dirname(ROOT), "shared", "captures")
BIN = os.path.join(ROOT, "build", "bin")
_next_base = [17640]


def free_base():
    """A port base whose 40 ports nobody uses: several test runs may share a machine."""
    while True:
        base = _next_base[0]
        _next_base[0] += 40
        check(base < 32000, "no free ports below the ephemeral range")
        socks = []
        try:
            for port in range(base, base + 31):
                s = socket.socket()
                socks.append(s)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for s in socks:
                s.close()


class Skip(Exception):
    """This test cannot run here; the text says why."""


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def wait_for(what, fn, timeout=30.0, every=0.1):
    """Calls fn until it returns something true; returns it."""
    end = time.time() + timeout
    while time.time() < end:
        got = fn()
        if got:
            return got
        time.sleep(every)
    raise AssertionError(f"waited {timeout:.0f} s for {what}")


def alive(pid):
    """Runs: a process that has ended and waits for its parent to look does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Stack:
    """One private callmesh: own state folder, own ports. Nothing of it is left after close()."""

    def __init__(self, name):
        self.dir = tempfile.mkdtemp(prefix=f"callmesh-{name}-")
        os.chmod(self.dir, 0o755)
        self.base = free_base()
        self.port = self.base + 30
        self.var = os.path.join(self.dir, "var")
        self.env = dict(os.environ, CALLMESH_VAR=self.var, CALLMESH_PORT_BASE=str(self.base), NO_COLOR="1")
        self.children = []
        self.is_up = False

    # -- commands -----------------------------------------------------------------------------------------------
    def callmesh(self, *args, ok=True, timeout=180, env=None):
        p = subprocess.run([os.path.join(ROOT, "callmesh"), *args], env=dict(self.env, **(env or {})), text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, stdin=subprocess.DEVNULL)
        if ok:
            check(p.returncode == 0, f"callmesh {' '.join(args)}: exit {p.returncode}: {p.stderr[-1500:]}")
        return p

    def up(self, *args):
        p = self.callmesh("up", "--port", str(self.port), *args)
        self.is_up = True
        return p

    def down(self):
        p = self.callmesh("down")
        self.is_up = False
        return p

    def spawn(self, *args, **kw):
        p = subprocess.Popen(args, **kw)
        self.children.append(p)
        return p

    def replay(self, *files, timeout=60):
        p = self.callmesh("replay", *files, "--json", "--timeout", str(timeout), timeout=timeout * len(files) + 120)
        return json.loads(p.stdout)["files"]

    def traffic(self, out, *args):
        """Makes a capture; returns what was made, a dict by SIP Call-ID."""
        truth = out + ".truth"
        subprocess.run([os.path.join(BIN, "callmesh-traffic"), "--out", out, "--truth", truth, *args], check=True,
                       stderr=subprocess.PIPE)
        with open(truth, encoding="utf-8") as f:
            return {c["sip_call_id"]: c for c in map(json.loads, f)}

    def service_pid(self, name):
        with open(os.path.join(self.var, "run", name + ".pid"), encoding="utf-8") as f:
            return int(f.read())

    def path(self, name):
        return os.path.join(self.dir, name)

    # -- the API ------------------------------------------------------------------------------------------------
    def secrets(self):
        with open(os.path.join(self.var, "secrets", "first-start"), encoding="utf-8") as f:
            return dict(line.strip().split("=", 1) for line in f if "=" in line)

    def request(self, path, headers=None, method="GET", body=None, key=True, timeout=15):
        """Answers (status, headers, bytes); a status of 400 and more is an answer too."""
        h = dict(headers or {})
        if key:
            h["Authorization"] = "Bearer " + self.secrets()["api_key"]
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            h.setdefault("Content-Type", "application/json")
        q = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=h, method=method, data=data)
        try:
            with urllib.request.urlopen(q, timeout=timeout) as r:
                return r.status, dict(r.headers), r.read()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, dict(e.headers), e.read()

    def get(self, path):
        status, _, body = self.request("/api/v1" + path)
        check(status == 200, f"GET {path}: {status} {body[:300]!r}")
        return json.loads(body)

    def recording_bytes(self, recording):
        status, _, body = self.request(f"/api/v1/recordings/{recording['id']}/audio")
        check(status == 200, f"audio of {recording['id']}: {status} {body[:200]!r}")
        return body

    # -- the end ------------------------------------------------------------------------------------------------
    def show_logs(self):
        log = os.path.join(self.var, "log")
        for f in sorted(os.listdir(log)) if os.path.isdir(log) else []:
            with open(os.path.join(log, f), encoding="utf-8", errors="replace") as h:
                tail = h.read()[-1500:]
            print(f"--- {f}\n{tail}")

    def close(self):
        for p in self.children:
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(5)
                except subprocess.TimeoutExpired:
                    p.kill()
        if os.path.isdir(self.var):
            self.callmesh("down", ok=False)
        shutil.rmtree(self.dir, ignore_errors=True)


# -- sound ----------------------------------------------------------------------------------------------------------
def _ulaw(b):
    b = ~b & 0xFF
    v = (((b & 0x0F) << 3) + 0x84) << ((b >> 4) & 7)
    return 0x84 - v if b & 0x80 else v - 0x84


def _alaw(b):
    b ^= 0x55
    seg, v = (b >> 4) & 7, (b & 0x0F) << 4
    v = v + 8 if seg == 0 else (v + 0x108) << (seg - 1)
    return v if b & 0x80 else -v


ULAW = [_ulaw(i) for i in range(256)]
ALAW = [_alaw(i) for i in range(256)]


class Wav:
    """A WAV file read from its bytes by its own rules (RIFF, format tags 1, 6, 7): left and right as lists of PCM."""

    def __init__(self, data):
        check(data[:4] == b"RIFF" and data[8:12] == b"WAVE", "not a WAV")
        check(struct.unpack("<I", data[4:8])[0] == len(data) - 8, "RIFF size is not the file's")
        at, fmt, body = 12, None, None
        while at + 8 <= len(data):
            tag, n = data[at:at + 4], struct.unpack("<I", data[at + 4:at + 8])[0]
            if tag == b"fmt ":
                fmt = struct.unpack("<HHIIHH", data[at + 8:at + 24])
            if tag == b"data":
                body = data[at + 8:at + 8 + n]
                check(len(body) == n, "data chunk is cut")
            at += 8 + n + (n & 1)
        self.tag, self.channels, self.rate, _, _, self.bits = fmt
        check(self.channels == 2, f"{self.channels} channels")
        if self.tag == 1:
            pcm = struct.unpack(f"<{len(body) // 2}h", body)
        else:
            table = {6: ALAW, 7: ULAW}[self.tag]
            pcm = [table[b] for b in body]
        self.left, self.right = pcm[0::2], pcm[1::2]
        self.seconds = len(self.left) / self.rate


def tone_power(pcm, hz, rate=8000):
    """Goertzel: share of the signal's power that lies at hz (1.0 = a pure tone)."""
    n = len(pcm)
    total = sum(v * v for v in pcm)
    if n == 0 or total == 0:
        return 0.0
    w = 2 * math.pi * hz / rate
    c, s1, s2 = 2 * math.cos(w), 0.0, 0.0
    for v in pcm:
        s1, s2 = v + c * s1 - s2, s1
    power = s1 * s1 + s2 * s2 - c * s1 * s2
    return 2 * power / (n * total)

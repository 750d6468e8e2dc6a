"""A callmesh of the tests' own whose every process is a child of this one: started, struck, reaped and started again.

PostgreSQL too is a child (with pg_ctl a killed postmaster would stay as a zombie whose pid "exists", and the next start would
refuse). What ends without having been struck is an *unexpected end* and a failure of the run.
A little over 450 lines: each process of a mesh, how it starts and how it ends.
"""
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PG_BIN = os.environ.get("CALLMESH_PG_BIN", "/usr/lib/postgresql/15/bin")
USER = "nobody"
PATIENCE_S = 60
EXIT_NO_DISK = 73
EXIT_UNAVAILABLE = 69


def as_user(*args, net_raw=False):
    """PostgreSQL refuses root, and the services should not have it. setpriv replaces itself: the pid is the program's."""
    if os.geteuid() != 0:
        return list(args)
    caps = ["--inh-caps=+net_raw", "--ambient-caps=+net_raw"] if net_raw else []
    return ["setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups", "--no-new-privs", *caps, *args]


def allow_core():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def children_of(pid):
    """Pids of the direct children."""
    got = []
    for p in os.listdir("/proc"):
        if p.isdigit():
            try:
                with open(f"/proc/{p}/stat", encoding="utf-8") as f:
                    if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                        got.append(int(p))
            except (OSError, IndexError):
                pass
    return got


class Process:
    """One child under supervision. down: it was struck and may be gone; stopped: it stands still until due_us."""

    def __init__(self, name, args, log):
        self.name, self.args, self.log = name, args, log
        self.p = None
        self.struck = False
        self.start_at = None     # monotonic: when to start it again
        self.cont_at = None      # monotonic: when to wake it
        self.stopped = []
        self.starts = 0
        self.may_end = ()        # exit codes that are an answer, not a failure
        self.ended_badly = []
        self.disk_was_full = lambda: False  # then a start may be refused (exit 73), and is tried again
        self.refused = 0

    def start(self):
        with open(self.log, "ab") as out:
            # A program that crashes leaves a core beside its log.
            self.p = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=os.path.dirname(self.log),
                                      start_new_session=True, preexec_fn=allow_core)
        self.starts += 1
        self.struck = False
        self.start_at = None

    def running(self):
        return self.p is not None and self.p.poll() is None

    def busy(self):
        return self.cont_at is not None or self.start_at is not None or not self.running()

    def kill(self, again_after):
        self.struck = True
        self.p.kill()
        self.p.wait()
        self.start_at = time.monotonic() + again_after

    def stop(self, seconds, whole=False):
        self.stopped = [self.p.pid] + (children_of(self.p.pid) if whole else [])
        for pid in self.stopped:
            _signal(pid, signal.SIGSTOP)
        self.cont_at = time.monotonic() + seconds

    def wake(self):
        for pid in self.stopped:
            _signal(pid, signal.SIGCONT)
        self.stopped, self.cont_at = [], None

    def look(self):
        """Once a turn of the loop: wakes, reaps, starts again."""
        now = time.monotonic()
        if self.cont_at is not None and now >= self.cont_at:
            self.wake()
        if self.p is not None and self.p.poll() is not None and self.start_at is None:
            code = self.p.returncode
            if not self.struck and code not in self.may_end:
                if code == EXIT_NO_DISK and self.disk_was_full():
                    self.refused += 1
                else:
                    self.ended_badly.append(code)
            self.start_at = now + 0.2
        if self.start_at is not None and now >= self.start_at:
            self.start()

    def end(self, sig=signal.SIGTERM, wait=10):
        if self.cont_at is not None:
            self.wake()
        if self.running():
            self.struck = True
            self.p.send_signal(sig)
            try:
                self.p.wait(wait)
            except subprocess.TimeoutExpired:
                self.p.kill()
                self.p.wait()


def _signal(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


class Postgres(Process):
    """Data and socket in a folder of its own. One that recovers may end by itself and is started again; so may one that has no disk."""

    def __init__(self, name, folder, log, settings=()):
        self.folder, self.data = folder, os.path.join(folder, "data")
        super().__init__(name, as_user(os.path.join(PG_BIN, "postgres"), "-D", self.data), log)
        self.settings = settings
        self.may_end = (0, 1, 2)

    def make(self):
        os.makedirs(self.folder, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER, "nogroup")
        with open(self.log, "ab") as out:
            subprocess.run(as_user(os.path.join(PG_BIN, "initdb"), "-D", self.data, "-U", "callmesh", "-A", "trust", "-E", "UTF8", "--locale=C",
                                   "--no-sync"), check=True, stdout=out, stderr=out, cwd="/")
        self.configure()

    def configure(self):
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as f:
            f.write(f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\nshared_buffers = 64MB\nmax_connections = 40\n"
                    "min_wal_size = 32MB\nmax_wal_size = 64MB\nlog_min_messages = warning\n")
            f.writelines(s + "\n" for s in self.settings)

    def dsn(self):
        return f"host={self.folder} user=callmesh dbname=postgres"

    def ready(self):
        return subprocess.run([os.path.join(PG_BIN, "pg_isready"), "-q", "-h", self.folder, "-U", "callmesh"], check=False).returncode == 0

    def query(self, sql, patience=PATIENCE_S):
        """Rows as lists of text; waits for a database that is away."""
        until = time.monotonic() + patience
        while True:
            p = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1", "-c", sql, self.dsn()],
                               check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if p.returncode == 0:
                rows = p.stdout.rstrip("\n")
                return [r.split("\x1f") for r in rows.split("\x1e")] if rows else []
            if p.returncode != 2 and "starting up" not in p.stderr and "recovery mode" not in p.stderr or time.monotonic() > until:
                raise RuntimeError(f"psql: {p.stderr.strip()}")
            time.sleep(0.2)


class Mesh:
    """Four services (capture once for each site), PostgreSQL, the traffic maker. self.proc: by name."""

    def __init__(self, seed, pg_bytes=1 << 30, spool_bytes=512 << 20, plant=None, standby=False, long=False):
        self.rng = random.Random(seed)
        self.bin = os.environ.get("CALLMESH_BIN") or os.path.join(ROOT, "build", "bin")
        self.dir = tempfile.mkdtemp(prefix="callmesh-faults-")
        os.chmod(self.dir, 0o755)
        self.mounts = []
        self.proc = {}
        self.seconds, self.since = [], time.monotonic()
        self.standby = standby
        # A long run has the journals of the product's defaults (64 and 256 MiB each); a short one small ones, whose edge is met.
        self.journal_sizes = [] if long else ["--journal.sig-bytes=8M", "--journal.rtp-bytes=48M"]
        self.disk = {"postgres": self.folder("pg", pg_bytes), "spool": self.folder("spool", spool_bytes), "journal": self.folder("journal", (1 << 30) if long else 192 << 20)}
        self.recordings = self.folder("recordings")
        self.keys = self.folder("keys")
        self.folder("secrets")
        self.folder("bin")
        os.chmod(self.folder("log"), 0o777)
        for f in ("capture", "callstate", "recorder", "api"):
            shutil.copy(os.path.join(self.bin, f"callmesh-{f}"), self.path("bin"))
        if plant:
            shutil.copy(os.path.join(self.bin, "..", "plants", f"callmesh-callstate-plant-{plant}"), self.path("bin/callmesh-callstate"))
        shutil.copytree(os.path.join(ROOT, "deploy", "schema"), self.path("schema"))
        self.base = free_base()
        self.pg = self.proc["postgres"] = Postgres("postgres", self.disk["postgres"], self.path("log/postgres.log"))
        self.dsn = self.pg.dsn()

    def path(self, name):
        return os.path.join(self.dir, name)

    def took(self, what):
        """What the last part took, for the report."""
        now = time.monotonic()
        self.seconds.append((what, now - self.since))
        self.since = now

    def folder(self, name, tmpfs_bytes=0):
        path = self.path(name)
        os.makedirs(path)
        if tmpfs_bytes and os.geteuid() == 0:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={tmpfs_bytes},mode=755", "callmesh-faults", path], check=True)
            self.mounts.append(path)
        if os.geteuid() == 0:
            shutil.chown(path, USER, "nogroup")
        return path

    def url(self, n):
        return f"tcp://127.0.0.1:{self.base + n}"

    def add(self, name, program, *args, net_raw=False):
        prog = [self.path(f"bin/callmesh-{program}"), *args]
        self.proc[name] = Process(name, as_user(*prog, net_raw=net_raw), self.path(f"log/{name}.log"))
        return self.proc[name]

    def bus(self, *pairs):
        """Settings of who dials: callstate's four URLs are two each when there is a standby."""
        args = []
        for name, n in (p.split(":") for p in pairs):
            urls = self.url(int(n))
            if self.standby and int(n) <= 4:
                urls += "," + self.url(int(n) + 20)
            args.append(f"--bus.{name}={urls}")
        return args

    def add_callstate(self, name="callstate", health=12, first=1, extra=()):
        listen = [f"--bus.{n}={self.url(first + i)}" for i, n in enumerate(("sig-url", "sig-ask-url", "mesh-url", "control-url"))]
        p = self.add(name, "callstate", *listen,
                        f"--store.dsn={self.dsn}", f"--store.schema-dir={self.path('schema')}", f"--node={name}",
                        f"--health.listen=127.0.0.1:{self.base + health}", "--store.timeout=5s", "--timers.media-silence=12s", "--timers.idle=15s",
                        "--timers.no-answer=12s", "--timers.provisional=12s", "--timers.linger=5s", *extra)
        if self.standby:
            p.may_end = (EXIT_UNAVAILABLE,)  # it slept, another leads now: it steps down and is started again
        return p

    def add_capture(self, site, health, extra=()):
        p = self.add(f"capture-{site}", "capture", *self.bus("sig-url:1", "sig-ask-url:2", "rtp-url:5", "rtp-ask-url:6"), f"--site={site}",
                        "--interface=lo", "--node=probe", "--filter=udp and (net 127.0.1.0/24 or net 127.0.2.0/24)",
                        f"--journal.dir={self.journal(site)}", *self.journal_sizes,
                        f"--health.listen=127.0.0.1:{self.base + health}", *extra, net_raw=True)
        return p

    def journal(self, name):
        path = os.path.join(self.disk["journal"], name)
        os.makedirs(path, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(path, USER, "nogroup")
        return path

    def add_rest(self):
        self.add("recorder", "recorder", *self.bus("sig-url:1", "sig-ask-url:2", "mesh-url:3", "control-url:4", "rtp-url:5", "rtp-ask-url:6", "live-url:7"),
                 f"--spool.dir={self.disk['spool']}", f"--recordings.dir={self.recordings}", f"--keys.dir={self.keys}", f"--journal.dir={self.journal('recorder')}",
                 "--node=store", f"--health.listen=127.0.0.1:{self.base + 13}", "--spool.bytes=256M", "--spool.segment-bytes=16M",
                 "--disk.min-free=16M")
        self.add("api", "api", *self.bus("mesh-url:3", "control-url:4", "live-url:7"), f"--store.dsn={self.dsn}",
                 f"--recordings.dir={self.recordings}", f"--keys.dir={self.keys}", f"--http.listen=127.0.0.1:{self.base + 30}",
                 f"--auth.first-start-file={self.path('secrets/first-start')}", f"--health.listen=127.0.0.1:{self.base + 14}")

    def up(self, sites=("steady", "struck"), callstate=()):
        self.pg.make()
        self.pg.start()
        wait_for("PostgreSQL", self.pg.ready)
        self.add_callstate(extra=callstate)
        if self.standby:
            self.add_callstate("callstate-2", health=15, first=21)
        self.add_rest()
        for i, site in enumerate(sites):
            self.add_capture(site, 16 + i)
        self.start_all()

    def start_all(self):
        for name in [n for n in self.proc if n != "postgres"]:
            self.proc[name].start()
            if name.startswith("callstate") and name != "callstate":
                continue  # it stands by and is not ready before it leads
            wait_for(f"{name} is ready (log: {self.proc[name].log})", lambda n=name: self.is_ready(n))

    def is_ready(self, name):
        if not self.proc[name].running():
            return False
        port = next(a.rsplit(":", 1)[1] for a in self.proc[name].args if a.startswith("--health.listen="))
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as r:
                return r.status == 200
        except OSError:
            return False

    def metrics(self, name):
        port = next(a.rsplit(":", 1)[1] for a in self.proc[name].args if a.startswith("--health.listen="))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as r:
            lines = r.read().decode().splitlines()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}

    def traffic(self, *args):
        self.truth, self.tee = self.path("truth.jsonl"), self.path("sent.pcap")
        p = Process("traffic", [os.path.join(self.bin, "callmesh-traffic"), "--wire", "--audio", "count", "--truth", self.truth, "--tee", self.tee, *args],
                    self.path("log/traffic.log"))
        p.may_end = (0,)
        p.start()
        self.maker = p
        return p

    def api_key(self):
        with open(self.path("secrets/first-start"), encoding="utf-8") as f:
            return dict(line.strip().split("=", 1) for line in f if "=" in line)["api_key"]

    def get(self, path, timeout=15):
        q = urllib.request.Request(f"http://127.0.0.1:{self.base + 30}/api/v1{path}", headers={"Authorization": "Bearer " + self.api_key()})
        with urllib.request.urlopen(q, timeout=timeout) as r:
            return json.loads(r.read())

    def audio(self, recording):
        """The WAV as a person gets it: on disk it is encrypted."""
        q = urllib.request.Request(f"http://127.0.0.1:{self.base + 30}/api/v1/recordings/{recording}/audio", headers={"Authorization": "Bearer " + self.api_key()})
        for _ in range(20):
            try:
                with urllib.request.urlopen(q, timeout=15) as r:
                    return r.read()
            except urllib.error.HTTPError as e:
                if e.code != 503:
                    raise
                time.sleep(0.5)
        raise OSError(f"no audio of {recording}: 503 for 10 s")

    def look(self):
        for p in self.proc.values():
            p.look()

    def bad_ends(self):
        return {n: p.ended_badly for n, p in self.proc.items() if p.ended_badly}

    def close(self, keep=False):
        if getattr(self, "maker", None):
            self.maker.end()
        for name in reversed(list(self.proc)):
            if name != "postgres":
                self.proc[name].end()
        self.pg.end(signal.SIGINT)
        for m in reversed(self.mounts):
            subprocess.run(["umount", "-l", m] if not keep else ["true"], check=False)
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)


def free_base():
    for base in range(17640, 32000, 40):
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
    raise RuntimeError("no free ports")


def wait_for(what, fn, timeout=PATIENCE_S, every=0.1):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if fn():
            return
        time.sleep(every)
    raise RuntimeError(f"waited {timeout} s for: {what}")


def alone():
    """In a network namespace of one's own, so that no other traffic is seen and no port is taken. Root only; else where we are."""
    if os.geteuid() != 0 or os.environ.get("CALLMESH_ALONE"):
        return
    os.environ["CALLMESH_ALONE"] = "1"
    if subprocess.run(["unshare", "-n", "-m", "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        print("no namespaces of network and mounts here (a folder that is no mount point as /)")
        sys.exit(77)
    os.execvp("unshare", ["unshare", "-n", "-m", "--", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', sys.executable, "-B", *sys.argv])


class Watcher(threading.Thread):
    """Reads GET /events as a dashboard does: comes back with Last-Event-ID, takes a snapshot when told to. Keeps what it heard of each call."""

    def __init__(self, mesh):
        super().__init__(daemon=True)
        self.mesh, self.stop_now = mesh, False
        self.last_id, self.connects, self.events, self.resets = None, 0, 0, 0
        self.ids_twice = 0
        self.ended = {}       # (site, call id) -> times call.ended was heard
        self.bad_revision = 0
        self.revision = {}

    def run(self):
        while not self.stop_now:
            try:
                self.read()
            except (OSError, ValueError, KeyError, urllib.error.URLError):
                time.sleep(0.2)

    def read(self):
        headers = {"Authorization": "Bearer " + self.mesh.api_key()}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        q = urllib.request.Request(f"http://127.0.0.1:{self.mesh.base + 30}/api/v1/events", headers=headers)
        with urllib.request.urlopen(q, timeout=20) as r:
            self.connects += 1
            kind = None
            for raw in r:
                if self.stop_now:
                    return
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("id: "):
                    if line[4:] == self.last_id:
                        self.ids_twice += kind != "stream.reset"
                    self.last_id = line[4:]
                elif line.startswith("data: "):
                    self.take(kind, json.loads(line[6:]))

    def take(self, kind, event):
        self.events += 1
        if kind == "stream.reset":
            self.resets += 1
            return
        call = event["data"].get("call") if isinstance(event["data"], dict) else None
        if not call:
            return
        key = (call["site"], call["id"])
        if call["revision"] < self.revision.get(key, 0):
            self.bad_revision += 1
        self.revision[key] = call["revision"]
        if kind == "call.ended":
            self.ended[key] = self.ended.get(key, 0) + 1

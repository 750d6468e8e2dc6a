import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from harness import BIN, Skip, check, wait_for

KILLS = int(os.environ.get("KILLS", "30"))  # the long form: KILLS=1000
RATE = int(os.environ.get("KILLS_RATE", "20000"))
URLS = [f"tcp://127.0.0.1:{p}" for p in (17641, 17642, 17645, 17646)]
HEALTH = "127.0.0.1:17699"


def sh(*args):
    p = subprocess.run(args, capture_output=True, text=True, check=False)
    check(p.returncode == 0, f"{' '.join(args)}: {p.stderr}")


class Wire:
    """Two network namespaces and a wire between them; nobody answers at the far end, so nothing comes back."""

    def __init__(self):
        self.a, self.b = f"cmka{os.getpid()}", f"cmkb{os.getpid()}"
        sh("ip", "netns", "add", self.a)
        if subprocess.run(["ip", "netns", "exec", self.a, "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
            subprocess.run(["ip", "netns", "del", self.a], check=False)
            raise Skip("named network namespaces do not work here (a folder that is no mount point as /)")
        sh("ip", "netns", "add", self.b)
        sh("ip", "-n", self.a, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", self.b)
        sh("ip", "-n", self.a, "addr", "add", "10.77.0.1/24", "dev", "v0")
        for ns, dev in ((self.a, "lo"), (self.b, "lo"), (self.a, "v0"), (self.b, "v1")):
            sh("ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            sh("ip", "-n", ns, "link", "set", dev, "up")
        sh("ip", "-n", self.a, "neigh", "add", "10.77.0.9", "lladdr", "02:00:00:00:00:09", "dev", "v0")

    def close(self):
        for ns in (self.a, self.b):
            subprocess.run(["ip", "netns", "del", ns], check=False)


def inside(ns, *args):
    return ["ip", "netns", "exec", ns, *args]


def family(pid):
    """All processes below pid, by the name they gave themselves."""
    out = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in out.splitlines()]
    below, names = {pid}, {}
    while True:
        more = {int(p) for p, pp, _ in rows if int(pp) in below} - below
        if not more:
            break
        below |= more
    for p, _, name in rows:
        if int(p) in below:
            names.setdefault(name.strip(), []).append(int(p))
    return names


def metrics(ns):
    p = subprocess.run(inside(ns, "curl", "-s", f"http://{HEALTH}/metrics"), capture_output=True, text=True, check=False)
    return {line.rsplit(" ", 1)[0].removeprefix("callmesh_"): float(line.rsplit(" ", 1)[1]) for line in p.stdout.splitlines() if line and line[0] != "#"}


class Live:
    """The real harvester on one end of a wire, the oracle as its consumer."""

    def __init__(self, t, wire, *args):
        self.t, self.wire = t, wire
        self.count = t.spawn(*inside(wire.b, os.path.join(BIN, "numbers_count"), *URLS, "64000000"), stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)
        journal = tempfile.mkdtemp(prefix="journal-", dir=t.dir)
        self.err = open(t.path("capture.err"), "w", encoding="utf-8")
        self.capture = t.spawn(*inside(wire.b, os.path.join(BIN, "callmesh-capture"), "--interface", "v1", "--journal.dir", journal,
                                       *[f"--bus.{n}-url={u}" for n, u in zip(("sig", "sig-ask", "rtp", "rtp-ask"), URLS)],
                                       f"--health.listen={HEALTH}", *args), stderr=self.err)
        wait_for("capture to be ready", lambda: metrics(wire.b).get("capture_worker_parked_total"), 20)

    def send(self, first, count, rate):
        return self.t.spawn(*inside(self.wire.a, os.path.join(BIN, "numbers_send"), "10.77.0.9", str(first), str(count), str(rate)), stdout=subprocess.PIPE, text=True)

    def stop(self):
        self.capture.terminate()
        check(self.capture.wait(15) == 0, f"capture: exit {self.capture.returncode}: {open(self.err.name, encoding='utf-8').read()[-2000:]}")
        self.count.send_signal(signal.SIGTERM)
        out, _ = self.count.communicate(timeout=60)
        return json.loads(out)


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root, for namespaces")


def kill_one(live, name, rnd):
    pids = family(live.capture.pid).get(name, [])
    if not pids:
        return False
    try:
        pid = rnd.choice(pids)
        with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            if f.read().strip() != name:  # it has parked since: killing it and then the new worker would be another test
                return False
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, FileNotFoundError):
        return False
    return True


def settled(wire, packets):
    """The counters when all has gone out and both consumers have committed it."""
    def look():
        m = metrics(wire.b)
        waits = [v for k, v in m.items() if k.startswith("bus_journal_uncommitted")]
        return m if m.get("capture_packets_total", 0) >= packets and len(waits) == 2 and max(waits) <= 5 else None  # ticks go on
    wait_for("the consumers to commit", look, 60)
    time.sleep(2.2)  # the counters are shown once a second
    return wait_for("the consumers to commit", look, 60)


def run_kills(t, name, kills, pause, rate=RATE, more=()):
    rnd = random.Random(20261128)
    wire = Wire()
    try:
        live = Live(t, wire, *more)
        sender, first, done, t0 = None, 0, 0, time.time()
        chunk = rate * 5
        while done < kills:
            if sender is None or sender.poll() is not None:
                sender = live.send(first, chunk, rate)
                first += chunk
            time.sleep(rnd.uniform(*pause))
            done += kill_one(live, name, rnd)
        sender.wait(60)
        m = settled(wire, first)
        got = live.stop()
    finally:
        wire.close()
    dropped = {k: v for k, v in m.items() if k.startswith("capture_dropped") and v}
    print(f"     {done} kills of {name} in {time.time() - t0:.0f} s, {first} numbers: {got}; restarts {m['capture_worker_restarts_total']}, "
          f"resets {m['capture_worker_resets_total']}, senders {m['capture_sender_restarts_total']}, dropped {dropped}")
    if got["lost"] or got["doubled"] or name != "cm-sender" and m["capture_sender_restarts_total"]:
        print(open(t.path("capture.err"), encoding="utf-8").read()[-6000:])
    check(got["numbers"] == first and got["lost"] == 0 and got["doubled"] == 0, f"of {first}: {got}")
    check(got["foreign"] == 0 and got["lost_declared"] == 0 and not dropped, f"{got} {dropped}")
    check(all(m[f'capture_books_off{{book="{b}"}}'] == 0 for b in ("wire", "ways", "handed")), f"books: {m}")
    return got, m


def test_a_killed_worker_loses_and_doubles_nothing(t):
    need_root()
    _, m = run_kills(t, "cm-worker", KILLS, (0.005, 0.15))
    check(m["capture_worker_restarts_total"] >= KILLS * 0.6, f"restarts {m['capture_worker_restarts_total']}")
    check(m["capture_worker_resets_total"] == 0, "a worker began with empty tables")


def test_two_workers_killed_lose_and_double_nothing(t):
    need_root()
    run_kills(t, "cm-worker", KILLS, (0.005, 0.15), more=("--capture.workers", "2"))


def test_a_killed_sender_loses_and_doubles_nothing(t):
    need_root()
    got, m = run_kills(t, "cm-sender", max(3, KILLS // 10), (0.8, 1.5))
    check(m["capture_sender_restarts_total"] >= 3, f"senders {m['capture_sender_restarts_total']}")
    check(got["streams_named"] >= 300, f"streams were not named to the next: {got}")


def test_a_killed_parked_copy_is_replaced(t):
    need_root()
    run_kills(t, "cm-parked", max(3, KILLS // 10), (0.4, 0.8))


# Inside the sending namespace: each line on standard input is "new" (another TLS connection) or a number of SIP messages to say on the newest.
TLS_CLIENT = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.check_hostname = False
context.keylog_filename = sys.argv[2]
said, connections = 0, []
for line in sys.stdin:
    if line.strip() == "new":
        connections.append(context.wrap_socket(socket.create_connection(("10.77.0.2", 5061))))
    else:
        for _ in range(int(line)):
            said += 1
            connections[-1].sendall(("OPTIONS sip:a@10.77.0.2 SIP/2.0\\r\\nVia: SIP/2.0/TLS 10.77.0.1;branch=z9hG4bK%d\\r\\nFrom: <sip:b@x>;tag=1\\r\\n"
                "To: <sip:a@y>\\r\\nCall-ID: tls-%d\\r\\nCSeq: 1 OPTIONS\\r\\nContent-Length: 0\\r\\n\\r\\n" % (said, said)).encode())
    print(said, flush=True)
"""
TLS_SERVER = """
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("10.77.0.2", 5061))
print("listening", flush=True)
def hear(c):
    with context.wrap_socket(c, server_side=True) as s:
        while s.recv(4096):
            pass
while True:
    threading.Thread(target=hear, args=(listener.accept()[0],), daemon=True).start()
"""


def test_a_killed_worker_still_reads_tls(t):
    """The key log given at start opens connections from before the death and from behind it; what was said is read once."""
    need_root()
    wire, rnd = Wire(), random.Random(7)
    cert, key, log = t.path("cert.pem"), t.path("key.pem"), t.path("keys.log")
    sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x", "-keyout", key, "-out", cert)
    open(log, "w", encoding="utf-8").close()
    os.chmod(log, 0o644)
    try:
        sh("ip", "-n", wire.b, "addr", "add", "10.77.0.2/24", "dev", "v1")
        live = Live(t, wire, "--capture.tls-keylog", log)
        server = t.spawn(*inside(wire.b, sys.executable, "-c", TLS_SERVER, cert, key), stdout=subprocess.PIPE, text=True)
        check(server.stdout.readline() == "listening\n", "the TLS server")
        client = t.spawn(*inside(wire.a, sys.executable, "-c", TLS_CLIENT, cert, log), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def tell(*lines):
            for line in lines:
                client.stdin.write(f"{line}\n")
                client.stdin.flush()
                said = int(client.stdout.readline())
            return said

        said, done = tell("new", 20), 0
        for _ in range(6):
            wait_for("a worker to kill", lambda: kill_one(live, "cm-worker", rnd), 10)
            done += 1
            said = tell(3, "new", 3)
            time.sleep(0.2)  # or the next victim is the dead one, before it is reaped
        m = wait_for("all messages", lambda: (lambda m: m if m.get("capture_tls_messages_total", 0) >= said else None)(metrics(wire.b)), 20)
        time.sleep(1.2)  # one that came twice would be counted by now
        m = metrics(wire.b)
        live.stop()
    finally:
        wire.close()
    print(f"     {done} kills, {said} messages over {done + 1} TLS connections: {m['capture_tls_messages_total']:.0f} read, restarts {m['capture_worker_restarts_total']:.0f}")
    check(m["capture_tls_messages_total"] == said and m["capture_sip_messages_total"] == said, f"of {said}: {m}")
    check(m["capture_worker_restarts_total"] >= done - 1 and m["capture_worker_resets_total"] == 0, f"restarts {m['capture_worker_restarts_total']}")

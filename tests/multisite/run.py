"""Sites and their centre as network namespaces, with bad links between: is everything that was on the wires in PostgreSQL?

usage: run.py [--seed N] [--sites N] [--rate CPS] [--seconds S] [--cut S] [--talk S] [--no-rtp] [--delay MS] [--same-calls]
  --cut S       the link of every site is cut for S seconds in mid-traffic (else: random faults by the seed for --seconds)
  --same-calls  every site makes the very same calls: same Call-IDs, addresses, SSRCs; they must not be mixed up
Needs root (namespaces). Prints 'seed N sent N stored N lost N doubled N declared N' and exits with 1 when the books do not balance.
"""
import argparse
import collections
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system"), os.path.join(os.path.dirname(HERE), "support")]
import siptext  # noqa: E402
from harness import BIN, ROOT, Stack, check, wait_for  # noqa: E402
from sniff import call_id  # noqa: E402

CENTRE_PORTS = (20, 21, 22)


def arguments(argv):
    p = argparse.ArgumentParser()
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--sites", type=int, default=2)
    p.add_argument("--rate", type=float, default=4)
    p.add_argument("--seconds", type=float, default=12)
    p.add_argument("--cut", type=float, default=0)
    p.add_argument("--talk", type=float, default=2)
    p.add_argument("--delay", type=int, default=20)
    p.add_argument("--no-rtp", action="store_true")
    p.add_argument("--same-calls", action="store_true")
    return p.parse_args(argv)


class Site:
    """A machine at a site: a namespace of its own, a link through a relay, capture and recorder that dial the centre."""

    def __init__(self, centre, number, a):
        self.name, self.a, self.centre = f"site{number}", a, centre
        self.dir = centre.path(self.name)
        os.makedirs(self.dir)
        os.chmod(self.dir, 0o755)
        self.children = []
        self.holder = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        wait_for("the namespace", lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        here, there = f"10.77.{number}.1", f"10.77.{number}.2"
        for cmd in (f"ip link add vc{number} type veth peer name vs netns {self.holder.pid}", f"ip addr add {here}/24 dev vc{number}",
                    f"ip link set vc{number} up"):
            subprocess.run(cmd.split(), check=True)
        for cmd in ("ip link set lo up", f"ip addr add {there}/24 dev vs", "ip link set vs up"):
            self.run(*cmd.split())
        ports = ",".join(str(centre.base + p) for p in CENTRE_PORTS)
        self.relay = self.spawn(sys.executable, os.path.join(HERE, "relay.py"), str(a.seed * 100 + number), "127.0.0.1", here, ports,
                                "--delay", str(a.delay), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        check(self.relay.stdout.readline() == "ready\n", "the relay does not start")
        self.env = dict(os.environ, CALLMESH_VAR=os.path.join(self.dir, "var"), CALLMESH_PORT_BASE=str(centre.base + 1000), NO_COLOR="1",
                        CALLMESH_JOURNAL_SIG_BYTES=f"{max(64, int(a.cut * a.rate / 50))}M")  # 5 kB a call, and as much again

    def inside(self, *cmd):
        return ["nsenter", "-t", str(self.holder.pid), "-n", *cmd]

    def run(self, *cmd, **kw):
        return subprocess.run(self.inside(*cmd), check=True, **kw)

    def spawn(self, *cmd, **kw):
        p = subprocess.Popen(self.inside(*cmd), **kw)
        self.children.append(p)
        return p

    def callmesh(self, *args, ok=True):
        p = subprocess.run(self.inside(os.path.join(ROOT, "callmesh"), *args), env=self.env, text=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        check(not ok or p.returncode == 0, f"{self.name}: callmesh {' '.join(args)}: exit {p.returncode}: {p.stderr[-1500:]}")
        return p

    def join(self):
        line = self.centre.callmesh("site", "add", self.name, "--centre", "127.0.0.1", "--valid", "10m").stdout.strip()
        self.callmesh(*shlex.split(line)[1:])
        self.callmesh("up", "--interface", "lo")

    def order(self, line):
        self.relay.stdin.write(line + "\n")
        self.relay.stdin.flush()

    def answered(self, line):
        check(self.relay.stdout.readline() == f"ok {line}\n", f"the relay did not do '{line}'")

    def journal(self):
        port = self.centre.base + 1011
        text = self.run("curl", "-s", f"http://127.0.0.1:{port}/metrics", stdout=subprocess.PIPE, text=True).stdout
        got = dict(re.findall(r'^callmesh_bus_journal_(bytes|uncommitted|overwritten_total)\{feed="sig"\} (\d+)', text, re.M))
        return f"{self.name} {got}"

    def start_traffic(self, calls):
        self.sniff_out, self.truth = os.path.join(self.dir, "sent.json"), os.path.join(self.dir, "truth")
        self.sniff = self.spawn(sys.executable, os.path.join(HERE, "sniff.py"), "lo", self.sniff_out, stdout=subprocess.PIPE, text=True)
        check(self.sniff.stdout.readline() == "ready\n", "the oracle does not listen")
        seed = self.a.seed if self.a.same_calls else self.a.seed * 1000 + int(self.name[4:])
        self.traffic = self.spawn(os.path.join(BIN, "callmesh-traffic"), "--wire", "--calls", str(calls), "--concurrent", "2000", "--rate",
                                  str(self.a.rate), "--talk", str(self.a.talk), "--ring", "0.5", "--seed", str(seed), "--truth", self.truth,
                                  *(["--no-rtp"] if self.a.no_rtp else []), stderr=subprocess.DEVNULL)

    def sent(self):
        self.traffic.wait()
        time.sleep(0.5)
        self.sniff.send_signal(signal.SIGTERM)
        self.sniff.wait(20)
        with open(self.sniff_out, encoding="utf-8") as f:
            got = json.load(f)
        check(got["missed"] == 0, f"the oracle itself missed {got['missed']} packets")
        return got["calls"]

    def show_logs(self):
        for name in ("capture", "recorder"):
            with open(os.path.join(self.env["CALLMESH_VAR"], "log", name + ".log"), encoding="utf-8", errors="replace") as f:
                print(f"--- {self.name} {name}\n{f.read()[-2000:]}")

    def close(self):
        if os.path.isdir(self.env["CALLMESH_VAR"]):
            self.callmesh("down", ok=False)
        for p in [*self.children, self.holder]:
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(5)
                except subprocess.TimeoutExpired:
                    p.kill()


def sql(t, text):
    out = subprocess.run(["setpriv", "--reuid=callmesh", "--regid=callmesh", "--clear-groups", "psql", "-XAtq", "-F", "\t", "-h", pg_socket(t), "-U",
                          "callmesh", "-d", "callmesh", "-c", text], check=True, text=True, stdout=subprocess.PIPE, cwd="/").stdout
    return [line.split("\t") for line in out.splitlines()]


def pg_socket(t):
    with open(os.path.join(t.var, "run", "dsn"), encoding="utf-8") as f:
        return re.search(r"host=(\S+)", f.read()).group(1)


def stored(t, site):
    """Messages of each Call-ID as the database has them: read from the raw text, not from what the product made of it."""
    rows = sql(t, f"SELECT raw_form, encode(raw, 'hex') FROM sip_messages WHERE site = '{site}'")
    return collections.Counter(call_id(siptext.unpack(int(form), bytes.fromhex(text))) for form, text in rows)


def judge(t, sites, sent):
    books = collections.Counter()
    for s in sites:
        have = stored(t, s.name)
        for call, n in sent[s.name].items():
            books["sent"] += n
            books["lost"] += max(0, n - have.get(call, 0))
            books["doubled"] += max(0, have.get(call, 0) - n)
        books["stored"] += sum(have.values())
        books["foreign"] += sum(n for call, n in have.items() if call not in sent[s.name])
        rows = sql(t, f"SELECT c, count(*), min(result) FROM calls, unnest(sip_call_ids) AS c WHERE site = '{s.name}' GROUP BY c")
        calls = {c: (int(n), r) for c, n, r in rows}
        with open(s.truth, encoding="utf-8") as f:
            for truth in map(json.loads, f):
                n, result = calls.pop(truth["sip_call_id"], (0, None))
                books["calls"] += 1
                books["calls_wrong"] += n != 1 or result != truth["result"]
        books["calls_wrong"] += len(calls)
    books["declared"] = int(sql(t, "SELECT coalesce(sum(count), 0) FROM losses")[0][0] or 0)
    return books


def run(t, a):
    """The whole story; t is a Stack (the centre) that stands in a namespace of its own. Returns the books."""
    rnd = random.Random(a.seed)
    t.up()
    sites = []
    try:
        for n in range(1, a.sites + 1):
            sites.append(Site(t, n, a))
            sites[-1].join()
        wait_for("all sites to be here", lambda: sum(h["up"] for h in t.get("/harvesters")["data"]) == a.sites, 20)
        seconds = a.cut + 20 if a.cut else a.seconds
        for s in sites:
            s.start_traffic(int(a.rate * seconds))
        if a.cut:
            time.sleep(5)
            for s in sites:
                s.order("cut")
                s.answered("cut")
            print(f"links cut for {a.cut:.0f} s", flush=True)
            time.sleep(a.cut)
            print("journals at the end of the cut:", *(s.journal() for s in sites), flush=True)
            for s in sites:
                s.order("good")
                s.answered("good")
            back = time.time()
        else:
            for s in sites:
                s.order(f"random {a.seconds * rnd.uniform(0.8, 1.1):.1f}")
        sent, total = {}, 0
        if a.cut:  # what had been said up to the return of the link
            watermark = int(time.time() * 1e6)
            behind = wait_for("the backlog", lambda: backlog_gone(t, sites, watermark) and time.time() - back, 300, 0.25)
            print(f"backlog of {a.cut:.0f} s at {a.rate:g} calls/s is stored {behind:.1f} s after the link came back", flush=True)
        for s in sites:
            sent[s.name] = s.sent()
            total += sum(sent[s.name].values())
        count = "SELECT count(*) FROM sip_messages WHERE site LIKE 'site%'"
        try:
            wait_for("all messages to be stored", lambda: int(sql(t, count)[0][0]) >= total, 60, 0.5)
            wait_for("all calls to end", lambda: int(sql(t, "SELECT count(*) FROM calls WHERE state <> 'ended'")[0][0]) == 0, 30, 0.5)
        except AssertionError as e:
            print(e, flush=True)  # the books say what is missing
        books = judge(t, sites, sent)
        for s in sites:
            s.order("quit")
            print(s.name, s.relay.stdout.read().strip().splitlines()[-1], flush=True)
        print("seed {} sites {} calls {} calls_wrong {} sent {} stored {} lost {} doubled {} foreign {} declared {}".format(
            a.seed, a.sites, *(books[k] for k in "calls calls_wrong sent stored lost doubled foreign declared".split())), flush=True)
        return books
    except BaseException:
        for s in sites:
            s.show_logs()
        raise
    finally:
        for s in sites:
            s.close()


def backlog_gone(t, sites, watermark_us):
    feeds = {h["site"]: h["feed_time"] for h in t.get("/harvesters")["data"] if h["up"]}
    want = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(watermark_us / 1e6))
    return all(feeds.get(s.name) and feeds[s.name] >= want for s in sites)


def balance(books):
    return books["sent"] > 0 and not any(books[k] for k in ("lost", "doubled", "foreign", "declared", "calls_wrong"))


if __name__ == "__main__":
    stack = Stack("multisite")
    try:
        good = balance(run(stack, arguments(sys.argv[1:])))
    except BaseException:
        stack.show_logs()
        raise
    finally:
        stack.close()
    sys.exit(0 if good else 1)

"""Kills, stops and fills at random from a seed while real calls run, then counts what was sent, stored, lost, doubled and declared.

usage: run.py [--seed N] [--kills N] [--every S] [--rate CPS] [--talk S] [--fill N] [--keep] [--plant NAME]

  --kills N     faults: kill -9 and stops over capture, callstate, recorder, api, PostgreSQL (100)
  --every S     mean seconds between two of them (0.8)
  --fill N      of them: times that a small disk (PostgreSQL's, spool, journals) is filled and freed (kills / 20)
  --at-most S   ends the faults after so long, however many are left
  --quiet S     unsettled, and nothing new for so long: it will not settle (45: longer than any timer of the mesh)
  --plant NAME  callstate with a planted bug (build/plants): drop, double, cursor, fence; the run must fail
  --only A,B    strike these alone (capture callstate recorder api postgres backend disk)
  --standby     two callstate processes

Two harvesters see the same wire as two sites: `steady` is never struck, so everything that was sent must be there; `struck` is, and
what passed while it was down must lie within a Loss record of its own. Exit 0: nothing lost undeclared, nothing doubled. The same seed gives
the same sequence of faults (their moments follow the machine's clock).
"""
import argparse
import http.client
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import mesh as m  # noqa: E402
import oracle  # noqa: E402

STRUCK = "capture-struck"
# what, how, weight
FAULTS = [("callstate", "kill", 20), ("recorder", "kill", 16), (STRUCK, "kill", 12), ("postgres", "kill", 10), ("api", "kill", 8),
          ("backend", "kill", 6), ("callstate", "stop", 8), ("recorder", "stop", 6), (STRUCK, "stop", 4), ("postgres", "stop", 4), ("api", "stop", 4)]
DISKS = [("postgres", 6), ("spool", 3), ("journal", 2)]


def parse():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--kills", type=int, default=100)
    a.add_argument("--every", type=float, default=0.8)
    a.add_argument("--fill", type=int, default=-1)
    a.add_argument("--rate", type=float, default=10)
    a.add_argument("--talk", type=float, default=1.5)
    a.add_argument("--only", default="")
    a.add_argument("--at-most", type=float, default=1e9)
    a.add_argument("--settle", type=float, default=180)
    a.add_argument("--quiet", type=float, default=45)
    a.add_argument("--keep", action="store_true")
    a.add_argument("--standby", action="store_true")
    a.add_argument("--plant", default=None)
    a.add_argument("--pg-bytes", type=int, default=0)
    return a.parse_args()


def plan(o):
    """The whole sequence from the seed: (pause, what, how, how long)."""
    rng = random.Random(o.seed)
    only = set(o.only.split(",")) - {""}
    faults = [f for f in FAULTS if not only or f[0].split("-")[0] in only]
    if o.standby:
        # Each has half: that there are two makes them no likelier to be struck.
        faults = [(what, how, w / 2 if what == "callstate" else w) for what, how, w in faults]
        faults += [("callstate-2", how, w) for what, how, w in faults if what == "callstate"]
    fills = o.fill if o.fill >= 0 else (0 if only and "disk" not in only else max(1, o.kills // 20))
    at = set(rng.sample(range(o.kills), min(fills, o.kills)))
    steps = []
    for i in range(o.kills):
        pause = min(rng.expovariate(1 / o.every), 4 * o.every)
        length = 10 ** rng.uniform(-1, 0.5)  # 0.1 to 3.2 s
        if i in at:
            what = rng.choices([d[0] for d in DISKS], [d[1] for d in DISKS])[0]
            steps.append((pause, what, "fill", min(length, 2.0)))
        else:
            what, how, _ = rng.choices(faults, [f[2] for f in faults])[0]
            steps.append((pause, what, how, length if how == "stop" else rng.uniform(0, 0.5)))
    return steps


class Disks:
    """Takes all free room of a tmpfs away, and gives it back when its time has come."""

    def __init__(self, mesh):
        self.mesh, self.full, self.freed_at = mesh, {}, 0
        for p in mesh.proc.values():
            p.disk_was_full = self.was_full

    def fill(self, name, seconds):
        folder = self.mesh.disk[name]
        if folder not in self.mesh.mounts or name in self.full:
            return False
        st = os.statvfs(folder)
        used = (st.f_blocks - st.f_bfree) * st.f_frsize
        if not self.resize(folder, used + 8192):  # it grew meanwhile
            return False
        self.full[name] = (folder, st.f_blocks * st.f_frsize, time.monotonic() + seconds)
        return True

    @staticmethod
    def resize(folder, size):
        return subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=False, stderr=subprocess.DEVNULL).returncode == 0

    def look(self, all_now=False):
        for name, (folder, size, until) in list(self.full.items()):
            if all_now or time.monotonic() >= until:
                if not self.resize(folder, size):
                    raise RuntimeError(f"{folder} cannot be made larger again")
                del self.full[name]
                self.freed_at = time.monotonic()

    def was_full(self):
        return bool(self.full) or time.monotonic() - self.freed_at < 1


class Breath(threading.Thread):
    """Lets the mesh breathe. Faults at random may strike each callstate before it has ever led, for minutes: then the run measures the size of
    the journals, not what a fault does. When none has led for HURT_S, what keeps one from leading is left alone until one has led for WELL_S."""

    CORE = ("callstate", "callstate-2", "postgres", "backend")
    HURT_S, WELL_S = 8, 2

    def __init__(self, mesh):
        super().__init__(daemon=True)
        self.mesh, self.names = mesh, [n for n in mesh.proc if n.startswith("callstate")]
        self.led_at = self.leads_from = time.monotonic()
        self.breathing, self.count = False, 0

    def run(self):
        while True:
            leads = any(self.mesh.proc[n].cont_at is None and self.ready(n) for n in self.names)
            now = time.monotonic()
            self.leads_from = (self.leads_from or now) if leads else None
            if leads:
                self.led_at = now
            hurt = now - self.led_at > self.HURT_S
            self.count += hurt and not self.breathing
            self.breathing = hurt or self.breathing and not (leads and now - self.leads_from > self.WELL_S)
            time.sleep(0.1)

    def ready(self, name):
        try:
            return self.mesh.is_ready(name)
        except (ValueError, http.client.HTTPException):
            return False  # struck in mid-answer

    def leave_alone(self, what):
        return self.breathing and what in self.CORE


def strike(mesh, disks, what, how, length):
    """False: it could not be done now (it is down already)."""
    if how == "fill":
        return disks.fill(what, length)
    if what == "backend":
        pg = mesh.proc["postgres"]
        kids = m.children_of(pg.p.pid) if not pg.busy() else []
        if not kids:
            return False
        m._signal(random.Random(length).choice(kids), signal.SIGKILL)
        return True
    p = mesh.proc[what]
    if p.busy():
        return False
    if how == "kill":
        p.kill(length)
    else:
        p.stop(length, whole=what == "postgres")
    return True


def note(mesh, text):
    """faults.log: what was struck when, for whoever looks for a bug."""
    with open(mesh.path("faults.log"), "a", encoding="utf-8") as f:
        f.write(f"{oracle.stamp(time.time() * 1e6)} {text}\n")


def behind(mesh):
    """How full the journals of signalling are, and what they overwrote since each harvester's last start."""
    said, label = [], '{feed="sig"}'
    for name in (n for n in mesh.proc if n.startswith("capture")):
        try:
            got = mesh.metrics(name)
            said.append(f"{name} " + ", ".join(f"{k} {got.get('callmesh_bus_journal_' + k + label, -1):.0f}" for k in ("bytes", "uncommitted", "overwritten_total")))
        except (OSError, ValueError):
            said.append(f"{name} down")
    return "; ".join(said)


def run_faults(mesh, o, disks):
    breath = Breath(mesh)
    breath.start()
    done, skipped = {}, 0
    t0 = said = time.monotonic()
    for i, (pause, what, how, length) in enumerate(plan(o)):
        if time.monotonic() - t0 > o.at_most:
            print(f"  ends after {i} faults: --at-most {o.at_most} s", flush=True)
            break
        until = time.monotonic() + pause
        while time.monotonic() < until:
            mesh.look()
            disks.look()
            time.sleep(0.02)
        # What is down cannot be struck: a while for it to come back, for the count is a promise.
        patience = time.monotonic() + 20
        while breath.leave_alone(what) or not strike(mesh, disks, what, how, length):
            if time.monotonic() > patience and not breath.leave_alone(what):
                skipped += 1
                break
            mesh.look()
            disks.look()
            time.sleep(0.02)
        else:
            note(mesh, f"{what} {how} {length:.3f}")
            key = f"{what.removesuffix('-struck')} {how}"
            done[key] = done.get(key, 0) + 1
        if not mesh.maker.running():
            raise RuntimeError("the traffic maker has ended early")
        if time.monotonic() - said > 20:
            said = time.monotonic()
            print(f"  {i + 1} of {o.kills} faults after {said - t0:.0f} s, unexpected ends {mesh.bad_ends()}; " + behind(mesh), flush=True)
    print(f"left alone until a callstate led again: {breath.count} times", flush=True)
    return done, skipped, time.monotonic() - t0


def calm(mesh, seconds, until=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        mesh.look()
        if until and until():
            return True
        time.sleep(0.1)
    return until is None


def settle(mesh, o, sites):
    """All processes up, traffic at its end, nothing open, nothing pending, nothing new for three seconds."""
    calm(mesh, 3)
    mesh.maker.p.send_signal(signal.SIGUSR1)
    if not calm(mesh, 60, lambda: not mesh.maker.running()):
        raise RuntimeError("the traffic maker does not end")
    last, since, t0 = None, time.monotonic(), time.monotonic()
    names = ",".join(f"'{s}'" for s in sites)
    while time.monotonic() - t0 < o.settle:
        calm(mesh, 0.5)
        now = mesh.pg.query(f"SELECT (SELECT count(*) FROM sip_messages), (SELECT count(*) FROM calls WHERE site IN ({names}) AND state <> 'ended'), "
                            f"(SELECT count(*) FROM calls WHERE site IN ({names}) AND recording_state IN ('pending', 'active')), "
                            "(SELECT count(*) FROM recordings), (SELECT count(*) FROM calls)")[0]
        if now != last:
            last, since = now, time.monotonic()
        quiet = time.monotonic() - since
        if now[1] == "0" and now[2] == "0" and quiet > 3 or quiet > o.quiet:
            break
    return {"messages": int(last[0]), "calls_open": int(last[1]), "recordings_pending": int(last[2]), "took_s": time.monotonic() - t0}


def ask(mesh, path):
    """api's own connections to a database that was killed break at their next use: such a request is answered 503, to be asked again."""
    for _ in range(20):
        try:
            return mesh.get(path)
        except urllib.error.HTTPError as e:
            if e.code != 503:
                raise
            time.sleep(0.5)
    raise RuntimeError(f"GET {path}: 503 for 10 s")


def check_api(mesh, verdicts, watcher):
    """The API says of each call what PostgreSQL says; the events had each end once in a life of api."""
    bad = []
    sample = mesh.pg.query("SELECT id, state, coalesce(result, ''), message_count FROM calls ORDER BY random() LIMIT 50")
    for cid, state, result, count in sample:
        c = ask(mesh, f"/calls/{cid}")
        if (c["state"], c["result"] or "", c["message_count"]) != (state, result, int(count)):
            bad.append(f"GET /calls/{cid}: {c['state']} {c['result']} {c['message_count']}, stored {state} {result} {count}")
    # A loss is on each call that it touches, and says so where a person looks.
    for cid, n in mesh.pg.query("SELECT c.id, count(*) FROM calls c JOIN losses l ON l.site = c.site AND l.publisher = ANY (c.harvesters) AND l.from_at <= coalesce(c.ended_at, now()) "
                                "AND l.to_at >= c.started_at GROUP BY c.id ORDER BY random() LIMIT 20"):
        told = len(ask(mesh, f"/calls/{cid}")["losses"])
        if told != min(int(n), 100):
            bad.append(f"GET /calls/{cid} tells {told} losses, stored {n}")
    books = mesh.pg.query("SELECT count(*), count(*) FILTER (WHERE unbalanced <> 0), sum(applied), sum(quarantined), sum(lost), sum(base) FROM feed_books")[0]
    print("books: {} feeds, unbalanced {}; envelopes applied {}, quarantined {}, lost {}, from before {}".format(*books))
    if books[1] != "0":
        bad.append(f"the books of {books[1]} feeds do not balance")
    if watcher.ids_twice:
        bad.append(f"{watcher.ids_twice} events came twice")
    return bad


def main():
    o = parse()
    m.alone()
    if os.geteuid() != 0:
        print("skipped: root is needed for capturing, small disks and a namespace")
        return 77
    fills_bytes = o.pg_bytes or (512 << 20) + o.kills * (1200 << 10)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # through the finally below: nothing stays behind
    mesh = m.Mesh(o.seed, pg_bytes=fills_bytes, plant=o.plant, standby=o.standby, long=o.kills > 50 or o.standby)
    sites = ("steady", "struck")
    ok = False
    try:
        mesh.up(sites)
        mesh.took("up")
        disks = Disks(mesh)
        watcher = m.Watcher(mesh)
        watcher.start()
        mesh.traffic("--forever", "--concurrent", "200", "--rate", str(o.rate), "--talk", str(o.talk), "--ring", "0.4", "--seed", str(o.seed))
        calm(mesh, 3)
        print(f"seed {o.seed}: {o.kills} faults, one each {o.every} s, {o.rate} calls/s ({mesh.dir})", flush=True)
        done, skipped, took = run_faults(mesh, o, disks)
        mesh.took("faults")
        disks.look(all_now=True)
        for p in mesh.proc.values():
            if p.cont_at is not None:
                p.wake()
        rest = settle(mesh, o, sites)
        watcher.stop_now = True
        mesh.took("settled")
        verdicts = oracle.judge(mesh.pg, mesh.tee, mesh.truth, sites, mesh.audio)
        api_bad = check_api(mesh, verdicts, watcher)
        mesh.took("judged")
        ok = report(mesh, o, done, skipped, took, rest, verdicts, watcher, api_bad)
    finally:
        if not ok and not o.keep:
            for name in mesh.proc:
                tail(mesh.proc[name].log)
        mesh.close(o.keep)
    return 0 if ok else 1


def tail(path, n=1200):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            print(f"--- {path}\n{f.read()[-n:]}")
    except OSError:
        pass


def report(mesh, o, done, skipped, took, rest, verdicts, watcher, api_bad):
    print(f"faults in {took:.0f} s: " + ", ".join(f"{k} {n}" for k, n in sorted(done.items())) + (f"; {skipped} could not be made" if skipped else ""))
    print("seconds: " + ", ".join(f"{what} {s:.0f}" for what, s in mesh.seconds))
    print("starts: " + ", ".join(f"{n} {p.starts}" for n, p in mesh.proc.items())
          + f"; starts refused for a full disk: {sum(p.refused for p in mesh.proc.values())}")
    print(f"settled after {rest['took_s']:.0f} s: {rest}")
    print(f"events: {watcher.events} in {watcher.connects} connections, {watcher.resets} resets, {len(watcher.ended)} calls heard to end, "
          f"{watcher.bad_revision} told again from an earlier state (callstate restarted before it had stored them)")
    bad = list(api_bad)
    for v in verdicts:
        c = v.n
        print(f"{v.site}: messages sent {c['sent']}, stored {c['stored']}, lost {c['lost_declared'] + c['lost_undeclared']}, doubled {c['doubled']}, "
              f"declared {c['lost_declared']}, undeclared {c['lost_undeclared']}, foreign {c['foreign']}, loss records {c['loss_records']}, quarantined {c['quarantined']}")
        print(f"{v.site}: calls made {c['calls_made']}, right {c['calls_right']}, with messages missing {c['calls_hurt']}, lost {c['calls_lost']}, doubled {c['calls_doubled']}, "
              f"wrong {c['calls_wrong']}, not flagged {c['calls_not_flagged']}")
        print(f"{v.site}: recordings wanted {c['recordings_wanted']}, ready {c['recordings_ready']}, missing {c['recordings_missing']}, declared {c['recordings_declared']}; "
              f"frames sent {c['frames_sent']}, right {c['frames_right']}, declared {c['frames_declared']}, undeclared {c['frames_undeclared']}, doubled {c['frames_doubled']}")
        bad += v.wrong
    places = mesh.pg.query("SELECT site, place, count(*) FROM losses GROUP BY 1, 2 ORDER BY 1, 2")
    print("loss records by place: " + (", ".join(" ".join(p) for p in places) or "none")
          + " (capture_down: passed on the wire while the harvester itself was dead or stood still; nobody could see it)")
    steady = verdicts[0].n
    if steady["lost_declared"]:
        bad.append(f"steady: {steady['lost_declared']} messages lost at a harvester that nobody struck")
    ends = {n: e for n, e in mesh.bad_ends().items() if n != "postgres"}
    if ends:
        bad.append(f"unexpected ends (exit codes): {ends}")
    if rest["calls_open"] or rest["recordings_pending"]:
        bad.append(f"not settled: {rest}")
    for line in bad[:60]:
        print(f"  !! {line}")
    good = not bad and not any(v.bad() for v in verdicts)
    print(f"seed {o.seed}: " + ("nothing lost undeclared, nothing doubled" if good else f"FAILED, {len(bad)} findings"))
    return good


if __name__ == "__main__":
    sys.exit(main())

"""PostgreSQL goes away under real calls: a streaming replica is promoted, or nothing is there for a long time. Then the oracle counts.

usage: failover.py [--seed N] [--mode all|sync|lagging|away] [--away S] [--rate CPS] [--keep]

  sync      the replica confirms each commit; the primary is killed (-9, all of it), the replica promoted: nothing may be lost
  lagging   the replica stands still for 5 s before that: it knows less than callstate had committed. The cursors in it are older, so
            the journals of the sites give again what is missing
  away      no database for --away seconds (120): the journals hold, and all arrives in order. The recorder is away before it, and
            up to 20 s through it, longer than callstate waits where it knows of none: nothing is given up, all is recorded
  all       the three, one after the other, in one mesh with one count at the end: away, sync, and lagging with a replica of the replica

Exit 0: nothing lost, nothing doubled.
"""
import argparse
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import subprocess  # noqa: E402

import mesh as m  # noqa: E402
import run  # noqa: E402


RECORDER_TIMERS = ("--timers.recorder-dead=1s", "--timers.recorder-slow=2s")


class Replica(m.Postgres):
    """Of mesh.pg, as it stands then."""

    def __init__(self, mesh, name):
        super().__init__(name, mesh.folder(name, 1 << 30), mesh.path(f"log/{name}.log"))
        self.mesh = mesh

    def follow(self):
        primary = self.mesh.pg
        os.makedirs(self.folder, exist_ok=True)
        m.shutil.chown(self.folder, m.USER, "nogroup")
        with open(self.log, "ab") as out:
            subprocess.run(m.as_user(os.path.join(m.PG_BIN, "pg_basebackup"), "-h", primary.folder, "-U", "callmesh", "-D", self.data, "-R",
                                     "-X", "stream", "-c", "fast"), check=True, stdout=out, stderr=out, cwd="/")
        self.configure()
        self.start()
        m.wait_for("the replica", self.ready)
        self.mesh.proc[self.name] = self

    def confirm(self, names):
        """Which replicas the primary waits for at each commit."""
        self.mesh.pg.query(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.mesh.pg.query("SELECT pg_reload_conf()")

    def promote(self):
        self.query("SELECT pg_promote(true, 30)")


def kill_whole(pg):
    """The machine is gone: postmaster and all its children at one moment; it does not come back."""
    pids = [pg.p.pid] + m.children_of(pg.p.pid)
    pg.struck = True
    for pid in pids:
        m._signal(pid, signal.SIGKILL)
    pg.p.wait()
    pg.start_at = time.monotonic() + 1e9


def cursor(pg):
    return int(pg.query("SELECT coalesce(sum(seq), 0) FROM feed_cursors")[0][0])


def fail_over(mesh, replica, lagging):
    replica.follow()
    if lagging:
        # It finds older cursors than its own, and begins anew from them.
        mesh.proc["callstate"].may_end = (m.EXIT_UNAVAILABLE,)
        run.calm(mesh, 2)
        replica.stop(1e9, whole=True)
        run.calm(mesh, 5)
    else:
        replica.confirm("*")
        run.calm(mesh, 2)
    at = time.monotonic()
    before = cursor(mesh.pg)
    kill_whole(mesh.pg)
    if lagging:
        replica.wake()
    run.calm(mesh, 1)
    replica.promote()
    found = cursor(replica)
    mesh.pg = replica
    replica.confirm("")
    committed = lambda: cursor(replica) > found  # noqa: E731
    run.calm(mesh, 60, committed)
    return {"sum of cursors before": before, "in the promoted one": found, "first commit after s": round(time.monotonic() - at, 1)}


def waits(mesh):
    """Recordings whose recorder is away, and those that were given up."""
    got = mesh.metrics("callstate")
    return int(got["callmesh_callstate_recordings_awaited_away"]), int(sum(v for k, v in got.items() if k.startswith("callmesh_callstate_recordings_given_up_total")))


def recorder_stays_away(mesh):
    """Longer than callstate waits for one that it does not know (RECORDER_TIMERS): its calls wait for it."""
    run.calm(mesh, 30, lambda: waits(mesh)[0] > 0)
    run.calm(mesh, 2.5)
    waiting, given_up = waits(mesh)
    if not waiting or given_up:
        raise RuntimeError(f"the recorder is away: {waiting} of its calls wait, {given_up} were given up")
    return waiting


def away(mesh, seconds):
    recorder, callstate, both = mesh.proc["recorder"], mesh.proc["callstate"], seconds <= 20
    recorder.kill(1e9)
    waiting = recorder_stays_away(mesh)
    if not both:
        recorder.start_at = time.monotonic()  # the journals of media are not made for minutes of it
    rows = mesh.pg.query("SELECT count(*) FROM sip_messages")[0][0]
    at = time.monotonic()
    mesh.pg.kill(seconds)
    run.calm(mesh, seconds + 1, mesh.pg.running)
    back = time.monotonic()
    m.wait_for("PostgreSQL", mesh.pg.ready)
    run.calm(mesh, 60, lambda: int(mesh.pg.query("SELECT count(*) FROM sip_messages")[0][0]) > int(rows))
    if both:
        callstate.kill(0)  # the next one knows of the recorder by its cursor alone
        run.calm(mesh, 30, lambda: mesh.is_ready("callstate"))
        waiting = max(waiting, recorder_stays_away(mesh))
        recorder.start_at = time.monotonic()
    return {"calls that waited for the recorder": waiting, "away s": round(back - at, 1), "first rows after its return s": round(time.monotonic() - back, 1)}


def in_order(pg):
    """The rows of a feed were committed in the order of the feed: no message by a later transaction than one that follows it. (Where
    a row stands in its table says nothing: after a crash PostgreSQL fills up the pages that it had begun.)"""
    return pg.query("SELECT publisher, seq, n, method, x, before FROM (SELECT *, xmin::text::bigint AS x, "
                    "lag(xmin::text::bigint) OVER (PARTITION BY publisher ORDER BY seq, n) AS before FROM sip_messages) t WHERE before > x")


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--mode", choices=("all", "sync", "lagging", "away"), default="all")
    a.add_argument("--away", type=float, default=120)
    a.add_argument("--rate", type=float, default=8)
    a.add_argument("--settle", type=float, default=120)
    a.add_argument("--quiet", type=float, default=45)
    a.add_argument("--keep", action="store_true")
    o = a.parse_args()
    m.alone()
    if os.geteuid() != 0:
        print("skipped: root is needed")
        return 77
    mesh = m.Mesh(o.seed)
    sites = ("steady", "struck")  # nobody strikes a harvester here
    modes = ("away", "sync", "lagging") if o.mode == "all" else (o.mode,)
    replicas = {mode: Replica(mesh, f"replica-{mode}") for mode in modes if mode != "away"}
    ok = False
    try:
        mesh.dsn = f"host={','.join(pg.folder for pg in (mesh.pg, *replicas.values()))} user=callmesh dbname=postgres target_session_attrs=read-write"
        mesh.up(sites, callstate=RECORDER_TIMERS)
        mesh.took("up")
        mesh.traffic("--forever", "--concurrent", "200", "--rate", str(o.rate), "--talk", "1.5", "--ring", "0.4", "--seed", str(o.seed))
        watcher = m.Watcher(mesh)
        watcher.start()
        for mode in modes:
            run.calm(mesh, 5)
            what = away(mesh, o.away) if mode == "away" else fail_over(mesh, replicas[mode], mode == "lagging")
            print(f"{mode}: {what}", flush=True)
            mesh.took(mode)
        run.calm(mesh, 5)
        rest = run.settle(mesh, o, sites)
        mesh.took("settled")
        watcher.stop_now = True
        verdicts = run.oracle.judge(mesh.pg, mesh.tee, mesh.truth, sites, mesh.audio)
        api_bad = run.check_api(mesh, verdicts, watcher)
        mesh.took("judged")
        ok = run.report(mesh, o, dict.fromkeys(modes, 1), 0, 0, rest, verdicts, watcher, api_bad)
        if "away" in modes:
            bad = in_order(mesh.pg)
            print(f"rows out of the order of their feed: {len(bad)} {bad[:5]}")
            ok = ok and not bad
    finally:
        if not ok:
            for name in mesh.proc:
                run.tail(mesh.proc[name].log)
        for pg in (mesh.proc["postgres"], *replicas.values()):
            pg.end(signal.SIGINT)
        mesh.close(o.keep)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())

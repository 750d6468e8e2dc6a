#!/usr/bin/env python3
"""The N-th resource refused, N = 1, 2, 3, ..., while each service starts.

refuse.c (LD_PRELOAD) refuses the N-th call of a kind once: memory, mappings, opened files, sockets, other descriptors, threads, processes. The service
must then end with its own exit code and one error line that says why, by no signal, with no child left; or, where the call was one that can be
done without, be ready, and say that something is missing when the call was one of ours. Then it must end in order when asked.

usage: run.py --build DIR [--short] [--service NAME] [--kind KIND] [--nth N] [--most N] [--ever] [--verbose]
  --short    a few places of each kind, drawn by --seed (default 1): what ./callmesh test unit does
  --most N   at most so many places of each kind, drawn (an interface's worker builds its cage of 16,000 small pieces of memory)
  --ever     from the N-th on all are refused
exit: 0 all well, 1 not, 77 it cannot be run here
"""
import argparse
import concurrent.futures
import ctypes
import json
import mmap
import os
import random
import re
import signal
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
KINDS = ["malloc", "mmap", "open", "socket", "descriptor", "thread", "process"]
STATE = struct.Struct("=3Q2Q%dQQ256s" % len(KINDS))
FROZEN_AT = 3 * 8
READY = re.compile(rb"\bready\b.*memory_at_start")
START_MAX_S, STOP_MAX_S, LIBRARY_MAX_S = 20, 10, 5
CLONE_NEWNET, PR_SET_CHILD_SUBREAPER = 0x40000000, 36
# Where the library that was refused ends the process itself, by panic or fault, or waits for ever for its own thread: before anything was done, and
# nothing of ours can catch it. nng 1.5.2 (its threads, and memory of its reaper), libseccomp 2.5.4 (memory while the filter is built).
# The loader's own memory is that of every process: it ends the process where it cannot tell anybody.
BY_ITSELF = ("libnng.so", "libseccomp.so", "ld-linux")
# Ours that are asked for again a moment later, and counted where it matters: nothing is said of the first time.
AGAIN = {"ring_eventfd": "callstate's database thread looks each millisecond without it", "heirs_park": "capture_worker_park_refused_total"}
# sysexits.h. After "ready" also 1: an interface's worker that could not start had ended it already when we asked.
OWN_EXITS = set(range(64, 79))
SHORT_PLACES = {"malloc": 2, "mmap": 1, "open": 1, "socket": 1, "descriptor": 1, "thread": 1, "process": 1}
libc = ctypes.CDLL(None, use_errno=True)


class Service:
    def __init__(self, name, program, args, ends=False):
        self.name, self.program, self.args, self.ends = name, program, args, ends


def services(build, folder, dsn):
    """Small tables: a start takes milliseconds, and the resources are the same."""
    def at(name):
        return os.path.join(build, "bin", "callmesh-" + name)
    small = ["--capture.streams", "64", "--capture.media-addresses", "64", "--capture.fragments", "2", "--capture.tcp", "2",
             "--capture.framed-tcp", "2", "--capture.signalled-calls", "16", "--capture.peers", "64", "--capture.duplicate-entries", "64",
             "--capture.tls-connections", "4", "--capture.tls-secrets", "16", "--capture.hep-connections", "1"]
    journals = ["--journal.dir", "{dir}/journal", "--journal.sig-bytes", "1M", "--journal.rtp-bytes", "4M"]
    keylog = os.path.join(folder, "keylog")
    open(keylog, "w").close()
    pcap = os.path.join(folder, "empty.pcap")
    with open(pcap, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    return [
        Service("capture-file", at("capture"), ["--read", pcap, "--no-bus", *small], ends=True),
        Service("capture-listeners", at("capture"), ["--hep", "127.0.0.1:{port}", "--vxlan", "127.0.0.1:{port1}", *small, *journals]),
        Service("capture-live", at("capture"), ["--interface", "lo", "--capture.ring-bytes", "1M", "--capture.handover-bytes", "4M",
                                                "--capture.workers", "2", "--capture.tls-keylog", keylog, *small, *journals]),
        Service("recorder", at("recorder"), ["--spool.dir", "{dir}/spool", "--spool.bytes", "16M", "--spool.segment-bytes", "1M",
                                             "--recordings.dir", "{dir}/recordings", "--keys.dir", "{dir}/keys", "--journal.dir", "{dir}/journal",
                                             "--journal.bytes", "1M", "--spool.streams", "16", "--spool.chains", "64", "--mesh.calls", "16"]),
        Service("api", at("api"), ["--store.dsn", "host=%s/none user=x" % folder, "--http.listen", "127.0.0.1:{port}", "--keys.dir", "{dir}/keys",
                                   "--recordings.dir", "{dir}/recordings"]),
        Service("callstate", at("callstate"), ["--store.dsn", dsn + " dbname={database}", "--store.schema-dir", os.path.join(ROOT, "deploy/schema"), "--limits.calls", "16",
                                               "--limits.legs", "16", "--limits.streams", "16", "--limits.addresses", "16", "--lease.ttl", "500ms"]),
    ]


class Refusal:
    """The memory that refuse.c shares with us."""

    def __init__(self, folder, kind, nth, ever):
        self.name = os.path.join(folder, "state")
        with open(self.name, "wb") as f:
            f.write(STATE.pack(KINDS.index(kind), nth, ever, 0, 0, *[0] * len(KINDS), 0, b""))
        with open(self.name, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), STATE.size)

    def freeze(self):
        self.map[FROZEN_AT:FROZEN_AT + 8] = struct.pack("=Q", 1)

    def read(self):
        f = STATE.unpack(self.map[:])
        return {"fired": f[4], "seen": dict(zip(KINDS, f[5:5 + len(KINDS)])), "at": f[-2], "where": f[-1].split(b"\0")[0].decode()}


def in_library(r):
    return os.path.basename(r["where"]).startswith(BY_ITSELF)


def children_left():
    """Those whose parent has gone are ours (subreaper). Given half a second to end by themselves."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
        except ChildProcessError:
            return 0
    left = 0
    for line in open("/proc/self/task/%d/children" % os.getpid()).read().split():
        os.kill(int(line), signal.SIGKILL)
        os.waitpid(int(line), 0)
        left += 1
    return left


def run_one(service, lib, kind, nth, ever):
    with tempfile.TemporaryDirectory(prefix="refuse-") as folder:
        refusal = Refusal(folder, kind, nth, ever)
        args = [a.format(dir=folder, port=7701, port1=7702, database=own_database) for a in service.args]
        env = {"PATH": os.environ["PATH"], "LD_PRELOAD": lib, "REFUSE_STATE": refusal.name, "TMPDIR": folder}
        with open(os.path.join(folder, "err"), "w+b") as err:
            p = subprocess.Popen([service.program, *args, "--health.listen", "127.0.0.1:7700"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=err, env=env, cwd=folder)
            ready, hung, began = False, False, time.monotonic()
            while p.poll() is None and not ready and not hung:
                time.sleep(0.002)
                ready = bool(READY.search(os.pread(err.fileno(), 1 << 16, 0)))
                waited = time.monotonic() - began
                hung = waited > START_MAX_S or (waited > LIBRARY_MAX_S and in_library(refusal.read()))
            refusal.freeze()
            ready = ready or bool(READY.search(os.pread(err.fileno(), 1 << 16, 0)))
            if ready and not service.ends and p.poll() is None:
                p.send_signal(signal.SIGTERM)
            try:
                code = p.wait(1 if hung else STOP_MAX_S)
            except subprocess.TimeoutExpired:
                p.kill()
                code, hung = p.wait(), True
            left = children_left()
            text = os.pread(err.fileno(), 1 << 16, 0).decode(errors="replace")
        return {"service": service.name, "kind": kind, "nth": nth, "ready": ready, "hung": hung, "code": code, "left": left, "text": text,
                **refusal.read()}


def be_apart(dsn):
    """Once in each process that runs services: a network of its own, and the children of those that end come to us."""
    global own_database
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace of one's own here")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    own_database = "refuse%d" % os.getpid()  # of one database only one callstate leads
    if dsn:
        subprocess.run(["psql", "-qd", dsn, "-c", "CREATE DATABASE " + own_database], check=True)


def own(result):
    return os.path.basename(result["where"]).startswith("callmesh-")


def by_library(r):
    return in_library(r) and (r["hung"] or (not r["left"] and r["code"] in (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGSYS)))


def verdict(r):
    """None, or what is wrong."""
    lines = [line for line in r["text"].splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"\b(error|warn)\b", line) or line.startswith("callmesh-")]
    if by_library(r):
        return None
    if r["hung"]:
        return "did not start, did not end"
    if r["code"] < 0:
        return "ended by signal %d" % -r["code"]
    if r["left"]:
        return "%d children left" % r["left"]
    if not r["fired"]:
        return None if r["ready"] and r["code"] == 0 else "nothing was refused, and yet exit %d" % r["code"]
    if not r["ready"]:
        if r["code"] not in OWN_EXITS:
            return "exit %d" % r["code"]
        errors = [line for line in told if re.search(r"\berror\b", line) or line.startswith("callmesh-")]
        return None if errors else "no line says why"
    if r["code"] != 0 and not (told and r["code"] in OWN_EXITS | {1}):
        return "was ready, then exit %d" % r["code"]
    return "went on and did not say so" if own(r) and not told and not any(name in symbol(r).split() for name in AGAIN) else None


def symbol(r):
    if not r["where"]:
        return "?"
    lines = subprocess.run(["addr2line", "-f", "-s", "-i", "-e", r["where"], "%x" % (r["at"] - 1)], capture_output=True, text=True).stdout.split("\n")
    return "%s %s" % (os.path.basename(r["where"]), " < ".join(lines[0:6:2])) if own(r) else "%s+%x" % (os.path.basename(r["where"]), r["at"])


def places(total, most, draw):
    every = range(1, total + 1)
    return every if total <= most else sorted(draw.sample(every, most))


def start_database(folder):
    said = os.path.join(folder, "dsn")  # a file: whoever holds the other end of a pipe lives as long as the database
    with open(said, "w") as f:
        subprocess.run([os.path.join(ROOT, "tests/support/pg_throwaway.sh"), "start", os.path.join(folder, "pg")], stdout=f, check=True)
    return open(said).read().strip()


def judge(service, results, verbose):
    bad = 0
    for r in results:
        wrong = verdict(r)
        if wrong or verbose:
            print("%s %s %s %d: %s (refused in %s, exit %d%s)" % ("FAIL" if wrong else "ok", r["service"], r["kind"], r["nth"], wrong or "", symbol(r),
                                                                r["code"], ", ready" if r["ready"] else ""))
        if wrong:
            bad += 1
            print("".join("    | %s\n" % line for line in r["text"].splitlines()[-6:]), end="")
    return bad


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--build", required=True)
    a.add_argument("--short", action="store_true")
    a.add_argument("--most", type=int, default=1 << 30)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--service")
    a.add_argument("--kind", choices=KINDS)
    a.add_argument("--nth", type=int)
    a.add_argument("--ever", action="store_true")
    a.add_argument("--verbose", action="store_true")
    o = a.parse_args()
    if os.geteuid() != 0:
        print("needs root: namespaces, an interface")
        return 77
    folder = tempfile.mkdtemp(prefix="refuse-")
    os.chmod(folder, 0o755)
    lib = os.path.join(os.path.abspath(o.build), "bin", "librefuse.so")
    wants_db = not o.service or o.service == "callstate"
    dsn = start_database(folder) if wants_db else ""
    draw, bad, runs, began = random.Random(o.seed), 0, 0, time.monotonic()
    try:
        with concurrent.futures.ProcessPoolExecutor(os.cpu_count() + 1, initializer=be_apart, initargs=(dsn,)) as pool:
            for s in services(os.path.abspath(o.build), folder, dsn):
                if o.service and s.name != o.service:
                    continue
                plain = pool.submit(run_one, s, lib, KINDS[0], 0, False).result()  # counts, refuses none
                wrong = verdict(plain)
                if wrong:
                    print("FAIL %s undisturbed: %s\n%s" % (s.name, wrong, plain["text"]))
                    bad += 1
                    continue
                jobs = []
                for kind in [o.kind] if o.kind else KINDS:
                    for n in [o.nth] if o.nth else places(plain["seen"][kind], SHORT_PLACES[kind] if o.short else o.most, draw):
                        jobs.append(pool.submit(run_one, s, lib, kind, n, o.ever))
                results = [j.result() for j in jobs]
                bad += judge(s, results, o.verbose)
                runs += len(results)
                print("%s: %s; %d refused, of these %d ended with their own exit, %d could be done without, %d ended within a library" % (
                    s.name, " ".join("%s=%d" % kv for kv in plain["seen"].items()), sum(r["fired"] > 0 for r in results),
                    sum(not r["ready"] and r["code"] > 0 for r in results),
                    sum(r["ready"] and r["fired"] > 0 and r["code"] >= 0 for r in results), sum(by_library(r) for r in results)), flush=True)
    finally:
        if dsn:
            subprocess.run([os.path.join(ROOT, "tests/support/pg_throwaway.sh"), "stop", os.path.join(folder, "pg")])
        shutil.rmtree(folder, ignore_errors=True)
    print("%d starts with a refusal in %.1f s, %d bad" % (runs, time.monotonic() - began, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

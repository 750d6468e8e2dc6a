#!/usr/bin/env python3
"""What taking in costs: a file of two-way G.711 through capture and the recorder, over the real bus into the real look-back.
Nothing is cut and there is no PostgreSQL: sig_sink takes the signalling.

    bench/take_in.py                             100 and 2,000 calls up
    bench/take_in.py --bins /tmp/before build/bin --runs 5      two builds by turns, for a machine that others use too

Packets a CPU second of both processes, capture's start included; CPU nanoseconds a packet by thread (the median of the runs and the least).
Run it in a network namespace of its own, or where ports 21500 to 21520 are free. The last line is JSON.
"""
import argparse
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "bin")
BASE = 21500
URL = [f"tcp://127.0.0.1:{BASE + n}" for n in range(8)]
IDLE = ("cutter", "mesh", "report", "upload", "health", "bus-ask", "bus-sync")


def threads(pid):
    cpu = {}
    for t in glob.glob(f"/proc/{pid}/task/*"):
        try:
            with open(f"{t}/comm", encoding="utf-8") as f:
                name = f.read().strip()
            with open(f"{t}/schedstat", encoding="utf-8") as f:
                cpu[name] = cpu.get(name, 0) + int(f.read().split()[0]) / 1e9
        except (OSError, IndexError):
            pass
    return cpu


class Pair:
    """A recorder with an empty look-back, and the sink."""

    def __init__(self, bins, folder):
        self.bins, self.folder = bins, os.path.join(folder, "var")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.sink = subprocess.Popen([os.path.join(BUILD, "sig_sink"), URL[1], URL[2]], stdin=subprocess.PIPE)
        var = [f"--{k}.dir={self.folder}/{k}" for k in ("spool", "recordings", "journal", "keys")]
        urls = {"rtp-url": 5, "rtp-ask-url": 6, "sig-url": 1, "sig-ask-url": 2, "mesh-url": 3, "control-url": 4, "live-url": 7}
        self.recorder = subprocess.Popen([os.path.join(bins, "callmesh-recorder"), *var, "--health.listen=", "--log.level=warn",
                                          *(f"--bus.{k}={URL[n]}" for k, n in urls.items())])
        while "intake" not in threads(self.recorder.pid):  # before that it starts
            time.sleep(0.05)

    def capture(self, path):
        urls = {"sig-url": 1, "sig-ask-url": 2, "rtp-url": 5, "rtp-ask-url": 6}
        with open(os.path.join(self.folder, "report"), "wb") as out:  # a pipe would fill: it tells of each stream
            p = subprocess.Popen([os.path.join(self.bins, "callmesh-capture"), *(f"--bus.{k}={URL[n]}" for k, n in urls.items()), "--site=bench",
                              "--json", "--log.level=warn", "--health.listen=", "--read", path], stdout=out)
        last = {}
        while True:
            pid, status, used = os.wait4(p.pid, os.WNOHANG)
            if pid:
                break
            last = threads(p.pid) or last
            time.sleep(0.02)
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode:
            raise SystemExit(f"capture ended with {p.returncode}")
        with open(os.path.join(self.folder, "report"), encoding="utf-8") as f:
            report = json.load(f)
        return report, used.ru_utime + used.ru_stime, last

    def end(self):
        self.recorder.send_signal(signal.SIGTERM)
        self.recorder.wait()
        self.sink.stdin.close()
        self.sink.wait()


def one(bins, folder, path):
    pair = Pair(bins, folder)
    before = threads(pair.recorder.pid)
    report, capture_s, parts = pair.capture(path)
    after = threads(pair.recorder.pid)
    pair.end()
    took = {n: v - before.get(n, 0) for n, v in after.items() if not n.startswith(IDLE)}
    n = report["rtp_packets"]
    row = {"capture": capture_s, **{f"capture {k}": v for k, v in parts.items()}, **{f"recorder {k}": v for k, v in took.items()}}
    return n, n / (capture_s + sum(took.values())), {k: v / n * 1e9 for k, v in row.items()}


def rates(o, folder, path, calls):
    kept = {b: [] for b in o.bins}
    for _ in range(o.runs):
        for b in o.bins:
            kept[b].append(one(b, folder, path))
    rows = []
    for b, runs in kept.items():
        n, rate = runs[0][0], [r[1] for r in runs]
        parts = sorted({k for r in runs for k in r[2]}, key=lambda k: -statistics.median(r[2].get(k, 0) for r in runs))
        print(f"{calls}, {n} packets, {b}: {statistics.median(rate):.0f} packets a CPU second in the middle, {max(rate):.0f} at best", flush=True)
        for k in parts:
            ns = [r[2].get(k, 0) for r in runs]
            if statistics.median(ns) >= 5:
                print(f"    {k:28} {statistics.median(ns):7.0f} ns a packet, least {min(ns):.0f}")
        rows.append({"calls": calls, "packets": n, "bins": b, "per_cpu_s": [round(r) for r in rate]})
    return rows


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--calls", nargs="*", default=["100:30", "2000:8"], metavar="CALLS:TALK_SECONDS")
    a.add_argument("--bins", nargs="*", default=[BUILD], help="folders of built programs, by turns")
    a.add_argument("--runs", type=int, default=3)
    a.add_argument("--read", nargs="*", default=[], metavar="FILE", help="these files instead of calls made for it")
    o = a.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="take-in-") as folder:
        for path in o.read:
            rows += rates(o, folder, path, os.path.basename(path))
        for spec in o.calls if not o.read else []:
            calls, talk = (int(x) for x in spec.split(":"))
            path = os.path.join(folder, "calls.pcap")
            subprocess.run([os.path.join(BUILD, "callmesh-traffic"), "--mix", "1,0,0,0", "--hold", "0", "--calls", str(max(calls, 12000 // talk)),
                            "--concurrent", str(calls), "--talk", str(talk), "--ring", "0.1", "--out", path], check=True, stderr=subprocess.DEVNULL)
            rows += rates(o, folder, path, f"{calls} calls")
            os.unlink(path)
    print(json.dumps({"bench": "take_in", "rates": rows}))


main()

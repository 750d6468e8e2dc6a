#!/usr/bin/env python3
"""callstate_rate.py: whole calls a second from the sig feed into PostgreSQL, and what a call costs.

A private callmesh; the traffic maker writes a file of signalling (7 messages a call); callmesh-capture reads it as fast as callstate takes it. Measured from
the start of the reading until all is committed: calls a second, and CPU seconds by process, PostgreSQL's own children together. Asserts only that all calls are
there. Capture's CPU is that of reading the file and stands apart.
usage: bench/callstate_rate.py [--calls 40000] [--rate 500]     needs what ./callmesh up needs; ports from 21000 on, state in a temporary folder
"""
import argparse
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import harness  # noqa: E402

harness._next_base[0] = 21000
TICK = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        v = f.read().rsplit(")", 1)[1].split()
    return (int(v[11]) + int(v[12])) / TICK, (int(v[13]) + int(v[14])) / TICK, int(v[1])


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def postgres_cpu(postmaster):
    """The postmaster, its live children, and its children that have ended."""
    own, ended, _ = cpu_of(postmaster)
    total = own + ended
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            cpu, _, parent = cpu_of(pid)
        except OSError:
            continue
        total += cpu if parent == postmaster else 0
    return total


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--calls", type=int, default=40000)
    a.add_argument("--rate", type=float, default=500)
    a.add_argument("--talk", type=float, default=4)
    o = a.parse_args()
    stack = harness.Stack("rate")
    try:
        trace = stack.path("sig.pcap")
        made = stack.traffic(trace, "--calls", str(o.calls), "--rate", str(o.rate), "--talk", str(o.talk), "--concurrent", "8000", "--no-rtp")
        stack.up()
        with open(os.path.join(stack.var, "pg", "data", "postmaster.pid"), encoding="utf-8") as f:
            postmaster = int(f.readline())
        callstate = stack.service_pid("callstate")
        bus = [f"--bus.{n}=tcp://127.0.0.1:{stack.base + p}" for n, p in (("sig-url", 1), ("sig-ask-url", 2), ("rtp-url", 5), ("rtp-ask-url", 6))]
        before = cpu_of(callstate)[0], postgres_cpu(postmaster), {s: cpu_of(stack.service_pid(s))[0] for s in ("api", "recorder")}
        t0 = time.monotonic()
        capture = subprocess.run([os.path.join(harness.BIN, "callmesh-capture"), *bus, "--site=bench", f"--read={trace}", "--json", "--log.level=warn",
                                  "--health.listen="], stdout=subprocess.PIPE, check=True)
        wall = time.monotonic() - t0
        after = cpu_of(callstate)[0], postgres_cpu(postmaster), {s: cpu_of(stack.service_pid(s))[0] for s in ("api", "recorder")}
        calls = 0
        psql = subprocess.run(["setpriv", "--reuid=callmesh", "--regid=callmesh", "--clear-groups", "psql", "-h", os.path.join(stack.var, "pg"), "-U", "callmesh", "-Atc",
                               "SELECT count(*), sum(message_count), pg_total_relation_size('sip_messages_default'), pg_total_relation_size('calls_default') FROM calls"],
                              stdout=subprocess.PIPE, text=True, cwd="/")
        calls, messages = psql.stdout.strip().split("|")[:2]
        harness.check(int(calls) == len(made), f"{calls} calls stored, {len(made)} made: {capture.stdout[:300]}")
        cs, pg = after[0] - before[0], after[1] - before[1]
        print(f"{calls} calls, {messages} messages in {wall:.1f} s: {len(made) / wall:.0f} calls/s")
        print(f"CPU: callstate {cs:.2f} s ({len(made) / cs:.0f} calls per CPU second), postgres {pg:.2f} s ({len(made) / pg:.0f}), "
              f"both {len(made) / (cs + pg):.0f}; api {after[2]['api'] - before[2]['api']:.2f} s, recorder {after[2]['recorder'] - before[2]['recorder']:.2f} s")
        print(f"RSS of callstate {rss_kb(callstate)} kB; {psql.stdout.strip()}")
    finally:
        stack.close()


main()

#!/usr/bin/env python3
"""record_rate.py: what recording costs: packets a CPU second of the recorder's threads, with so many calls up.

A private callmesh replays a file of the traffic maker (two-way G.711). The recorder's CPU is that of its threads, by name: intake is what each packet costs while
calls go on, the cutter what its place in a file, its encryption and its hashes cost. What capture costs, capture.sh says. Also: are there gaps
that nothing explains, and how large the recorder is. Prints figures, asserts nothing.
usage: bench/record_rate.py [--calls 100,2000] [--talk 10]     needs what ./callmesh up needs; ports from 21000 on, state in a temporary folder
"""
import argparse
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import harness  # noqa: E402

harness._next_base[0] = 21000
TICK = os.sysconf("SC_CLK_TCK")


def threads(pid):
    cpu = {}
    for t in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{t}/stat", encoding="utf-8") as f:
            name, rest = f.read().rsplit(")", 1)
        name, rest = name.split("(", 1)[1], rest.split()
        cpu[name] = cpu.get(name, 0) + (int(rest[11]) + int(rest[12])) / TICK
    return cpu


def rss_mb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def measure(stack, calls, talk):
    path = stack.path(f"{calls}.pcap")
    stack.traffic(path, "--calls", str(calls), "--concurrent", str(calls), "--rate", str(calls), "--talk", str(talk), "--ring", "0.5", "--hold", "0")
    pid = stack.service_pid("recorder")
    before = threads(pid)
    stack.replay(path, timeout=600)
    after = threads(pid)
    os.unlink(path)
    site = max(stack.get("/sites")["data"], key=lambda s: s["site"] not in seen)["site"]
    seen.add(site)
    packets = lost = gaps = ready = 0
    cursor = ""
    while cursor is not None:
        page = stack.get(f"/recordings?limit=200&site={site}{'&cursor=' + cursor if cursor else ''}")
        for r in page["data"]:
            ready += r["status"] == "ready"
            packets += sum(c["packets"] for c in r["channels"])
            lost += sum(c["lost"] for c in r["channels"])
            gaps += sum(g["reason"] in ("loss", "not_captured") for g in r["gaps"])
        cursor = page["next_cursor"]
    cpu = {n: after[n] - before.get(n, 0) for n in after}
    intake = sum(v for n, v in cpu.items() if n in ("intake", "bus-sub", "bus-rep") or n.startswith("nng"))
    print(f"calls {calls}: {packets} packets in {ready} recordings, {lost} lost, {gaps} gaps; taking in {intake:.2f} s "
          f"({', '.join(f'{n} {v:.2f}' for n, v in sorted(cpu.items(), key=lambda x: -x[1]) if v >= 0.01)}), {rss_mb(pid):.0f} MB")
    if packets:
        print(f"    packets a CPU second: taking in {packets / intake:.0f}, with cutting {packets / sum(cpu.values()):.0f}")


seen = set()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--calls", default="100,2000")
    a.add_argument("--talk", type=int, default=10)
    o = a.parse_args()
    stack = harness.Stack("record")
    try:
        stack.up()
        for calls in o.calls.split(","):
            measure(stack, int(calls), o.talk)
    finally:
        stack.close()


main()

#!/usr/bin/env python3
"""callstate_memory.py: RSS of callstate with so many calls open, and again after the same load a second time.

A private callmesh; the traffic maker writes signalling of calls that are all open at one time (a leg, SDP of both sides, no RTP), and the same again an hour
later with other Call-IDs. callmesh-capture reads each as fast as callstate takes it. RSS is read five times a second: with the most calls open, and after each
wave. How many were open is callstate's own gauge, which it sets once a second: a wave that would be over before it is looked at is read more slowly.
Asserts that nine in ten were open together, and that the last wave left RSS where the first did (to 1 MB: what malloc and the bus hold in their own caches comes and goes).
usage: bench/callstate_memory.py [--open 9900] [--calls 40000] [--waves 2]     needs what ./callmesh up needs; ports from 21000 on, state in a temporary folder
short: bench/callstate_memory.py --open 900 --calls 1500 --waves 3             two equal waves after the first leave the same RSS
"""
import argparse
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import harness  # noqa: E402

harness._next_base[0] = 21000


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def open_calls(stack):
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.base + 12}/metrics", timeout=5) as r:
        return int(re.search(rb"callmesh_callstate_calls_active (\d+)", r.read())[1])


class Watch(threading.Thread):
    """The most calls that were open, and RSS then."""

    def __init__(self, stack, pid):
        super().__init__(daemon=True)
        self.stack, self.pid, self.most, self.rss, self.over = stack, pid, 0, 0, False

    def run(self):
        while not self.over:
            n, rss = open_calls(self.stack), rss_kb(self.pid)
            if n >= self.most:
                self.most, self.rss = n, rss
            time.sleep(0.2)


UP_S = 45  # a call of the traffic maker with a talk of 40 s, from INVITE to BYE
SEEN_S = 3


def speed(o):
    """Of reading: 0 as fast as it goes, else so that the most calls are open for as long as the gauge needs to show them."""
    return 0 if o.calls - o.open > SEEN_S * 1000 else round((o.calls - o.open) / o.open * UP_S / SEEN_S, 1)


def wave(stack, pid, trace, n, at_speed):
    w = Watch(stack, pid)
    w.start()
    bus = [f"--bus.{n}=tcp://127.0.0.1:{stack.base + p}" for n, p in (("sig-url", 1), ("sig-ask-url", 2), ("rtp-url", 5), ("rtp-ask-url", 6))]
    subprocess.run([os.path.join(harness.BIN, "callmesh-capture"), *bus, "--site=wave", "--node=wave", f"--read={trace}", f"--speed={at_speed}", "--json", "--log.level=warn",
                    "--health.listen="], stdout=subprocess.DEVNULL, check=True)
    w.over = True
    w.join()
    return w.most, w.rss, rss_kb(pid)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--open", type=int, default=9900)
    a.add_argument("--calls", type=int, default=40000)
    a.add_argument("--waves", type=int, default=2)
    o = a.parse_args()
    if o.calls < o.open * 1.5 and o.calls - o.open < SEEN_S * 1000:
        a.error("--calls: half as many again as are open at one time, at least")
    stack = harness.Stack("memory")
    try:
        traces = []
        for i in range(o.waves):
            trace = stack.path(f"sig{i}.pcap")
            stack.traffic(trace, "--seed", str(100 + i), "--calls", str(o.calls), "--rate", str(o.open / 20), "--talk", "40", "--concurrent", str(o.open),
                          "--start", str(1767225600000000 + i * 3600000000), "--no-rtp")
            traces.append(trace)
        stack.up()
        pid = stack.service_pid("callstate")
        print(f"at the start: {rss_kb(pid)} kB")
        after = []
        for i, trace in enumerate(traces):
            most, rss, end = wave(stack, pid, trace, i, speed(o))
            after.append(end)
            print(f"wave {i + 1}: {most} calls open at {rss} kB ({rss / 1024:.1f} MiB), after it {end} kB", flush=True)
            harness.check(most > o.open * 0.9, f"only {most} calls were open together")
        if len(after) > 1:
            print(f"between the waves: {after[-1] - after[0]:+d} kB")
        harness.check(after[-1] - after[0] <= 1024, "the last wave left more behind than the first")
    finally:
        stack.close()


main()

#!/usr/bin/env python3
"""event_latency.py: from the first packet of a call on the wire to its event at an API client.

A private callmesh captures loopback, callmesh-traffic makes real calls there, a client reads /api/v1/events. For each call: the client's clock
at the end of the line of call.started, minus the capture time of the INVITE (started_at). One machine, one clock. Prints figures, asserts nothing.
usage: bench/event_latency.py [--calls 200] [--rate 8]     needs what ./callmesh up needs; ports from 21000 on, state in a temporary folder
"""
import argparse
import datetime
import http.client
import json
import os
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import harness  # noqa: E402

harness._next_base[0] = 21000


def listen(stack, want, came, ready, done):
    c = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    c.request("GET", "/api/v1/events", headers={"Authorization": "Bearer " + stack.secrets()["api_key"]})
    r = c.getresponse()
    ready.set()
    kind = ""
    while len(came) < want and not done.is_set():
        try:
            line = r.readline()
        except TimeoutError:
            break
        now = time.time()
        if not line:
            break
        if line.startswith(b"event:"):
            kind = line[6:].strip().decode()
        elif line.startswith(b"data:") and kind == "call.started":
            came.append((now, json.loads(line[5:])))
    done.set()


def started_at(event):
    call = event["data"]["call"]
    return datetime.datetime.fromisoformat(call["started_at"].replace("Z", "+00:00")).timestamp()


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--calls", type=int, default=200)
    a.add_argument("--rate", type=float, default=8)
    o = a.parse_args()
    stack = harness.Stack("latency")
    try:
        stack.up("--interface", "lo", "--site", "bench")
        came, ready, done = [], threading.Event(), threading.Event()
        t = threading.Thread(target=listen, args=(stack, o.calls, came, ready, done), daemon=True)
        t.start()
        ready.wait(10)
        subprocess.run([os.path.join(harness.BIN, "callmesh-traffic"), "--wire", "--calls", str(o.calls), "--rate", str(o.rate), "--concurrent", "50",
                        "--ring", "0.5", "--talk", "1"], check=True, stdout=subprocess.DEVNULL)
        done.wait(5)
        ms = sorted((at - started_at(e)) * 1000 for at, e in list(came))
        if not ms:
            print("no call.started came")
            return
        print(f"calls {len(ms)} of {o.calls}  p50 {ms[len(ms) // 2]:.1f} ms  p90 {ms[len(ms) * 9 // 10]:.1f} ms  "
              f"p99 {ms[len(ms) * 99 // 100]:.1f} ms  max {ms[-1]:.1f} ms")
    finally:
        stack.close()


main()

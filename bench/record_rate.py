#!/usr/bin/env python3
"""What recording costs: a file of two-way G.711 through the real capture and the real recorder over the real bus, in CPU seconds of each thread.

    bench/record_rate.py                                   100 and 2,000 calls up
    bench/record_rate.py --calls 2000:8 --core 0:60        and 2,000 calls at real time on one core
    nice bench/record_rate.py --calls --short 100000       memory of the recorder over so many short calls

A private callmesh, with its database. "Taking in" is capture and what each packet costs the recorder while calls go on (intake, the bus);
"with cutting" adds all else the recorder does: its place in a file, encryption, hashes, the chain. Also: are there gaps that nothing
explains, and how large the recorder is. Prints figures, asserts nothing; the last line is JSON.
Needs what ./callmesh up needs; ports from 21000 on, state in a temporary folder.
"""
import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import harness  # noqa: E402

harness._next_base[0] = 21000
NOT_TAKING_IN = ("cutter", "mesh", "report", "bus-sync", "bus-ask", "upload", "callmesh-record", "health")  # of its reports are the bus's two
EXPLAINED = ("not_sent", "codec", "paused")  # silences that are no loss


def threads(pid):
    """CPU seconds of each thread so far, by name; {} when the process has gone."""
    cpu = {}
    try:
        for t in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{t}/comm", encoding="utf-8") as f:
                name = f.read().strip()
            with open(f"/proc/{pid}/task/{t}/schedstat", encoding="utf-8") as f:
                cpu[name] = cpu.get(name, 0) + int(f.read().split()[0]) / 1e9
    except (OSError, IndexError):
        return {}
    return cpu


def rss_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def metric(stack, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.base + 13}/metrics", timeout=10) as r:
        text = r.read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("callmesh_" + name))


def pin(pid, core):
    for t in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(t), {core})


class Run:
    """One file, or what the maker writes into a pipe, through capture; `look` is called about ten times a second meanwhile."""

    def __init__(self, stack, site, traffic, speed=0, core=None):
        self.stack, self.site = stack, site
        urls = {"sig-url": 1, "sig-ask-url": 2, "rtp-url": 5, "rtp-ask-url": 6}
        self.args = [os.path.join(stack.var, "bin", "callmesh-capture"), *(f"--bus.{k}=tcp://127.0.0.1:{stack.base + n}" for k, n in urls.items()),
                     f"--site={site}", f"--speed={speed}", "--json", "--log.level=warn", "--health.listen="]
        self.maker = [os.path.join(harness.BIN, "callmesh-traffic"), "--mix", "1,0,0,0", "--hold", "0", *traffic]
        self.core = core
        self.recorder = stack.service_pid("recorder")
        self.seconds = self.capture_s = 0
        self.capture_threads, self.peak_kb = {}, 0

    def go(self, look=None, piped=False):
        path, maker = self.stack.path("bench.pcap"), None
        self.before = threads(self.recorder)
        if piped:
            maker = subprocess.Popen([*self.maker, "--out", "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        else:
            subprocess.run([*self.maker, "--out", path], check=True, stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        with open(self.stack.path("report"), "wb") as out:
            p = subprocess.Popen([*self.args, "--read", "-" if piped else path], stdin=maker.stdout if piped else subprocess.DEVNULL, stdout=out)
        if self.core is not None:
            pin(p.pid, self.core)
            pin(self.recorder, self.core)
        while True:
            pid, status, used = os.wait4(p.pid, os.WNOHANG)
            if pid:
                break
            self.capture_threads = threads(p.pid) or self.capture_threads
            self.peak_kb = max(self.peak_kb, rss_kb(self.recorder))
            if look:
                look(self)
            time.sleep(0.1)
        p.returncode = os.waitstatus_to_exitcode(status)
        if p.returncode:
            raise SystemExit(f"capture ended with {p.returncode}")
        self.seconds = time.monotonic() - begun
        self.capture_s = used.ru_utime + used.ru_stime
        if maker:
            maker.wait()
        else:
            os.unlink(path)
        with open(self.stack.path("report"), encoding="utf-8") as f:
            self.report = json.load(f)
        self.wait_for_the_cutter(look)
        after = threads(self.recorder)
        self.cpu = {n: after[n] - self.before.get(n, 0) for n in after}
        return self

    def wait_for_the_cutter(self, look):
        while self.stack.get(f"/calls?site={self.site}&recording_state=pending&limit=1")["data"]:
            if look:
                look(self)
            time.sleep(0.5)

    def recordings(self):
        """What the recordings hold: packets, lost, gaps that are a loss, how many are ready."""
        sums = {"ready": 0, "packets": 0, "lost": 0, "gaps": 0}
        cursor = ""
        while cursor is not None:
            page = self.stack.get(f"/recordings?limit=200&site={self.site}{'&cursor=' + cursor if cursor else ''}")
            for r in page["data"]:
                sums["ready"] += r["status"] == "ready"
                sums["packets"] += sum(c["packets"] for c in r["channels"])
                sums["lost"] += sum(c["lost"] for c in r["channels"])
                sums["gaps"] += sum(g["reason"] not in EXPLAINED for g in r["gaps"])
            cursor = page["next_cursor"]
        return sums

    def taking_in(self):
        return sum(v for n, v in self.cpu.items() if n not in NOT_TAKING_IN)


def start_s(stack):
    """CPU seconds of a capture that reads a file of one call without media: its tables and journals are touched."""
    path = stack.path("one.pcap")
    subprocess.run([os.path.join(harness.BIN, "callmesh-traffic"), "--calls", "1", "--no-rtp", "--out", path], check=True, stderr=subprocess.DEVNULL)
    p = subprocess.Popen([*Run(stack, "start", []).args, "--read", path], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def by_thread(cpu):
    return ", ".join(f"{n} {v:.2f}" for n, v in sorted(cpu.items(), key=lambda x: -x[1]) if v >= 0.01)


def rate(stack, calls, talk):
    total = max(calls, 12000 // talk)
    start = start_s(stack)
    base_kb = rss_kb(stack.service_pid("recorder"))
    r = Run(stack, f"rate-{calls}", ["--calls", str(total), "--concurrent", str(calls), "--talk", str(talk), "--ring", "0.1"]).go()
    sums, n, taking = r.recordings(), r.report["rtp_packets"], r.taking_in()
    row = {"calls": calls, "rtp_packets": n, "capture_s": round(r.capture_s, 3), "capture_start_s": round(start, 3), "recorder_taking_in_s": round(taking, 3),
           "recorder_s": round(sum(r.cpu.values()), 3), "packets_per_cpu_s": round(n / (r.capture_s + taking)),
           "with_cutting_per_cpu_s": round(n / (r.capture_s + sum(r.cpu.values()))), "recorder_kb": [base_kb, r.peak_kb], **sums}
    print(f"{calls} calls up: {n} RTP packets; in {sums['ready']} recordings {sums['packets']}, {sums['lost']} lost, {sums['gaps']} gaps of loss\n"
          f"    capture {r.capture_s:.2f} s, {start:.2f} of them its start ({by_thread(r.capture_threads)})\n"
          f"    recorder {sum(r.cpu.values()):.2f} s ({by_thread(r.cpu)}), {base_kb} to {r.peak_kb} KB\n"
          f"    packets a CPU second: {row['packets_per_cpu_s']} for capture and taking in, {row['with_cutting_per_cpu_s']} with cutting", flush=True)
    return row


def on_one_core(stack, core, calls, seconds):
    """So many calls up at real time, capture and recorder on one core. What they cannot do in time shows as lag, and in CPU seconds."""
    base_kb = rss_kb(stack.service_pid("recorder"))
    up = [0, 0]

    def look(run):
        streams = int(metric(stack, "recorder_blocks_filling"))
        if streams >= up[0]:
            up[0], up[1] = streams, rss_kb(run.recorder)
    made = ["--calls", str(calls), "--concurrent", str(calls), "--rate", str(calls), "--talk", str(seconds), "--ring", "0.1"]
    r = Run(stack, "one-core", made, speed=1, core=core).go(look, piped=True)
    sums, n = r.recordings(), r.report["rtp_packets"]
    row = {"core": core, "calls": calls, "seconds": round(r.seconds, 1), "rtp_packets": n, "capture_s": round(r.capture_s, 2),
           "recorder_taking_in_s": round(r.taking_in(), 2), "recorder_s": round(sum(r.cpu.values()), 2),
           "dropped": r.report["dropped"], "filling": up[0], "bytes_a_call": round((up[1] - base_kb) * 1024 / calls), **sums}
    print(f"{calls} calls of about {seconds} s at real time on core {core}: {n} RTP packets in {r.seconds:.1f} s; in {sums['ready']} recordings "
          f"{sums['packets']}, {sums['lost']} lost, {sums['gaps']} gaps of loss, dropped {r.report['dropped']}\n"
          f"    capture {r.capture_s:.2f} s, recorder {sum(r.cpu.values()):.2f} s ({by_thread(r.cpu)})\n"
          f"    recorder {base_kb} KB before, {up[1]} with {up[0]} streams up: {row['bytes_a_call']} bytes a call", flush=True)
    return row


def short_calls(stack, calls, speed):
    """RSS of the recorder against calls cut: a table as it grows, and the slope behind the first tenth."""
    samples, next_look = [], [0]

    def look(run):
        done = int(metric(stack, "recordings_total"))
        if done >= next_look[0]:
            samples.append((done, rss_kb(run.recorder)))
            next_look[0] = done + max(1, calls // 50)
            print(f"{done:>9} calls {samples[-1][1]:>8} KB", flush=True)
    made = ["--calls", str(calls), "--concurrent", "200", "--talk", "2", "--ring", "0.1", "--audio", "count"]
    r = Run(stack, "short", made, speed=speed).go(look, piped=True)
    samples.append((int(metric(stack, "recordings_total")), rss_kb(r.recorder)))
    sums = r.recordings()
    late = [s for s in samples if s[0] >= samples[-1][0] / 10]
    mx, my = sum(s[0] for s in late) / len(late), sum(s[1] for s in late) / len(late)
    spread = sum((s[0] - mx) ** 2 for s in late)
    slope = sum((s[0] - mx) * (s[1] - my) for s in late) / spread * 1024 if spread else 0.0
    row = {"short_calls": calls, "seconds": round(r.seconds), "kb_least": min(s[1] for s in late), "kb_most": max(s[1] for s in late),
           "bytes_a_call": round(slope, 2), **sums}
    print(f"{sums['ready']} short calls recorded in {r.seconds:.0f} s, {sums['lost']} lost, {sums['gaps']} gaps of loss: "
          f"{row['kb_least']} to {row['kb_most']} KB behind the first tenth, {slope:.2f} bytes a call", flush=True)
    return row


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--calls", nargs="*", default=["100:30", "2000:8"], metavar="CALLS:TALK_SECONDS")
    a.add_argument("--core", metavar="CORE:SECONDS[:CALLS]", help="2,000 calls at real time, capture and recorder on this core")
    a.add_argument("--short", type=int, metavar="CALLS", help="memory over so many calls of 2 s")
    a.add_argument("--speed", type=float, default=1, help="of those, times real time: more than the cutter can do and streams leave the look-back")
    o = a.parse_args()
    figures = {"bench": "record_rate", "rates": []}
    stack = harness.Stack("record")
    try:
        stack.up()
        for spec in o.calls:
            calls, talk = spec.split(":")
            figures["rates"].append(rate(stack, int(calls), int(talk)))
        if o.core:
            core, seconds, calls = (o.core.split(":") + ["2000"])[:3]
            figures["one_core"] = on_one_core(stack, int(core), int(calls), int(seconds))
        if o.short:
            figures["memory"] = short_calls(stack, o.short, o.speed)
    finally:
        stack.close()
    print(json.dumps(figures))


main()

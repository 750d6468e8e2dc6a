#!/usr/bin/env python3
"""Memory against packets: calls with a day and night wave through callmesh-capture --read -, as many packets as asked.

    bench/soak.py                                        100 million packets, 48 hours of traffic
    nice bench/soak.py --packets 900M --svg docs/soak.svg

Prints a table of RSS against packets, the slope behind the first tenth (least squares, bytes a million packets) and one
JSON line; --svg draws it. RSS is what the kernel says (VmRSS), packets are those that capture counts (/metrics).
"""
import argparse
import fcntl
import json
import os
import socket
import subprocess
import time
import urllib.request

BIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "bin")
F_SETPIPE_SZ = 1031
TALK_S, DAY_S, MEAN_OF_DAY = 30, 86400, 0.525  # callmesh-traffic --day: 5 % at night, 100 % at noon
PACKETS_A_CALL = TALK_S * 97  # a little less than a call has, so that there are no fewer than asked


def number(text):
    unit = {"k": 10**3, "M": 10**6, "G": 10**9}.get(text[-1])
    return int(float(text[:-1]) * unit) if unit else int(text)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(options):
    calls = options.packets // PACKETS_A_CALL
    rate = calls / (options.days * DAY_S * MEAN_OF_DAY)
    most_up = int(rate * TALK_S * 3) + 20
    port = free_port()
    maker = subprocess.Popen(
        [f"{BIN}/callmesh-traffic", "--out", "-", "--calls", str(calls), "--rate", f"{rate:.6f}", "--concurrent", str(most_up),
         "--talk", str(TALK_S), "--day", str(DAY_S), "--mix", "1,0,0,0", "--hold", "0", "--audio", "count"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    fcntl.fcntl(maker.stdout, F_SETPIPE_SZ, 1 << 20)
    capture = subprocess.Popen(
        [f"{BIN}/callmesh-capture", "--read", "-", "--no-bus", "--json", "--report.streams", "64", "--log.level=error",
         f"--health.listen=127.0.0.1:{port}"], stdin=maker.stdout, stdout=subprocess.PIPE)
    maker.stdout.close()
    return maker, capture, f"http://127.0.0.1:{port}/metrics"


def sample(capture, url):
    """(packets, streams up, RSS in KB), or None while it starts or ends."""
    values = {}
    try:
        text = urllib.request.urlopen(url, timeout=2).read().decode()
        status = open(f"/proc/{capture.pid}/status").read()
    except OSError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in ("callmesh_capture_packets_total", "callmesh_capture_streams"):
            values[name] = int(float(value))
    rss = next((int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS")), None)
    if rss is None or len(values) < 2:
        return None
    return values["callmesh_capture_packets_total"], values["callmesh_capture_streams"], rss


def watch(maker, capture, url, every_s):
    samples = []
    while maker.poll() is None and capture.poll() is None:
        s = sample(capture, url)
        if s and s[0] and (not samples or s[0] > samples[-1][0]):
            samples.append(s)
        time.sleep(every_s)
    report = json.loads(capture.stdout.read())
    if capture.wait() or maker.wait():
        raise SystemExit("soak: a program failed")
    return samples, report


def slope(samples):
    """Bytes of RSS a million packets, by least squares."""
    n = len(samples)
    xs, ys = [s[0] / 1e6 for s in samples], [s[2] * 1024 for s in samples]
    mx, my = sum(xs) / n, sum(ys) / n
    spread = sum((x - mx) ** 2 for x in xs)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / spread if spread else 0.0


def line(points, colour):
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def svg(samples, title):
    w, h, left, top = 760, 260, 60, 40
    most_p, most_s, most_r = samples[-1][0], max(s[1] for s in samples), max(s[2] for s in samples)
    ceiling = max(most_r * 1.25, 1)
    few = samples[:: max(1, len(samples) // 600)]
    x = [left + w * s[0] / most_p for s in few]
    rss = [(a, top + h - h * s[2] / ceiling) for a, s in zip(x, few)]
    up = [(a, top + h - h * 0.45 * s[1] / max(most_s, 1)) for a, s in zip(x, few)]
    marks = "".join(f'<text x="{left + w * i / 4:.0f}" y="{top + h + 18}" text-anchor="middle">{most_p * i / 4e6:.0f} M</text>' for i in range(5))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w + left + 20} {h + top + 40}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="{left}" y="20">{title}</text>
<path d="M{left} {top}V{top + h}H{left + w}" fill="none" stroke="black"/>
{line(up, "#bbbbbb")}
{line(rss, "#c03030")}
<text x="{left - 6}" y="{rss[-1][1] + 4:.0f}" text-anchor="end" fill="#c03030">{most_r / 1024:.0f} MiB</text>
<text x="{left - 6}" y="{top + h}" text-anchor="end">0</text>
<text x="{left + w}" y="{top + h - 0.45 * h - 6:.0f}" text-anchor="end" fill="#888888">grey: streams up, at most {most_s}</text>
{marks}
</svg>
"""


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--packets", type=number, default=10**8)
    a.add_argument("--days", type=float, default=2, help="so many days of traffic hold them (2)")
    a.add_argument("--every", type=float, default=0.5, help="seconds between two samples")
    a.add_argument("--svg", help="draw it there")
    options = a.parse_args()
    began = time.time()
    samples, report = watch(*start(options), options.every)
    warm = [s for s in samples if s[0] >= samples[-1][0] / 10]
    if len(warm) < 20:
        raise SystemExit(f"soak: {len(warm)} samples are too few; more packets, or --every")
    print(f"{'packets':>13} {'streams up':>10} {'RSS KB':>8}")
    for s in samples[:: max(1, len(samples) // 20)] + [samples[-1]]:
        print(f"{s[0]:>13} {s[1]:>10} {s[2]:>8}")
    figures = {
        "bench": "soak", "packets": report["packets"], "cpu_s": report["cpu_s"], "wall_s": round(time.time() - began, 1),
        "packets_per_cpu_s": int(report["packets"] / report["cpu_s"]), "streams_up_least": min(s[1] for s in warm),
        "streams_up_most": max(s[1] for s in warm), "rss_kb_least": min(s[2] for s in warm), "rss_kb_most": max(s[2] for s in warm),
        "slope_bytes_per_million_packets": round(slope(warm), 1), "samples": len(warm)}
    print(json.dumps(figures))
    if options.svg:
        title = (f"{report['packets'] / 1e6:.0f} million packets in {options.days:g} days of traffic: "
                 f"slope {figures['slope_bytes_per_million_packets']:g} bytes a million packets")
        with open(options.svg, "w") as f:
            f.write(svg(warm, title))


main()

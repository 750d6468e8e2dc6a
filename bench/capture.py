#!/usr/bin/env python3
"""All of capture's figures in one command, the bare libpcap loop beside them.

    bench/capture.py                          about five minutes
    bench/capture.py --calls 100:300 --runs 9

Files of the traffic maker with so many calls up; packets per CPU second (start included, best of the runs: other work on the
machine only ever adds), instructions a packet (callgrind, start taken off), signalled calls per CPU second, bytes of the tables
for a stream, an address of an SDP and a call, and RSS against packets (soak.py). The last line is JSON.
"""
import argparse
import json
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.join(HERE, "..", "build", "bin")
CAPTURE = [f"{BIN}/callmesh-capture", "--no-bus", "--health.listen="]
QUIET = ["--log.level=error", "--json"]
HEAD = 24  # of a pcap file
COUNTED = 10**6  # packets under callgrind at most
MESSAGES_A_CALL = 7


def run(*args):
    p = subprocess.run(args, capture_output=True, text=True, check=False)
    if p.returncode:
        raise SystemExit(f"{' '.join(args)}: {p.stderr[-2000:]}")
    return p


def make(path, *options):
    run(f"{BIN}/callmesh-traffic", "--out", path, "--mix", "1,0,0,0", "--hold", "0", *options)


def best(runs, *args):
    """The run that took the least. Through a shell: a child begins with its parent's peak of RSS as its own, and ours is large."""
    apart = ["sh", "-c", '"$@"; exit $?', "sh", *args]
    return min((json.loads(run(*apart).stdout) for _ in range(runs)), key=lambda j: j["cpu_s"])


def cut(source, target, packets):
    """The first so many packets of a pcap file; how many there were."""
    n = 0
    with open(source, "rb") as f, open(target, "wb") as g:
        g.write(f.read(HEAD))
        while n < packets and (head := f.read(16)):
            g.write(head + f.read(int.from_bytes(head[8:12], "little")))
            n += 1
    return n


def instructions(*args):
    out = run("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *args).stderr
    return int(re.search(r"Collected : (\d+)", out).group(1))


def a_packet(folder, path, program, most=COUNTED):
    """Instructions a packet: those of the whole file or of its first million, less those of an empty one."""
    part, empty = os.path.join(folder, "part.pcap"), os.path.join(folder, "empty.pcap")
    n = cut(path, part, most)
    cut(path, empty, 0)
    return (instructions(*program(part)) - instructions(*program(empty))) / n


def ours(path):
    return [*CAPTURE, *QUIET, "--read", path]


def floor(path):
    return [f"{BIN}/capture_floor", path]


def rates(folder, specs, runs):
    rows = []
    print(f"{'calls':>8} {'packets':>9} {'floor/s':>11} {'capture/s':>11} {'share':>6} {'RSS KB':>7} {'instr/packet':>13} {'floor':>6}")
    for calls, talk in specs:
        path = os.path.join(folder, "calls.pcap")
        make(path, "--calls", calls, "--concurrent", calls, "--talk", talk, "--ring", "0.1")
        f, c = best(runs, *floor(path)), best(runs, *ours(path))
        row = {"calls": int(calls), "packets": c["packets"], "floor": f["packets_per_cpu_s"], "capture": round(c["packets"] / c["cpu_s"]),
               "rss_kb": c["peak_rss_kb"], "instructions": round(a_packet(folder, path, ours)),
               "floor_instructions": round(a_packet(folder, path, floor))}
        rows.append(row)
        print(f"{row['calls']:>8} {row['packets']:>9} {row['floor']:>11} {row['capture']:>11} {100 * row['capture'] // row['floor']:>5}% "
              f"{row['rss_kb']:>7} {row['instructions']:>13} {row['floor_instructions']:>6}", flush=True)
    return rows


def signalling(folder, runs):
    path = os.path.join(folder, "sip.pcap")
    make(path, "--calls", "50000", "--concurrent", "2000", "--talk", "30", "--no-rtp")
    c = best(runs, *ours(path))
    row = {"messages": c["packets"], "calls_per_cpu_s": round(c["packets"] / MESSAGES_A_CALL / c["cpu_s"]),
           "instructions_a_message": round(a_packet(folder, path, ours, 50000)), "rss_kb": c["peak_rss_kb"]}
    print(f"signalling alone: {row['calls_per_cpu_s']} calls of {MESSAGES_A_CALL} messages a CPU second, "
          f"{row['instructions_a_message']} instructions a message, RSS {row['rss_kb']} KB", flush=True)
    return row


def tables(folder, *options):
    """Bytes of all tables, as the harvester says at its start."""
    empty = os.path.join(folder, "empty.pcap")  # a_packet's
    return int(re.search(r"msg=tables .* bytes=(\d+)", run(*CAPTURE, "--read", empty, *options).stderr).group(1))


def sizes(folder):
    """What one more of each costs: the tables for twice as many, less the tables, by how many more there are."""
    few, many = 16384, 32768

    def one(setting):
        return (tables(folder, f"--{setting}", str(many)) - tables(folder, f"--{setting}", str(few))) / (many - few)
    stream, address = one("capture.streams"), one("capture.media-addresses")
    row = {"bytes_a_stream": round(stream), "bytes_an_address": round(address), "bytes_a_call": round(2 * stream + 2 * address),
           "bytes_a_dialog": 0}
    print(f"tables: {row['bytes_a_stream']} bytes a stream, {row['bytes_an_address']} an address of an SDP, so {row['bytes_a_call']} a call "
          "(two of each); a dialog has none: signalling goes through", flush=True)
    return row


def soak(packets):
    row = json.loads(run(os.path.join(HERE, "soak.py"), "--packets", packets, "--every", "0.05").stdout.splitlines()[-1])
    print(f"RSS against packets: {row['rss_kb_least']} to {row['rss_kb_most']} KB over {row['packets']} packets, "
          f"{row['slope_bytes_per_million_packets']} bytes a million")
    return row


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--calls", nargs="*", default=["100:300", "2000:8", "5000:4"], metavar="CALLS:TALK_SECONDS")
    a.add_argument("--runs", type=int, default=5)
    a.add_argument("--soak", default="20M", help="packets of the last figure")
    options = a.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = {"bench": "capture", "rates": rates(folder, [c.split(":") for c in options.calls], options.runs),
                   "signalling": signalling(folder, options.runs), "sizes": sizes(folder), "soak": soak(options.soak)}
    print(json.dumps(figures))


main()

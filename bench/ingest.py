"""Events a second from several harvesters into PostgreSQL, each in its own transaction's safety: whole calls without media, read from
captures as fast as callstate takes them.

usage: ingest.py [--harvesters 8] [--calls 3000]     calls of each harvester; needs a built tree
Prints events (SIP messages and the rest of the sig feed), seconds, events/s, CPU seconds of callstate, and that every message is there once.
"""
import argparse
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "system"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "multisite"))
from harness import BIN, Stack, check, wait_for  # noqa: E402
from run import sql  # noqa: E402


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        part = f.read().rsplit(")", 1)[1].split()
    return (int(part[11]) + int(part[12])) / os.sysconf("SC_CLK_TCK")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--harvesters", type=int, default=8)
    p.add_argument("--calls", type=int, default=3000)
    a = p.parse_args()
    t = Stack("ingest")
    try:
        t.up()
        files, expected = [], 0
        for n in range(a.harvesters):
            out = t.path(f"h{n}.pcap")
            t.traffic(out, "--calls", str(a.calls), "--concurrent", "500", "--no-rtp", "--seed", str(n + 1))
            files.append(out)
        pid = t.service_pid("callstate")
        before, began = cpu_seconds(pid), time.time()
        feeds = [subprocess.Popen([os.path.join(BIN, "callmesh-capture"), "--read", f, "--json", "--site", f"bench{n}", "--log.level", "error",
                                   "--bus.sig-url", f"tcp://127.0.0.1:{t.base + 1}", "--bus.sig-ask-url", f"tcp://127.0.0.1:{t.base + 2}",
                                   "--bus.rtp-url", f"tcp://127.0.0.1:{t.base + 5}", "--bus.rtp-ask-url", f"tcp://127.0.0.1:{t.base + 6}"],
                                  stdout=subprocess.PIPE, text=True) for n, f in enumerate(files)]
        for f in feeds:
            text = f.communicate(timeout=300)[0]
            check(f.returncode == 0, f"a harvester ended with {f.returncode}")
            expected += int(re.search(r'"sip_messages": ?(\d+)', text).group(1))
        took, cpu = time.time() - began, cpu_seconds(pid) - before
        count, distinct, calls = sql(t, "SELECT count(*), count(DISTINCT (publisher, seq, n)), (SELECT count(*) FROM calls WHERE state = 'ended')"
                                        " FROM sip_messages WHERE site LIKE 'bench%'")[0]
        print(f"harvesters {a.harvesters} calls {a.harvesters * a.calls} messages {expected} stored {count} distinct {distinct} calls_ended {calls}"
              f" seconds {took:.1f} messages/s {expected / took:.0f} calls/s {a.harvesters * a.calls / took:.0f} callstate_cpu_s {cpu:.1f}")
        check(int(count) == int(distinct) == expected and int(calls) == a.harvesters * a.calls, "not every message is there once")
    finally:
        t.close()


main()

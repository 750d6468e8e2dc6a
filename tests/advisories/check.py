#!/usr/bin/python3
"""Each advisory's input, inside a call that stands: callmesh-capture must end with exit 0, lose nothing of that call, and count the
input as its row says. Best under Asan. usage: check.py [--binary PATH] [WORD]    WORD: only rows that have it"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "traps"))
sys.path.insert(0, HERE)
from advisories import ADVISORIES  # noqa: E402
from calls import Dialog, whole_call  # noqa: E402
from packets import Capture  # noqa: E402

STANDING = {0x1000: 50, 0x1001: 50}


def problems(done, want):
    if done.returncode != 0:
        return [f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()[-600:]}"]
    out = json.loads(done.stdout)
    streams = {s["ssrc"]: s["packets"] for s in out["streams"]}
    found = []
    if out["sip_messages"] != want["sip"] + 6:
        found.append(f"{out['sip_messages'] - 6} hostile messages usable, expected {want['sip']}")
    for ssrc, packets in STANDING.items():
        if streams.get(ssrc) != packets:
            found.append(f"the standing call's stream {ssrc:#x} has {streams.get(ssrc)} packets")
    for event, n in want.get("malformed", {}).items():
        if out["malformed"].get(event) != n:
            found.append(f"{event} {out['malformed'].get(event)}, expected {n}")
    if want.get("malformed") == {} and out["malformed"]:
        found.append(f"malformed {out['malformed']}, expected nothing")
    if len(streams) != want.get("streams", len(streams)):
        found.append(f"{len(streams)} streams, expected {want['streams']}")
    return found


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--binary", default=os.path.join(ROOT, "build", "bin", "callmesh-capture"))
    args.add_argument("word", nargs="?", default="")
    args = args.parse_args()
    wrong = count = 0
    with tempfile.TemporaryDirectory(prefix="callmesh-advisories-") as folder:
        for name, make, want in ADVISORIES:
            if args.word not in name:
                continue
            count += 1
            c = Capture()
            whole_call(c, Dialog("standing@a"))
            make(c)
            path = os.path.join(folder, make.__name__ + ".pcap")
            with open(path, "wb") as f:
                f.write(c.pcap())
            done = subprocess.run([args.binary, "--read", path, "--no-bus", "--json", "--log.level", "error", "--health.listen="],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
            found = problems(done, want)
            if found:
                wrong += 1
                print(f"{name}: " + "; ".join(found))
    print(f"{count} advisories, {wrong} failed")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""torture_test.py LINT TEST-PROGRAM...: the messages of RFC 4475 and RFC 5118, as their unit tests write them, through
callmesh-sip-lint: the verdict on each must be that of its RFC."""
import json
import os
import subprocess
import sys
import tempfile


def main():
    lint, programs = sys.argv[1], sys.argv[2:]
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="callmesh-torture-") as folder:
        for p in programs:
            subprocess.run([p, "--write", folder], check=True)
        with open(os.path.join(folder, "verdicts.tsv"), encoding="utf-8") as f:
            rows = [line.rstrip("\n").split("\t") for line in f]
        for name, good, usable, event in rows:
            path = os.path.join(folder, name + ".sip")
            done = subprocess.run([lint, "--json", path], stdout=subprocess.PIPE, check=False)
            got = json.loads(done.stdout)
            want = {"ok": good == "1", "usable": usable == "1", "event": None if event == "none" else event}
            have = {k: got[k] for k in want}
            if have != want or done.returncode != (0 if want["ok"] else 1):
                wrong += 1
                print(f"{name}: exit {done.returncode}, {have}, the RFC: {want}")
    print(f"{len(rows)} messages, {wrong} verdicts differ")
    return 1 if wrong or len(rows) < 60 else 0


sys.exit(main())

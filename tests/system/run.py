"""Runs the system tests: each folder here is a case with a README and a test.py that has functions test_*(t).

usage: run.py [CASE...]    last line: 'N passed, N failed, N skipped'

Without a CASE, as root, the cases of each list in BESIDE run beside the others, in a network of their own.
"""
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
# Two lists that take about as long as what is left; traps look at the machine's own /sys, and stay. The second computes more than it
# waits, and nothing in it is live: it gives way to the others.
BESIDE = ((0, ("failover", "faults", "multisite", "quality", "sites", "stop_any_moment", "story")),
          (10, ("api_contract", "bad_input", "captures", "depot", "keeping", "other_signalling", "rolling")))
sys.path.insert(0, HERE)
from harness import Skip, Stack  # noqa: E402


def load(case):
    spec = importlib.util.spec_from_file_location(case, os.path.join(HERE, case, "test.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Beside:
    """The cases that run at the same time in a network of their own; their output comes when they have ended."""

    def __init__(self, nice, cases):
        self.out = tempfile.TemporaryFile()
        self.p = subprocess.Popen(["nice", "-n", str(nice), "unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-B", os.path.abspath(__file__), *cases],
                                  stdout=self.out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def counts(self):
        self.p.wait()
        self.out.seek(0)
        text = self.out.read().decode(errors="replace")
        body, _, last = text.rstrip("\n").rpartition("\n")
        m = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
        print(body if m else text, flush=True)
        return dict(zip(("ok", "FAIL", "skip"), map(int, m.groups()))) if m else {"FAIL": 1}


def main():
    cases = sys.argv[1:] or sorted(c for c in os.listdir(HERE) if os.path.exists(os.path.join(HERE, c, "test.py")))
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    beside = []
    if not sys.argv[1:] and os.geteuid() == 0 and subprocess.run(["unshare", "-n", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        beside = [Beside(nice, [c for c in cases if c in some]) for nice, some in BESIDE]
        cases = [c for c in cases if not any(c in some for _, some in BESIDE)]
    for case in cases:
        module = load(case)
        stack = Stack(case)
        try:
            for name in [n for n in vars(module) if n.startswith("test_")]:  # as written
                started, verdict, why = time.time(), "ok", ""
                try:
                    getattr(module, name)(stack)
                except Skip as s:
                    verdict, why = "skip", str(s)
                except Exception as e:  # a failing test is a line and its trace, and the next test runs
                    verdict, why = "FAIL", f"{type(e).__name__}: {e}"
                    traceback.print_exc(file=sys.stdout)
                counts[verdict] += 1
                print(f"{verdict:4} {case}/{name[5:]} ({time.time() - started:.1f} s) {why}", flush=True)
                if verdict == "FAIL":
                    stack.show_logs()
        finally:
            stack.close()
    for b in beside:
        for verdict, n in b.counts().items():
            counts[verdict] += n
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")


main()

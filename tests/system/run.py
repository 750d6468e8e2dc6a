"""Runs the system tests: each folder here is a case with a README and a test.py that has functions test_*(t).

usage: run.py [CASE...]    last line: 'N passed, N failed, N skipped'
"""
import importlib.util
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from harness import Skip, Stack  # noqa: E402


def load(case):
    spec = importlib.util.spec_from_file_location(case, os.path.join(HERE, case, "test.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    cases = sys.argv[1:] or sorted(c for c in os.listdir(HERE) if os.path.exists(os.path.join(HERE, c, "test.py")))
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
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
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")


main()

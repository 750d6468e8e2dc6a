import os
import subprocess
import sys

from harness import ROOT, Skip, check

RUN = os.path.join(ROOT, "tests", "faults", "failover.py")


def run(*args):
    p = subprocess.run([sys.executable, "-B", RUN, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
    if p.returncode == 77:
        raise Skip(p.stdout.strip().splitlines()[-1])
    print(p.stdout if p.returncode else p.stdout[:2500])
    check(p.returncode == 0, "see above")


def test_no_database_then_a_replica_then_one_that_lags(_):
    run("--mode", "all", "--away", "12")

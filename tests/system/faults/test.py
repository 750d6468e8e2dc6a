import os
import random
import re
import subprocess
import sys

from harness import ROOT, Skip, check

RUN = os.path.join(ROOT, "tests", "faults", "run.py")
SEED = int(os.environ.get("CALLMESH_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)


def run(*args):
    p = subprocess.run([sys.executable, "-B", RUN, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
    if p.returncode == 77:
        raise Skip(p.stdout.strip().splitlines()[-1])
    return p


def test_a_hundred_faults(_):
    p = run("--seed", str(SEED), "--kills", "100", "--every", "0.7")
    print(p.stdout if p.returncode else p.stdout[:2500])
    check(p.returncode == 0, f"seed {SEED}: see above")


def test_standby_takes_over(_):
    p = run("--seed", str(SEED), "--kills", "30", "--every", "1", "--standby", "--only", "callstate,postgres")
    print(p.stdout if p.returncode else p.stdout[:2500])
    check(p.returncode == 0, f"seed {SEED}: see above")


def planted(name, wants):
    subprocess.run(["ninja", "-C", os.path.join(ROOT, "build"), f"plants/callmesh-callstate-plant-{name}"], check=True, stdout=subprocess.DEVNULL)
    p = run("--seed", "1", "--kills", "25", "--every", "0.6", "--plant", name, "--only", "callstate,postgres,backend", "--settle", "40")
    found = {k: int(n) for k, n in re.findall(r"(undeclared|doubled|foreign|lost|wrong) (\d+)", p.stdout) if int(n)}
    print(f"planted {name}: exit {p.returncode}, found {found}")
    check(p.returncode == 1 and "FAILED" in p.stdout, f"a planted bug was not found: {name}\n{p.stdout[-3000:]}")
    check(any(w in found for w in wants), f"{name}: found by something else than {wants}\n{p.stdout[-3000:]}")


def test_a_dropped_event_is_found(_):
    planted("drop", ("undeclared",))


def test_a_doubled_event_is_found(_):
    planted("double", ("doubled",))


def test_a_cursor_outside_its_transaction_is_found(_):
    planted("cursor", ("undeclared",))

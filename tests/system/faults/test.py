import concurrent.futures
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
    p = run("--seed", str(SEED), "--kills", "100", "--every", "0.4")
    print(p.stdout if p.returncode else p.stdout[:2500])
    check(p.returncode == 0, f"seed {SEED}: see above")


def test_standby_takes_over(_):
    p = run("--seed", str(SEED), "--kills", "24", "--every", "0.6", "--standby", "--only", "callstate,postgres")
    print(p.stdout if p.returncode else p.stdout[:2500])
    check(p.returncode == 0, f"seed {SEED}: see above")


PLANTED = {"drop": "undeclared", "double": "doubled", "cursor": "undeclared"}  # and what finds it


def found_in(p):
    return {k for k, n in re.findall(r"(undeclared|doubled) (\d+)", "".join(re.findall(r": messages sent .*", p.stdout))) if int(n)}


def test_planted_bugs_are_found(_):
    """The three runs at the same time, each in namespaces of its own: they mostly wait. A bug between two statements needs a fault just there:
    a run whose faults were all elsewhere (or hit another feed than that of messages) is made again with kills of callstate alone, three times at most."""
    subprocess.run(["ninja", "-C", os.path.join(ROOT, "build"), *(f"plants/callmesh-callstate-plant-{name}" for name in PLANTED)], check=True, stdout=subprocess.DEVNULL)
    left = dict(PLANTED)
    for seed in "1234":
        faults = ("--kills", "25", "--only", "callstate,postgres,backend") if seed == "1" else ("--kills", "40", "--only", "callstate")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            runs = {name: pool.submit(run, "--seed", seed, *faults, "--every", "0.6", "--plant", name, "--quiet", "8")
                    for name in left}
        for name, job in runs.items():
            p = job.result()
            print(f"planted {name}, seed {seed}: exit {p.returncode}, found {found_in(p)}")
            if left[name] in found_in(p):
                check(p.returncode == 1 and "FAILED" in p.stdout, f"found and not told: {name}\n{p.stdout[-3000:]}")
                del left[name]
            elif seed == "4":
                print(p.stdout[-3000:])
        if not left:
            return
    check(False, f"planted bugs were not found: {left}")

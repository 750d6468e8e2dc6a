#!/usr/bin/python3
"""The 41 traps through callmesh-capture alone, and docs/conformance.md held against expect.json.

usage: check.py [--binary PATH] [--build DIR] [--table] [CASE...]    --build: only make the captures; --table: print the page's rows
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from packets import Capture  # noqa: E402
from traps import CASES  # noqa: E402


def expectations():
    with open(os.path.join(HERE, "expect.json"), encoding="utf-8") as f:
        return json.load(f)


def build(folder, names=None):
    """Writes the captures; returns {case: path}."""
    paths = {}
    for name in names or CASES:
        c = Capture()
        CASES[name](c)
        paths[name] = os.path.join(folder, name + ".pcap")
        with open(paths[name], "wb") as f:
            f.write(c.pcap())
    return paths


def near(got, want, tolerance):
    return len(got) == len(want) and all(g is not None and abs(g - w) <= tolerance for g, w in zip(got, want))


def capture_problems(out, want):
    """What callmesh-capture --json found against `capture` of the case."""
    streams = sorted(out["streams"], key=lambda s: (s["ssrc"], s["first_at"]))
    got = {"sip": out["sip_messages"], "streams": [s["packets"] for s in streams], "malformed": out["malformed"],
           "lost": sum(s["lost"] for s in streams), "dtmf": [s["dtmf_packets"] for s in streams]}
    wanted = dict({"malformed": {}, "lost": 0}, **want)
    skew = wanted.pop("skew_ppm", None)
    problems = [f"{k}: {got[k]}, expected {v}" for k, v in wanted.items() if got[k] != v]
    if skew and not near([s["skew_ppm"] for s in streams], skew, 5):
        problems.append(f"skew_ppm: {[s['skew_ppm'] for s in streams]}, expected {skew}")
    if sum(got["streams"]) != out["rtp_packets"]:
        problems.append(f"rtp_packets {out['rtp_packets']}, the streams have {sum(got['streams'])}")
    return problems


def call_value(call, key):
    """A word of expect.json that is not a field of the API's Call."""
    side = {s: [x["packets"] for x in sorted(call["streams"], key=lambda x: (x["first_at"], x["ssrc"])) if x["side"] == s] for s in ("caller", "callee")}
    if key in side:
        return side[key]
    if key == "legs":
        return len(call["legs"])
    if key == "harvesters":
        return len(call["harvesters"])
    if key == "recordings":
        return len(call["recordings"])
    if key == "answered_to_tags":
        return [leg["to_tag"] for leg in call["legs"] if leg["answered_at"]]
    if key == "recording_seconds":
        return call["recordings"][0]["duration_seconds"] if call["recordings"] else None
    return call[key]


def call_problems(calls, want):
    problems = [] if len(calls) == len(want) else [f"{len(calls)} calls, expected {len(want)}"]
    for call, wanted in zip(sorted(calls, key=lambda c: c["started_at"]), want):
        for key, v in dict({"state": "ended", "result": "answered"}, **wanted).items():
            got = call_value(call, key)
            if key.endswith("_seconds"):
                good = got is not None and v[0] - 0.005 <= got <= v[1] + 0.005
            elif isinstance(v, dict):
                got = {k: got[k] for k in v}
                good = got == v
            else:
                good = got == v
            if not good:
                problems.append(f"{call['sip_call_ids'][0][:40]}: {key} {got}, expected {v}")
    return problems


def replay_problems(got, want):
    problems = call_problems(got["calls"], want["calls"])
    if got["unjoined_streams"]:
        problems.append(f"{len(got['unjoined_streams'])} streams not joined")
    return problems


def verdict(case, want, problems):
    """An open case must fail: when it no longer does, the page and expect.json are out of date. Returns a line or None."""
    if want.get("open"):
        return None if problems else f"{case}: no longer open: take 'open' away in expect.json and the row of docs/conformance.md"
    return f"{case}: " + "; ".join(problems) if problems else None


def table(want):
    rows = []
    for case, w in want.items():
        result = "open: " + w["open"] if w.get("open") else "as expected"
        rows.append(f"| {int(case[:2])} | {case} | {w['built']} | {w['expected']} | {result} |")
    return rows


def page_problems(want):
    with open(os.path.join(ROOT, "docs", "conformance.md"), encoding="utf-8") as f:
        lines = f.read().split("\n")
    names = set(want)
    have = [line for line in lines if len(line.split("|")) == 7 and line.split("|")[2].strip() in names]
    rows = table(want)
    problems = [f"docs/conformance.md: missing or different: {r}" for r in rows if r not in have]
    problems += [f"docs/conformance.md: not of expect.json: {r}" for r in have if r not in rows]
    missing = set(range(1, 42)) - {int(n[:2]) for n in names}
    return problems + [f"no case for trap {n}" for n in sorted(missing)]


def read(binary, path):
    done = subprocess.run([binary, "--read", path, "--no-bus", "--json", "--log.level", "error", "--health.listen="],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return json.loads(done.stdout)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--binary", default=os.path.join(ROOT, "build", "bin", "callmesh-capture"))
    args.add_argument("--build")
    args.add_argument("--table", action="store_true")
    args.add_argument("cases", nargs="*")
    args = args.parse_args()
    want = expectations()
    if args.table:
        print("\n".join(table(want)))
        return 0
    if args.build:
        os.makedirs(args.build, exist_ok=True)
        build(args.build, args.cases)
        return 0
    wrong = [] if args.cases else page_problems(want)
    with tempfile.TemporaryDirectory(prefix="callmesh-traps-") as folder:
        paths = build(folder, args.cases)
        for case, path in paths.items():
            try:
                problems = capture_problems(read(args.binary, path), want[case]["capture"])
            except (RuntimeError, ValueError, subprocess.TimeoutExpired) as e:
                wrong.append(f"{case}: {e}")
                continue
            # An open case may fall short in the calls alone: then the capture's part must be right or both be known.
            if problems and not want[case].get("open"):
                wrong.append(f"{case}: " + "; ".join(problems))
    for line in wrong:
        print(line)
    print(f"{len(paths)} captures of 41 traps, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""callmesh-capture on real captures, held against what tshark saw.

One line a file: ours, the truth, ok or differs. A difference is right when docs/conformance.md has a row for it with exactly
our figures and a reason; anything else fails. Usage: check_capture.py [--binary PATH] [--captures DIR] [FILE...]
"""
import argparse
import csv
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIELDS = ("sip", "streams", "rtp")


def expected_differences(path):
    """Rows of the tables of docs/conformance.md: | file | field | truth | ours | why |"""
    rows = {}
    if not os.path.exists(path):
        return rows
    with open(path, encoding="utf-8") as f:
        for line in f:
            cells = [c.strip().strip("`") for c in line.strip().strip("|").split("|")]
            if len(cells) == 5 and cells[1] in FIELDS:
                if not cells[4]:
                    sys.exit(f"{path}: {cells[0]} {cells[1]}: no reason given")
                rows[(cells[0], cells[1])] = (int(cells[2]), int(cells[3]), cells[4])
    return rows


def truth_of(row):
    """Both what signalling announced and what heuristics found is wanted, so the larger of tshark's two listings."""
    sdp, heur = int(row["rtp_packets"]), int(row["heur_packets"])
    which = ("heur_streams", "heur_packets") if heur >= sdp else ("rtp_streams", "rtp_packets")
    return {"packets": int(row["packets"]), "sip": int(row["sip_msgs"]), "streams": int(row[which[0]]), "rtp": int(row[which[1]])}


def run(binary, path):
    # No health port: several may run at once.
    done = subprocess.run([binary, "--read", path, "--no-bus", "--json", "--log.level", "error", "--health.listen="],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    out = json.loads(done.stdout)
    return {"packets": out["packets"], "sip": out["sip_messages"], "streams": len(out["streams"]) + out["streams_not_listed"],
            "rtp": out["rtp_packets"]}, out


def check_sums(out):
    """The books must balance within one answer."""
    total = sum(s["packets"] for s in out["streams"])
    if out["streams_not_listed"] == 0 and total != out["rtp_packets"]:
        return f"streams hold {total} packets, rtp_packets says {out['rtp_packets']}"
    return ""


def check_file(binary, captures, row, known, used):
    name = row["file"]
    try:
        ours, out = run(binary, os.path.join(captures, name))
    except (RuntimeError, ValueError, subprocess.TimeoutExpired) as e:
        print(f"{name}: FAILED {e}")
        return False
    truth = truth_of(row)
    problems = [check_sums(out)] if check_sums(out) else []
    explained = []
    if ours["packets"] != truth["packets"]:
        problems.append(f"packets {ours['packets']} not {truth['packets']}")
    for field in FIELDS:
        row_known = known.get((name, field))
        if row_known:
            used.add((name, field))
            if (truth[field], ours[field]) == row_known[:2]:
                explained.append(field)
            else:
                problems.append(f"{field}: conformance.md says {row_known[1]} against {row_known[0]}")
        elif ours[field] != truth[field]:
            problems.append(field)
    verdict = "differs: " + "; ".join(problems) if problems else "ok" + (" (explained: " + " ".join(explained) + ")" if explained else "")
    show = lambda v: " ".join(f"{k}={v[k]}" for k in FIELDS)
    print(f"{name}: ours {show(ours)} | truth {show(truth)} | {verdict}")
    return not problems


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--binary", default=os.path.join(ROOT, "build", "bin", "callmesh-capture"))
    p.add_argument("--captures", default=os.path.join(ROOT, "..", "shared", "captures"))
    p.add_argument("files", nargs="*")
    a = p.parse_args()
    if not os.path.exists(os.path.join(a.captures, "truth.tsv")):
        print(f"skipped: no {a.captures}/truth.tsv")
        return 0
    known = expected_differences(os.path.join(ROOT, "docs", "conformance.md"))
    with open(os.path.join(a.captures, "truth.tsv"), encoding="utf-8", newline="") as f:
        rows = [r for r in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE) if not a.files or r["file"] in a.files]
    used = set()
    good = [check_file(a.binary, a.captures, r, known, used) for r in rows]
    stale = [k for k in known if not a.files and k not in used]
    for k in stale:
        print(f"docs/conformance.md: {k[0]} {k[1]}: no such file in truth.tsv")
    print(f"{sum(good)} of {len(good)} as expected, {len(known)} differences explained in docs/conformance.md")
    return 0 if all(good) and not stale and good else 1


if __name__ == "__main__":
    sys.exit(main())

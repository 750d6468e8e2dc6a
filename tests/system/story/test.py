import csv
import io
import json
import os
import signal
import subprocess
import time

import scenario
from harness import ROOT, alive, check, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = sorted(n for n in os.listdir(HERE) if os.path.exists(os.path.join(HERE, n, "scenario")))
NUMBERED = list(enumerate(NAMES, 1))


def text(name, file):
    with open(os.path.join(HERE, name, file), encoding="utf-8") as f:
        return f.read()


def capture(t):
    path = t.path("story.pcap")
    scenario.write(path, [(k, text(n, "scenario")) for k, n in NUMBERED])
    return path


def scenario_of(call):
    return int(call["sip_call_ids"][0][1:3])


def plain(k, v):
    """Numbers without the scenario's own in front."""
    if isinstance(v, str):
        return scenario.strip(k, v)
    if isinstance(v, list):
        return [plain(k, x) for x in v]
    return {a: plain(k, b) for a, b in v.items()} if isinstance(v, dict) else v


def story_of(t, k, call):
    """The call in the words of expected.json."""
    evidence = t.get(f"/calls/{call['id']}/evidence")["data"]
    events = t.get(f"/calls/{call['id']}/events")["data"]
    pairs = {}
    for e in evidence:
        if e["score"] > 0:
            pairs.setdefault(e["call_id"], set()).add(e["kind"])
            pairs.setdefault(e["joined_to"], set()).add(e["kind"])
    own = {"held", "resumed", "forked", "fork_lost", "cancel_crossed", "glare", "session_timer", "transfer_requested", "transferred",
           "transfer_failed", "parked", "picked_up", "redirected", "forwarded", "conference", "participant_joined", "participant_left",
           "legs_joined", "legs_split", "end_assumed"}
    full = t.get(f"/calls/{call['id']}?expand=legs,streams,recordings")
    story = dict(call, **{"from": scenario.strip(k, call["from"]["user"]), "to": scenario.strip(k, call["to"]["user"])})
    story["related"] = [{"rel": r["rel"], "score": r["score"], "kinds": pairs.get(r["id"], set())} for r in call["related"]]
    story["events"] = [[e["type"], e["side"]] for e in events if e["type"] in own]
    story["transfers"] = [{key: x for key, x in plain(k, tr).items() if key != "at"} for tr in call["transfers"]]
    story.update(legs=len(full["legs"]), streams=len(full["streams"]), recordings=len(full["recordings"]))
    return story


def in_order(wanted, got):
    rest = iter(got)
    return all(any(w == g for g in rest) for w in wanted)


def differences(name, want, got):
    wrong = []
    for key, value in want.items():
        have = got[key]
        if key == "related":
            same = len(have) == len(value) and all(h["rel"] == w["rel"] and set(w["evidence"]) <= h["kinds"] and h["score"] >= 80
                                                   for w, h in zip(value, have))
        elif key == "events":
            same = in_order(value, have)
        elif isinstance(value, float):
            same = have is not None and abs(have - value) < 0.0015
        else:
            same = have == value
        if not same:
            wrong.append(f"{name}: {want['from']} to {want['to']}: {key} is {have}, expected {value}")
    return wrong


def compare(t, calls, numbered=NUMBERED):
    by = {k: [] for k, _ in numbered}
    for call in sorted(calls, key=lambda c: (c["started_at"], c["sip_call_ids"][0])):
        by[scenario_of(call)].append(call)
    wrong = []
    for k, name in numbered:
        want = json.loads(text(name, "expected.json"))["calls"]
        got = [story_of(t, k, c) for c in by[k]]
        if len(got) != len(want):
            wrong.append(f"{name}: {len(got)} calls, expected {len(want)}: {[(c['from'], c['to'], c['result']) for c in got]}")
            continue
        for w, g in zip(want, got):
            wrong += differences(name, w, g)
    check(not wrong, f"{len(wrong)} differences:\n  " + "\n  ".join(wrong))


def test_every_scenario_is_told(t):
    t.up()
    compare(t, t.replay(capture(t))[0]["calls"])


def test_ids_of_parts_stand_still(t):
    """A part that was merged is still there by its id, says where it went, and its messages hang on the call."""
    calls = {scenario_of(c): c for c in t.get("/calls?limit=200&transferred=true")["data"]}
    k = NAMES.index("attended_transfer") + 1
    call = calls[k]
    for r in call["related"]:
        part = t.get(f"/calls/{r['id']}")
        check(part["merged_into"] == call["id"], f"{r}: merged_into {part['merged_into']}")
    number = f"{k:02}300"
    found = t.get(f"/calls?number={number}")["data"]
    check([c["id"] for c in found] == [call["id"]], f"the target's number finds {[c['id'] for c in found]}")
    messages = t.get(f"/calls/{call['id']}/messages?limit=200")["data"]
    lines = text("attended_transfer", "scenario").strip().splitlines()
    check(len(messages) == len(lines), f"{len(messages)} messages, told {len(lines)}")


def test_export(t):
    listed = [c["id"] for c in t.get("/calls?limit=200")["data"]]
    _, headers, body = t.request("/api/v1/calls/export?format=csv")
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    check(headers["Content-Type"].startswith("text/csv") and [r["id"] for r in rows] == listed, f"{len(rows)} rows, {len(listed)} calls")
    p = t.callmesh("calls", "--csv", "result=busy")
    shell = list(csv.DictReader(io.StringIO(p.stdout)))
    check(shell and {r["result"] for r in shell} == {"busy"} and len(shell) == sum(r["result"] == "busy" for r in rows), p.stdout[:500])


def test_killed_in_the_middle(t):
    """Ten times as fast as it was, callstate killed twice on the way: the same stories."""
    short = [(k, n) for k, n in NUMBERED if n not in ("no_end_seen", "park")]
    path = t.path("short.pcap")
    scenario.write(path, [(k, text(n, "scenario")) for k, n in short])
    before = {c["id"] for c in t.get("/calls?limit=200")["data"]}
    replay = t.spawn(os.path.join(ROOT, "callmesh"), "replay", path, "--json", "--speed", "10", env=t.env, stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE, text=True)
    for _ in range(2):
        time.sleep(1.3)
        pid = t.service_pid("callstate")
        os.kill(pid, signal.SIGKILL)
        wait_for("callstate to be gone", lambda p=pid: not alive(p), 5, 0.02)
        t.up()
    out, err = replay.communicate(timeout=60)
    check(replay.returncode == 0, f"replay: {replay.returncode} {err[-500:]}")
    calls = json.loads(out)["files"][0]["calls"]
    check(not before & {c["id"] for c in calls}, "a site of its own has calls of its own")
    compare(t, calls, short)

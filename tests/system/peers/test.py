import os
import shutil
import subprocess
import sys

from harness import Skip, check

HERE = os.path.dirname(os.path.abspath(__file__))


def play(t, name, *programs):
    """The capture of a play, replayed: its calls."""
    missing = [p for p in ("tshark", "ip", *programs) if not shutil.which(p)]
    if missing:
        raise Skip(f"not installed: {', '.join(missing)}")
    if subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("no network namespace may be made here")
    folder = t.path(name)
    os.makedirs(folder)
    pcap = t.path(name + ".pcap")
    p = subprocess.run(["unshare", "-n", sys.executable, os.path.join(HERE, "plays.py"), name, folder, pcap], text=True, timeout=120,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    check(p.returncode == 0, f"{name}: {p.stdout[-1500:]}")
    t.up()
    return t.replay(pcap)[0]["calls"]


def types(t, call):
    return [e["type"] for e in t.get(f"/calls/{call['id']}/events")["data"]]


def one(calls):
    check(len(calls) == 1, f"{len(calls)} calls: {[(c['from']['user'], c['to']['user'], c['result'], c['sip_call_ids']) for c in calls]}")
    return calls[0]


def test_a_phone_holds_and_transfers(t):
    call = one(play(t, "transfer", "baresip"))
    check((call["from"]["user"], call["to"]["user"], call["result"], call["state"]) == ("201", "202", "answered", "ended"), f"{call}")
    check([r["rel"] for r in call["related"]] == ["transfer_target"], f"{call['related']}")
    tr = call["transfers"]
    check(len(tr) == 1 and tr[0]["kind"] == "blind" and tr[0]["result"] == "succeeded" and tr[0]["target"] == "203", f"{tr}")
    check(tr[0]["transferor"] == "202" and tr[0]["transferee"] == "201", f"{tr}")
    check(call["hold_count"] == 1 and 1.5 < call["hold_seconds"] < 6, f"hold {call['hold_count']} {call['hold_seconds']}")
    check(call["hangup_by"] == "callee" and call["end_reason"] == "bye", f"{call['hangup_by']} {call['end_reason']}")
    told = types(t, call)
    order = [told.index(x) for x in ("held", "resumed", "transfer_requested", "transferred", "ended")]
    check(order == sorted(order), f"{told}")


def test_a_call_through_a_b2bua(t):
    call = one(play(t, "b2bua", "baresip"))
    check(call["result"] == "answered" and call["from"]["user"] == "201" and call["hangup_by"] == "caller", f"{call}")
    check(len(call["sip_call_ids"]) == 2 and [r["rel"] for r in call["related"]] == ["leg"], f"{call['sip_call_ids']} {call['related']}")
    why = t.get(f"/calls/{call['id']}/evidence")["data"]
    check({e["joined_to"] for e in why} == {call["id"]} and sum(e["score"] for e in why) >= 80, f"{why}")
    check(len({s["call_id"] for s in call["streams"]}) == 2, f"{len(call['streams'])} streams")


def test_a_forked_call(t):
    call = one(play(t, "fork", "baresip", "kamailio"))
    check(call["result"] == "answered" and call["to"]["user"] == "200" and not call["related"], f"{call}")
    check(len(call["legs"]) == 2 and sum(bool(leg["answered_at"]) for leg in call["legs"]) == 1, f"{call['legs']}")
    told = types(t, call)
    check("forked" in told and "fork_lost" in told, f"{told}")

import json
import struct
import threading
import time
import urllib.request

from harness import check, wait_for


def mean(calls, what):
    values = [s["mos"][what] for c in calls for s in c["streams"] if s["mos"]]
    check(len(values) > 10, f"{len(values)} streams with MOS")
    return sum(values) / len(values)


def replay(t, name, *options):
    t.traffic(t.path(name), "--calls", "12", "--concurrent", "12", "--talk", "12", "--hold", "0", *options)
    got = t.replay(t.path(name))[0]
    for s in (s for c in got["calls"] for s in c["streams"]):
        check(s["capture_lost"] == 0 and not s["capture_lost_bound"], f"lost by us: {s}")
        check(s["burst"] is not None and s["late"] is not None, f"no bursts: {s}")
    return got["calls"]


def test_mos_falls_with_loss(t):
    t.env["CALLMESH_ALERTS_EVERY"] = "500ms"
    t.up()
    last = None
    for loss in (0, 2, 6, 15):
        calls = replay(t, f"loss{loss}.pcap", "--loss", str(loss), "--seed", str(loss + 1))
        now = {k: mean(calls, k) for k in ("f1", "f2", "adaptive", "min", "avg")}
        print(f"    loss {loss} %: " + ", ".join(f"{k} {v:.2f}" for k, v in now.items()), flush=True)
        check(last is None or all(now[k] < last[k] - 0.1 for k in now), f"loss {loss}: {now}, before {last}")
        check(last is not None or all(v > 4 for v in now.values()), f"no loss: {now}")
        last = now


def test_jitter_and_buffers(t):
    quiet, shaken = replay(t, "quiet.pcap", "--seed", "9"), replay(t, "shaken.pcap", "--jitter", "40", "--seed", "9")
    check(sum(s["late"]["f1"] for c in quiet for s in c["streams"]) == 0, "late without jitter")
    check(mean(shaken, "f1") < mean(shaken, "adaptive") - 0.3, "a buffer of 50 ms is no worse than the adaptive one")
    check(mean(shaken, "f2") > mean(shaken, "f1") + 0.3, "a buffer of 200 ms is no better than one of 50 ms")


def test_bad_calls_are_found(t):
    bad = t.get("/calls?limit=200&mos_min[lt]=3")["data"]
    fine = t.get("/calls?limit=200&mos_min[lt]=1")["data"]
    check(bad and not fine, f"{len(bad)} below 3, {len(fine)} below 1")
    for c in bad:
        check(c["quality"]["mos_min"] < 3 and c["quality"]["mos_min"] <= c["quality"]["mos_avg"], f"{c['quality']}")
    rest = [c for c in t.get("/calls?limit=200")["data"] if c["id"] not in {b["id"] for b in bad}]
    for c in bad:
        said = t.get(f"/calls/{c['id']}/quality")
        check("badly" in said["sentence"] and "lost before they came to replay-" in said["sentence"], f"{said}")
    check(all(c["quality"] is None or c["quality"]["mos_min"] is None or c["quality"]["mos_min"] >= 2.995 for c in rest), "one was not found")


def silence(source, target, ssrcs):
    """Copies a capture without the RTP packets of these SSRCs (Ethernet, IPv4, UDP without options)."""
    with open(source, "rb") as f, open(target, "wb") as g:
        g.write(f.read(24))
        while head := f.read(16):
            data = f.read(struct.unpack("<IIII", head)[2])
            udp = data[42:]
            if len(udp) >= 12 and udp[0] == 0x80 and struct.unpack(">I", udp[8:12])[0] in ssrcs:
                continue
            g.write(head + data)


def test_one_way(t):
    made = t.traffic(t.path("both.pcap"), "--calls", "10", "--concurrent", "10", "--talk", "12", "--hold", "0", "--seed", "5")
    talked = [m for m in made.values() if m["result"] == "answered"]
    mute = {m["sip_call_id"]: ("caller", "callee")[i % 2] for i, m in enumerate(talked[:4])}
    silence(t.path("both.pcap"), t.path("half.pcap"), {made[who][side]["ssrc"] for who, side in mute.items()})
    told = 0
    for c in t.replay(t.path("half.pcap"))[0]["calls"]:
        silent = mute.get(c["sip_call_ids"][0])
        want = {"caller": "callee", "callee": "caller", None: None}[silent]
        if c["talk_seconds"] is None or c["talk_seconds"] <= 3 or not c["quality"]:
            want = None
        got = c["quality"]["one_way"] if c["quality"] else None
        check(got == want, f"{c['sip_call_ids']}: silent {silent}, one_way {got}, talk {c['talk_seconds']}")
        told += got is not None
    check(told >= 2, f"{told} calls told")


def listen_to_alerts(t, heard):
    req = urllib.request.Request(f"http://127.0.0.1:{t.port}/api/v1/events", headers={"Authorization": "Bearer " + t.secrets()["api_key"]})
    with urllib.request.urlopen(req, timeout=40) as r:
        for line in r:
            if line.startswith(b"data: ") and b'"alert.' in line:
                heard.append(json.loads(line[6:]))
            if len(heard) == 2:
                return


def test_bad_quality_raises_an_alert(t):
    def rule(**more):
        body = {"name": "bad sound", "kind": "mos_low", "raise_at": 50, "clear_at": 20, "window_seconds": 3600, "least": 5, **more}
        status, _, got = t.request("/api/v1/alert-rules", method="POST", body=body)
        check(status == 200, f"rule: {status} {got[:300]!r}")

    heard = []
    rule()
    threading.Thread(target=listen_to_alerts, args=(t, heard), daemon=True).start()
    time.sleep(0.5)
    replay(t, "now.pcap", "--loss", "15", "--seed", "77", "--start", str(int(time.time() - 60) * 1000000))
    wait_for("alert.raised", lambda: [a for a in heard if a["type"] == "alert.raised"], 30)
    alert = heard[0]["data"]["alert"]
    check(alert["rule"] == "bad sound" and alert["value"] >= 50 and alert["cleared_at"] is None, f"{alert}")
    up = [a for a in t.get("/alerts?state=raised")["data"] if a["rule"] == "bad sound"]
    check([a["id"] for a in up] == [alert["id"]], f"{up}")
    rule(mos=1.0)  # nothing is so bad
    wait_for("alert.cleared", lambda: len(heard) == 2, 30)
    check(heard[1]["type"] == "alert.cleared" and heard[1]["data"]["alert"]["id"] == alert["id"], f"{heard[1]}")
    check([a["id"] for a in t.get("/alerts?state=cleared")["data"]] == [alert["id"]], "not in the history")

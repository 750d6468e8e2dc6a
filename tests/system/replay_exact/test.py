import datetime
import json
import os
import shutil
import subprocess

from harness import Wav, check, tone_power, wait_for


def us(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6 + 0.5) if text else 0


def compare_call(call, made):
    who = made["sip_call_id"]
    check(call["sip_call_ids"] == [who], f"{who}: Call-IDs {call['sip_call_ids']}")
    check(call["state"] == "ended", f"{who}: state {call['state']}")
    want = made["result"]
    check(call["result"] == want or (want == "failed" and call["result"] in ("failed", "rejected")),
          f"{who}: result {call['result']}, made {want}")
    check(call["from"]["user"] == made["from"] and call["to"]["user"] == made["to"], f"{who}: parties {call['from']} {call['to']}")
    check(abs(us(call["started_at"]) - made["started_at_us"]) < 2000, f"{who}: started {call['started_at']}")
    check(abs(us(call["answered_at"]) - made["answered_at_us"]) < 2000, f"{who}: answered {call['answered_at']}")
    check(abs(us(call["ended_at"]) - made["ended_at_us"]) < 20000, f"{who}: ended {call['ended_at']} made {made['ended_at_us']}")
    check((call["hold_count"] > 0) == made["held"], f"{who}: hold_count {call['hold_count']}, held {made['held']}")
    by_ssrc = {s["ssrc"]: s for s in call["streams"]}
    for side in ("caller", "callee"):
        m = made[side]
        arrived = m["sent"] - m["lost"]
        if arrived == 0:
            continue
        s = by_ssrc.get(m["ssrc"])
        check(s is not None, f"{who}: no stream for the {side}")
        check(s["side"] == side, f"{who}: the {side}'s stream is called {s['side']}")
        # lost at the very start or end of a stream cannot be seen by anyone
        check(s["packets"] - s["duplicates"] == arrived, f"{who} {side}: {s['packets']} - {s['duplicates']} packets, made {arrived}")
        check(s["lost"] <= m["lost"] and m["lost"] - s["lost"] <= 3, f"{who} {side}: lost {s['lost']}, made {m['lost']}")
        check(s["codec"] == made["codec"], f"{who}: codec {s['codec']}")


def compare_recording(t, call, made):
    who = made["sip_call_id"]
    check(len(call["recordings"]) == 1, f"{who}: {len(call['recordings'])} recordings, {call['recording_state']}")
    r = call["recordings"][0]
    check(r["status"] == "ready", f"{who}: recording {r['status']} {r['reason']}")
    wav = Wav(t.recording_bytes(r))
    check(wav.tag == (6 if made["codec"] == "PCMA" else 7), f"{who}: format tag {wav.tag} for {made['codec']}")
    check(abs(wav.seconds - r["duration_seconds"]) < 0.001, f"{who}: {wav.seconds} s, said {r['duration_seconds']}")
    for pcm, side, other in ((wav.left, "caller", "callee"), (wav.right, "callee", "caller")):
        middle = pcm[800:4800]  # half a second, before any hold
        own, cross = tone_power(middle, made[side]["hz"]), tone_power(middle, made[other]["hz"])
        check(own > 0.6 and cross < 0.01, f"{who} {side}: {made[side]['hz']} Hz has {own:.3f}, the other side's {cross:.3f}")


def most_at_once(spans, shift_us):
    """Calls that are there at the same time, their ends moved: an end is known to 20 ms."""
    steps = sorted([(a, 1) for a, _ in spans] + [(b + shift_us, -1) for _, b in spans])
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def compare_statistics(t, calls, made):
    """The sums that callstate made beside those of what was made, quarter of an hour by quarter."""
    quarter, quarters = 900 * 1000000, {}
    for m in made.values():
        quarters.setdefault(m["started_at_us"] // quarter, []).append(m)
    begin, end = (datetime.datetime.fromtimestamp(q * 900, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") for q in (min(quarters), max(quarters) + 1))
    path = f"/statistics?from={begin}&to={end}&site={calls[0]['site']}&by=quarter"
    rows = wait_for("sums of all calls", lambda: (lambda d: d if sum(r["attempts"] - r["unfinished"] for r in d) == len(made) else None)(t.get(path)["data"]))
    check(len(rows) == len(quarters), f"{len(rows)} rows, made {len(quarters)} quarters")
    for row, (_, ms) in zip(rows, sorted(quarters.items())):
        answered = [m for m in ms if m["answered_at_us"]]
        check(row["attempts"] == len(ms) and row["answered"] == len(answered), f"{row}")
        check(abs(row["talk_seconds"] - sum(m["ended_at_us"] - m["answered_at_us"] for m in answered) / 1e6) < 0.022 * len(ms), f"talk_seconds: {row}")
        check(abs(row["asr_pct"] - 100 * len(answered) / len(ms)) < 0.01, f"{row}")
        check(sum(row["codes"].values()) == len(ms), f"{row}")
    if len(quarters) == 1:
        spans = [(m["started_at_us"], m["ended_at_us"]) for m in made.values()]
        check(most_at_once(spans, -22000) <= rows[0]["concurrent_max"] <= most_at_once(spans, 22000), f"concurrent_max {rows[0]['concurrent_max']}, {most_at_once(spans, 0)} made")


def run(t, name, *options):
    made = t.traffic(t.path(name), *options)
    got = t.replay(t.path(name))[0]
    calls = got["calls"]
    check(len(calls) == len(made), f"{len(calls)} calls, made {len(made)}")
    check(not got["malformed"], f"malformed {got['malformed']}")
    check(not got["unjoined_streams"], f"{len(got['unjoined_streams'])} streams not joined")
    for call in calls:
        compare_call(call, made[call["sip_call_ids"][0]])
    compare_statistics(t, calls, made)
    for call in calls:
        m = made[call["sip_call_ids"][0]]
        if m["caller"]["sent"] + m["callee"]["sent"] > 0:
            compare_recording(t, call, m)
    return calls, made


def rtp_of(path, ssrc):
    """Each packet of a source as Wireshark's reader sees it: time, ends, number, payload."""
    out = subprocess.run(["tshark", "-r", path, "-o", "rtp.heuristic_rtp:TRUE", "-Y", f"rtp.ssrc == {ssrc}", "-T", "fields", "-e", "frame.time_epoch", "-e", "ip.src", "-e",
                          "udp.srcport", "-e", "ip.dst", "-e", "udp.dstport", "-e", "rtp.seq", "-e", "rtp.timestamp", "-e", "rtp.payload"], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in out.stdout.splitlines()]


def test_clean(t):
    t.env["CALLMESH_RECORDINGS_PACKETS"] = "true"
    t.env["CALLMESH_STATISTICS_EVERY"] = "100ms"
    t.up()
    calls, made = run(t, "clean.pcap", "--calls", "30", "--concurrent", "6", "--talk", "6")
    if not shutil.which("tshark"):
        return
    call = next(c for c in calls if made[c["sip_call_ids"][0]]["caller"]["sent"] > 100 and made[c["sip_call_ids"][0]]["callee"]["sent"] > 100)
    status, headers, body = t.request(f"/api/v1/calls/{call['id']}/pcapng?media=rtp")
    check(status == 200, f"pcapng: {status} {body[:200]!r}")
    with open(t.path("call.pcapng"), "wb") as f:
        f.write(body)
    m = made[call["sip_call_ids"][0]]
    check(int(headers["X-Media-Packets"]) == m["caller"]["sent"] + m["callee"]["sent"], f"{headers['X-Media-Packets']} packets of media")
    for side in ("caller", "callee"):
        want, got = rtp_of(t.path("clean.pcap"), m[side]["ssrc"]), rtp_of(t.path("call.pcapng"), m[side]["ssrc"])
        check(len(want) == m[side]["sent"] and [x[1:] for x in got] == [x[1:] for x in want], f"{side}: the packets are others, {len(got)} of {len(want)}")
        check(all(abs(float(a[0]) - float(b[0])) < 0.0011 for a, b in zip(got, want)), f"{side}: the times are others")
    sip = subprocess.run(["tshark", "-r", t.path("call.pcapng"), "-Y", "sip", "-T", "fields", "-e", "sip.Call-ID"], capture_output=True, text=True, check=True).stdout.split()
    check(len(sip) == call["message_count"] and set(sip) == {m["sip_call_id"]}, f"SIP in the file: {sip}")


def test_bad_line(t):
    run(t, "bad.pcap", "--calls", "30", "--concurrent", "6", "--talk", "6", "--loss", "3", "--jitter", "8", "--reorder", "2",
        "--duplicate", "1", "--seed", "7")


def test_many_at_once(t):
    run(t, "many.pcap", "--calls", "400", "--concurrent", "200", "--rate", "100", "--talk", "5", "--seed", "3")


def test_manifest_matches_the_file(t):
    import hashlib
    top = os.path.join(t.var, "recordings")
    manifests = [os.path.join(d, f)[len(top) + 1:] for d, _, fs in os.walk(top) for f in fs if ".json." in f]
    check(manifests, "no manifest was written")
    for m in manifests[:20]:
        j = json.loads(t.callmesh("keys", "cat", m).stdout)
        data = t.recording_bytes(j)
        check(j["sha256"] == hashlib.sha256(data).hexdigest(), f"{m}: SHA-256 differs")
        check(j["sha512"] == hashlib.sha512(data).hexdigest(), f"{m}: SHA-512 differs")
        check(j["size_bytes"] == len(data), f"{m}: size differs")
    left = [f for d, _, fs in os.walk(top) for f in fs if f.endswith(".part")]
    check(not left, f"half-written files: {left}")

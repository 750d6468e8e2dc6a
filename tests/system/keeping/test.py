import json
import os
import random
import time

from harness import Wav, check, wait_for


def files_below(folder):
    for base, _, names in os.walk(folder):
        for n in names:
            yield os.path.join(base, n)


def recordings(t):
    return [r for r in t.get("/recordings?limit=200")["data"] if r["status"] == "ready"]


def verify(t, *args):
    p = t.callmesh("verify", "--json", *args, ok=False)
    return p.returncode, json.loads(p.stdout)


def test_encrypted_and_heard(t):
    t.up()
    t.traffic(t.path("a.pcap"), "--calls", "12", "--concurrent", "4", "--talk", "6")
    t.replay(t.path("a.pcap"))
    folder, ready = os.path.join(t.var, "recordings"), recordings(t)
    check(len(ready) >= 5, f"{len(ready)} recordings")
    for f in files_below(folder):
        if "/chain/" in f:
            continue
        with open(f, "rb") as h:
            data = h.read()
        check(f.endswith(".sealed") and data[:8] == b"CMSEAL01", f"{f} is not encrypted")
        check(b"RIFF" not in data and b"manifest_version" not in data, f"{f} can be read")
    for r in ready:
        whole = t.recording_bytes(r)
        check(abs(Wav(whole).seconds - r["duration_seconds"]) < 0.001, f"{r['id']}: length")
        a, b = sorted(random.sample(range(len(whole)), 2))
        status, head, part = t.request(f"/api/v1/recordings/{r['id']}/audio", {"Range": f"bytes={a}-{b}"})
        check(status == 206 and part == whole[a:b + 1], f"{r['id']}: range {a}-{b}: {status}")
    mode = os.stat(os.path.join(t.var, "keys", "master-1")).st_mode & 0o777
    check(mode == 0o600, f"master-1 has mode {mode:o}")


def test_proven_offline(t):
    n = len(recordings(t))
    code, v = verify(t)
    check(code == 0 and v["result"] == "proven" and v["recordings"] == n and v["files"] == 2 * n, f"{code} {v}")
    one = recordings(t)[0]
    code, v = verify(t, one["id"], "--public-key", os.path.join(t.var, "keys", "signing.pub"))
    check(code == 0 and v["recordings"] == 1 and v["files"] == 2, f"{code} {v}")
    code, v = verify(t, "01936b2a-0000-7000-8000-000000000001")
    check(code == 2 and v["result"] == "not in the chain", f"{code} {v}")


def test_a_flipped_byte_is_named(t):
    folder = os.path.join(t.var, "recordings")
    files = [f for f in files_below(folder) if not f.endswith("signing.pub")]
    for f in random.Random(5).sample(files, 8):
        at = random.randrange(os.path.getsize(f))
        with open(f, "r+b") as h:
            h.seek(at)
            b = h.read(1)[0]
            h.seek(at)
            h.write(bytes([b ^ 1 << random.randrange(8)]))
        code, v = verify(t)
        bad = v["broken"]
        check(code == 1 and bad and os.path.join(folder, bad["file"]) == f and bad["from_byte"] <= at <= bad["to_byte"],
              f"byte {at} of {f}: {code} {v}")
        with open(f, "r+b") as h:
            h.seek(at)
            h.write(bytes([b]))
    check(verify(t)[0] == 0, "whole again")


def test_keys_are_rotated(t):
    before = {r["id"]: t.recording_bytes(r) for r in recordings(t)}
    stat = {f: os.stat(f).st_mtime_ns for f in files_below(os.path.join(t.var, "recordings"))}
    out = t.callmesh("keys", "rotate").stdout
    check(f"master-2 in use; {len(before)} data keys wrapped" in out, out)
    check(t.callmesh("keys", "forget", "2", ok=False).returncode == 1, "the key in use was forgotten")
    t.callmesh("keys", "forget", "1")
    check(not os.path.exists(os.path.join(t.var, "keys", "master-1")), "master-1 is still there")
    for r in recordings(t):
        check(t.recording_bytes(r) == before[r["id"]], f"{r['id']} sounds otherwise")
    check(stat == {f: os.stat(f).st_mtime_ns for f in stat}, "a stored file was touched")
    t.traffic(t.path("b.pcap"), "--calls", "2", "--talk", "2", "--seed", "9")
    t.replay(t.path("b.pcap"))
    check(f"master-2 {len(recordings(t))} data keys (in use)" in t.callmesh("keys", "list").stdout, "new recordings use the new master key")
    check(verify(t)[0] == 0, "still proven")


def test_rules_decide(t):
    """A share is recorded, the rest is skipped with the rule's name, and one that was skipped is asked for afterwards."""
    status, _, body = t.request("/api/v1/recording-rules", method="POST", body={"name": "half", "action": "percent", "percent": 50})
    check(status == 201, f"{status} {body}")
    rule = json.loads(body)
    time.sleep(2)  # callstate looks each second
    t.traffic(t.path("d.pcap"), "--calls", "16", "--concurrent", "16", "--talk", "2", "--seed", "21")
    t.replay(t.path("d.pcap"))
    calls = [c for c in t.get("/calls?limit=200")["data"] if (c["recording_policy"] or {}).get("rule") == "half" and c["quality"]]
    skipped = [c for c in calls if c["recording_policy"]["decision"] == "skip"]
    recorded = [c for c in calls if c["recording_policy"]["decision"] == "record"]
    check(skipped and recorded, f"{len(calls)} calls, {len(skipped)} skipped")
    check(all(c["recording_state"] == "none" and not t.get(f"/calls/{c['id']}/recordings")["data"] for c in skipped), "a skipped call has a recording")
    check(all(c["recording_state"] == "ready" for c in recorded), "a call of the share has none")
    answered = [c for c in skipped if c["result"] == "answered"]
    day = answered[0]["started_at"][:10]
    report = t.get(f"/stats/completeness?day={day}&site={answered[0]['site']}")
    check({"class": "skipped", "reason": "rule half: percent", "calls": len(answered)} in report["reasons"] and report["lost"] == 0 and
          report["answered"] == report["recorded"] + report["skipped"], str(report))
    one = answered[0]
    status, _, body = t.request(f"/api/v1/calls/{one['id']}/record", method="POST")
    check(status == 202, f"{status} {body}")
    got = wait_for("the recording that was asked for",
                   lambda: [r for r in t.get(f"/calls/{one['id']}/recordings")["data"] if r["status"] == "ready"], 20)
    check(sum(ch["packets"] for ch in got[0]["channels"]) == one["quality"]["packets"], f"not all of its packets: {got} {one['quality']}")
    check(t.get(f"/calls/{one['id']}")["recording_policy"]["reason"] == "asked", "why it was recorded")
    t.request(f"/api/v1/recording-rules/{rule['id']}", method="DELETE")


def test_plain_when_asked_for(t):
    t.down()
    t.callmesh("up", "--port", str(t.port), env={"CALLMESH_RECORDINGS_ENCRYPT": "false"})
    t.is_up = True
    t.traffic(t.path("c.pcap"), "--calls", "2", "--talk", "2", "--seed", "11")
    t.replay(t.path("c.pcap"))
    plain = [f for f in files_below(os.path.join(t.var, "recordings")) if f.endswith(".wav")]
    check(plain, "nothing plain was written")
    by_id = {r["id"]: r for r in recordings(t)}
    for f in plain:
        r = by_id[os.path.basename(f)[:-4]]
        with open(f, "rb") as h:
            check(h.read() == t.recording_bytes(r), f"{f} is not what the API sends")
    code, v = verify(t)
    check(code == 0 and v["recordings"] == len(by_id), f"{code} {v}")

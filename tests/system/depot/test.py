import http.client
import os
import random
import signal
import sys

from harness import ROOT, Wav, check, wait_for

sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import s3_server  # noqa: E402

STORE = s3_server.Store()


def local(t):
    top = os.path.join(t.var, "recordings")
    return [f for d, _, fs in os.walk(top) for f in fs if f.endswith(".sealed")]


def start(t):
    server = s3_server.serve(STORE)
    t.env.update(CALLMESH_DEPOT_URL=f"s3://{STORE.bucket}/site a/", CALLMESH_DEPOT_ENDPOINT=f"http://127.0.0.1:{server.server_port}",
                 CALLMESH_DEPOT_REGION=STORE.region, CALLMESH_DEPOT_ACCESS_KEY=STORE.key, CALLMESH_DEPOT_SECRET_KEY=STORE.secret)
    t.up()
    return server


def recordings(t):
    return [r for r in t.get("/recordings?limit=200")["data"] if r["status"] == "ready"]


def check_audio(t, r):
    whole = t.recording_bytes(r)
    check(len(whole) == r["size_bytes"] and abs(Wav(whole).seconds - r["duration_seconds"]) < 0.001, f"{r['id']}: {len(whole)} bytes")
    for _ in range(3):
        a, b = sorted(random.sample(range(len(whole)), 2))
        status, _, part = t.request(f"/api/v1/recordings/{r['id']}/audio", {"Range": f"bytes={a}-{b}"})
        check(status == 206 and part == whole[a:b + 1], f"{r['id']}: range {a}-{b}: {status}")
    check(t.get(f"/recordings/{r['id']}/peaks")["length"] > 0, "no wave form")


def test_recordings_move_to_the_store(t):
    start(t)
    t.traffic(t.path("a.pcap"), "--calls", "8", "--concurrent", "4", "--talk", "6")
    t.replay(t.path("a.pcap"))
    n = len(recordings(t))
    check(n >= 4, f"{n} recordings")
    wait_for("uploads", lambda: len(STORE.objects) == 2 * n and not local(t), 30)
    check(not STORE.refused, f"signatures: {STORE.refused[:3]}")
    check(all(k.startswith("site a/replay-") and v[:8] == b"CMSEAL01" for k, v in STORE.objects.items()), f"{list(STORE.objects)[:3]}")
    for r in recordings(t):
        check_audio(t, r)
    p = t.callmesh("verify", "--absent-ok")
    check(f"{2 * n} files are not here" in p.stdout, p.stdout)


def test_away_and_killed(t):
    """Refused, cut and killed in between: in the end each object is there, once, and is what the chain signed."""
    STORE.faults = [lambda m, p, q: (503, s3_server.xml("SlowDown")) if m == "PUT" and random.random() < 0.5 else "cut" if random.random() < 0.2 else None]
    t.traffic(t.path("b.pcap"), "--calls", "10", "--concurrent", "5", "--talk", "5", "--seed", "4")
    t.replay(t.path("b.pcap"))
    for _ in range(3):
        os.kill(t.service_pid("recorder"), signal.SIGKILL)
        wait_for("its end", lambda: not os.path.isdir(f"/proc/{t.service_pid('recorder')}"), 10)
        t.callmesh("up", "--port", str(t.port))
    for r in recordings(t):
        check_while_away(t, r)
    STORE.faults = []
    n = len(recordings(t))
    wait_for("uploads", lambda: len(STORE.objects) == 2 * n and not local(t), 60)
    for r in recordings(t):
        check_audio(t, r)
    # The objects brought back are the files that the chain signed.
    top = os.path.join(t.var, "recordings")
    for key, data in STORE.objects.items():
        path = os.path.join(top, key[len("site a/"):])
        with open(path, "wb") as f:
            f.write(data)
    p = t.callmesh("verify")
    check(f"{n} recordings, {2 * n} files" in p.stdout, p.stdout)


def check_while_away(t, r):
    try:
        status, _, body = t.request(f"/api/v1/recordings/{r['id']}/audio")
    except (http.client.HTTPException, ConnectionError):
        return  # cut in the middle: the client sees that it is not whole
    check(status in (200, 503) and (status == 503 or len(body) == r["size_bytes"]), f"{r['id']}: {status}, {len(body)} bytes")


def test_a_store_that_refuses(t):
    """A wrong secret: nothing is lost, the log and the counter say it, and it goes up when the secret is right."""
    t.down()
    right = t.env["CALLMESH_DEPOT_SECRET_KEY"]
    t.env["CALLMESH_DEPOT_SECRET_KEY"] = "wrong"
    t.up()
    before = len(STORE.objects)
    for f in [os.path.join(d, f) for d, _, fs in os.walk(os.path.join(t.var, "recordings")) for f in fs if f.endswith(".sealed")]:
        os.remove(f)  # those that the test before brought back
    t.traffic(t.path("c.pcap"), "--calls", "2", "--talk", "2", "--seed", "5")
    t.replay(t.path("c.pcap"))

    def errors():
        with open(os.path.join(t.var, "log", "recorder.log"), encoding="utf-8") as f:
            return "does not take recordings" in f.read()

    wait_for("the error", errors, 20)
    waiting = len(local(t))
    check(len(STORE.objects) == before and waiting > 0, f"{len(STORE.objects)} objects, {waiting} files")
    t.down()
    t.env["CALLMESH_DEPOT_SECRET_KEY"] = right
    t.up()
    wait_for("uploads", lambda: len(STORE.objects) == before + waiting and not local(t), 30)

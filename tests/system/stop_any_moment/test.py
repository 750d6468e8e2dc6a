import os
import random
import time

from harness import BIN, Wav, alive, check, wait_for

SERVICES = ("capture", "callstate", "recorder", "api")


def start(t):
    return t.up("--interface", "lo", "--site", "lab")


def test_terminate_each_service_at_random_moments(t):
    rnd = random.Random(20261120)
    start(t)
    t.spawn(os.path.join(BIN, "callmesh-traffic"), "--wire", "--forever", "--concurrent", "6", "--rate", "2", "--talk", "3", "--ring", "0.5")
    wait_for("first calls", lambda: len(t.get("/calls?limit=200")["data"]) >= 3, 30)
    for _ in range(3):
        for name in rnd.sample(SERVICES, len(SERVICES)):
            time.sleep(rnd.uniform(0.05, 1.2))
            pid = t.service_pid(name)
            began = time.time()
            os.kill(pid, 15)
            wait_for(f"{name} to stop", lambda p=pid: not alive(p), 5.5, 0.02)
            check(time.time() - began < 5.2, f"{name} took {time.time() - began:.1f} s")
            start(t)
    known = {c["id"]: c for c in t.get("/calls?limit=200&state=ended")["data"]}
    check(len(known) >= 5, f"only {len(known)} ended calls are stored")
    before = time.time()
    time.sleep(8)

    def fresh():
        got = [c for c in t.get("/calls?limit=200&result=answered")["data"] if c["recording_state"] == "ready"]
        return [c for c in got if c["id"] not in known] or None
    calls = wait_for("new calls, recorded", fresh, 30)
    for c in calls[:5]:
        r = t.get(f"/calls/{c['id']}/recordings")["data"][0]
        wav = Wav(t.recording_bytes(r))
        check(wav.seconds > 0.3, f"{wav.seconds} s")
    t.children[-1].terminate()
    check(time.time() - before < 60, "slow")


def test_down_leaves_nothing_behind(t):
    pids = [t.service_pid(n) for n in SERVICES]
    with open(os.path.join(t.var, "pg", "data", "postmaster.pid"), encoding="utf-8") as f:
        pids.append(int(f.readline()))
    t.down()
    left = [p for p in pids if alive(p)]
    check(not left, f"still running: {left}")
    parts = [f for d, _, fs in os.walk(os.path.join(t.var, "recordings")) for f in fs if f.endswith(".part")]
    check(not parts, f"half-written: {parts}")


def test_second_up_takes_seconds(t):
    began = time.time()
    start(t)
    check(time.time() - began < 15, f"the second up took {time.time() - began:.1f} s")

import os
import shutil
import subprocess

from harness import BIN, ROOT, Skip, check, wait_for


def test_live_call_is_seen_and_heard(t):
    if not shutil.which("chromium"):
        raise Skip("no chromium on this machine")
    t.up("--interface", "lo", "--site", "lab")
    t.spawn(os.path.join(BIN, "callmesh-traffic"), "--wire", "--calls", "1", "--concurrent", "1", "--talk", "6", "--ring", "0.3", "--mix", "1,0,0,0", "--hold", "0")
    wait_for("a finished call", lambda: [c for c in t.get("/calls")["data"] if c["recording_state"] == "ready"], 60)
    traffic = " ".join([os.path.join(BIN, "callmesh-traffic"), "--wire --calls 1 --concurrent 1 --talk 60 --ring 0.3 --mix 1,0,0,0 --hold 0 --seed 5"])
    s = t.secrets()
    p = subprocess.run(["node", "test/e2e.mjs", f"http://127.0.0.1:{t.port}", s["login"], s["password"], "--left-hz", "400", "--right-hz", "900",
                        "--traffic", traffic], cwd=os.path.join(ROOT, "dashboard"), text=True, capture_output=True, timeout=240, check=False)
    print(p.stdout[-3000:])
    check(p.returncode == 0, f"exit {p.returncode}: {p.stderr[-2000:]}")

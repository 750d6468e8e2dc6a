import json
import os
import re

from harness import ROOT, alive, check, wait_for

SIP = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n" \
      "Call-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
ran = set()


def run(t, command, *args, ok=True, **kw):
    ran.add(command)
    return t.callmesh(command, *args, ok=ok, **kw)


def test_demo_shows_calls_within_seconds(t):
    p = run(t, "demo", "--port", str(t.port), timeout=600)
    check(f"http://127.0.0.1:{t.port}/" in p.stderr and "password" in p.stderr, f"no URL or login: {p.stderr}")
    wait_for("a live call", lambda: t.get("/calls/active")["data"], 20)
    status, headers, body = t.request("/", key=False)
    check(status == 200 and b"<script" in body and "default-src 'self'" in headers["Content-Security-Policy"], f"page: {status} {headers}")
    wait_for("a recorded call", lambda: [c for c in t.get("/calls?result=answered")["data"] if c["recording_state"] == "ready"], 120)


def test_queries(t):
    for what in ("calls", "streams", "recordings", "harvesters"):
        table = run(t, what, "--limit", "5").stdout if what != "harvesters" else run(t, what).stdout
        check(len(table.splitlines()) >= 2, f"{what}: {table!r}")
        check(json.loads(run(t, what, "--json").stdout)["data"], f"{what} --json")
    some = t.get("/calls?limit=1")["data"][0]["from"]["user"]
    check(some in run(t, "calls", "number=" + some).stdout, f"search by {some}")
    p = run(t, "calls", "limit=9999", ok=False)
    check(p.returncode == 65 and "400" in p.stderr, f"a filter that the API refuses: {p.returncode} {p.stderr!r}")


def test_compliance(t):
    day = t.get("/calls?result=answered&limit=1")["data"][0]["started_at"][:10]
    report = json.loads(run(t, "completeness", "--day", day, "--json").stdout)
    check(report["answered"] > 0 and report["answered"] == report["recorded"] + report["skipped"] + report["lost"] + report["open"], f"{report}")
    run(t, "completeness", "--reports", "--from", day, "--json")  # the first writes itself tomorrow
    check(run(t, "verify").returncode == 0, "verify")
    check("0" in run(t, "audit").stdout, "audit")


def test_status_doctor_lint_version(t):
    check("ready" in run(t, "status").stdout, "status")
    s = json.loads(run(t, "status", "--json").stdout)
    check({x["name"]: x["state"] for x in s["services"]}["capture"] == "ready" and s["database"] == "running", f"{s}")
    check("ok" in run(t, "doctor").stdout, "doctor")
    good, bad = t.path("good.sip"), t.path("bad.sip")
    for path, text in ((good, SIP), (bad, SIP.replace("CSeq: 1 OPTIONS", "CSeq: one OPTIONS"))):
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(text)
    check(run(t, "sip-lint", good).returncode == 0, "good SIP")
    p = run(t, "sip-lint", bad, "--json", ok=False)
    check(p.returncode == 1 and not json.loads(p.stdout.splitlines()[0])["ok"], f"bad SIP: {p.returncode} {p.stdout}")
    check(re.search(r"\d+\.\d+\.\d+", run(t, "--version").stdout), "version")
    check("demo" in run(t, "--help").stdout, "help")


def test_down_and_up(t):
    with open(os.path.join(t.var, "pg", "data", "postmaster.pid"), encoding="utf-8") as f:
        pids = [int(f.readline())] + [t.service_pid(n) for n in ("capture", "callstate", "recorder", "api", "traffic")]
    run(t, "down")
    check(not [p for p in pids if alive(p)], "something still runs")
    check(run(t, "status", ok=False).returncode == 3, "status after down")
    t.traffic(t.path("a.pcap"), "--calls", "3", "--talk", "1")
    check("3 calls" in run(t, "replay", t.path("a.pcap")).stdout, "replay with nothing running")
    check(run(t, "status", ok=False).returncode == 3, "replay left something running")
    run(t, "up", "--interface", "lo", "--port", str(t.port))
    run(t, "down")


def test_every_command_of_the_readme_was_run(t):
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        named = set(re.findall(r"\./callmesh ([a-z-]+)", f.read()))
    check(named, "the README names no command")
    check(not named - ran - {"test"}, f"named in the README, never run: {named - ran - {'test'}}")  # test: this is it
    for link in re.findall(r"\]\(([^)#]+)\)", open(os.path.join(ROOT, "README.md"), encoding="utf-8").read()):
        check(os.path.exists(os.path.join(ROOT, link)), f"README.md links to {link}, which is not there")

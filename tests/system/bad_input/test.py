import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

from harness import BIN, ROOT, alive, check, wait_for

sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
from ports import free_port  # noqa: E402

CAPTURE = os.path.join(BIN, "callmesh-capture")


def run(*args, **kw):
    return subprocess.run(args, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False, **kw)


def one_line(p, code, *words):
    lines = [x for x in p.stderr.strip().splitlines() if x.strip()]
    check(p.returncode == code, f"exit {p.returncode}, wanted {code}: {p.stderr!r}")
    check(1 <= len(lines) <= 2, f"not one clear line: {p.stderr!r}")
    for w in words:
        check(w in p.stderr, f"'{w}' is not in {p.stderr!r}")


def test_no_such_file(t):
    one_line(run(CAPTURE, "--read", "/nowhere/x.pcap", "--no-bus"), 66, "/nowhere/x.pcap")
    p = t.callmesh("replay", "/nowhere/x.pcap", ok=False)
    one_line(p, 66, "/nowhere/x.pcap")


def test_not_a_capture(t):
    path = t.path("hello.pcap")
    with open(path, "w", encoding="utf-8") as f:
        f.write("this is no capture\n" * 40)
    one_line(run(CAPTURE, "--read", path, "--no-bus"), 65, path)


def test_cut_capture_keeps_what_could_be_read(t):
    whole, cut = t.path("whole.pcap"), t.path("cut.pcap")
    t.traffic(whole, "--calls", "5", "--talk", "2")
    with open(whole, "rb") as f:
        data = f.read()
    with open(cut, "wb") as f:
        f.write(data[: len(data) // 2 + 7])
    all_, p = run(CAPTURE, "--read", whole, "--no-bus", "--json"), run(CAPTURE, "--read", cut, "--no-bus", "--json")
    a, b = json.loads(all_.stdout), json.loads(p.stdout)
    check(p.returncode == 0 and b["truncated"] is True and not a["truncated"], f"truncated {b['truncated']} exit {p.returncode}")
    check(0.4 * a["packets"] < b["packets"] < 0.6 * a["packets"], f"{b['packets']} of {a['packets']} packets")
    check("cut" in p.stderr or "truncated" in p.stderr, f"nothing is said of it: {p.stderr!r}")


def is_caged(pid):
    text = [open(f"/proc/{pid}/task/{n}/status", encoding="utf-8").read() for n in os.listdir(f"/proc/{pid}/task")]
    each = [(re.search(r"Seccomp:\s(\d)", x)[1], re.search(r"NoNewPrivs:\s(\d)", x)[1], int(re.search(r"CapEff:\s(\w+)", x)[1], 16)) for x in text]
    return len(each) > 1 and all(x == ("2", "1", 0) for x in each)


def test_who_reads_a_file_is_caged(t):
    """Every thread of it, the one that answers on the health port too; and it reads to the end in there. With a bus nng's threads as well."""
    whole = t.path("caged.pcap")
    made = t.traffic(whole, "--calls", "3", "--talk", "1", "--mix", "1,0,0,0")
    port = free_port()
    p = t.spawn(CAPTURE, "--read", "-", "--no-bus", "--json", f"--health.listen=127.0.0.1:{port}", "--log.level=error",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with open(whole, "rb") as f:
        p.stdin.write(f.read())
    p.stdin.flush()

    wait_for("a thread or more in the cage", lambda: is_caged(p.pid), 10)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as r:
        rss = re.search(r"^process_resident_memory_bytes (\d+)", r.read().decode(), re.M)
    check(rss and int(rss[1]) > 1 << 20, f"RSS of the caged: {rss and rss[1]}")
    p.stdin.close()
    report = json.loads(p.stdout.read())
    check(p.wait(10) == 0 and report["packets"] > 0 and len(made) == 3, f"exit {p.returncode}")
    check(len(report["streams"]) == 6, f"{len(report['streams'])} streams")
    urls = [f"--bus.{u}-url=tcp://127.0.0.1:{port}" for u in ("sig", "sig-ask", "rtp", "rtp-ask")]  # nobody answers there
    p = t.spawn(CAPTURE, "--read", whole, "--log.level=error", *urls)
    wait_for("all threads in the cage", lambda: is_caged(p.pid), 10)
    p.terminate()
    check(p.wait(10) == 75, f"exit {p.returncode}")


def test_no_such_interface(t):
    one_line(run(CAPTURE, "--interface", "nosuch0"), 66, "nosuch0", "lo")
    p = t.callmesh("up", "--interface", "nosuch0", "--port", str(t.port), ok=False)
    one_line(p, 66, "nosuch0")


def test_no_permission_names_the_cure(t):
    if os.geteuid() != 0:
        from harness import Skip
        raise Skip("needs root, to drop to nobody")
    p = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", CAPTURE, "--interface", "lo")
    one_line(p, 77, "setcap cap_net_raw")


def test_unknown_setting(t):
    for name in ("capture", "callstate", "recorder", "api"):
        p = run(os.path.join(BIN, f"callmesh-{name}"), "--no-such-setting=1")
        one_line(p, 64, "no-such-setting")


def test_help_and_version(t):
    for name in ("capture", "callstate", "recorder", "api"):
        p = run(os.path.join(BIN, f"callmesh-{name}"), "--help")
        check(p.returncode == 0 and "xample" in p.stdout, f"{name} --help: {p.stdout[:200]!r}")
        p = run(os.path.join(BIN, f"callmesh-{name}"), "--version")
        check(p.returncode == 0 and re.search(r"\d+\.\d+\.\d+", p.stdout), f"{name} --version: {p.stdout!r}")


def test_port_taken(t):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", t.port))
        s.listen()
        p = t.callmesh("up", "--port", str(t.port), ok=False)
    check(p.returncode == 69 and str(t.port) in p.stderr and "--port" in p.stderr, f"exit {p.returncode}: {p.stderr!r}")
    t.callmesh("down")


def test_database_away_is_waited_for_and_said(t):
    args = [os.path.join(BIN, "callmesh-callstate"), f"--store.dsn=host={t.dir} dbname=callmesh user=callmesh",
            f"--health.listen=127.0.0.1:{t.base + 12}"]
    args += [f"--bus.{n}=tcp://127.0.0.1:{t.base + i}" for i, n in enumerate(("sig-url", "sig-ask-url", "mesh-url", "control-url"), 1)]
    log = t.path("callstate.err")
    with open(log, "w", encoding="utf-8") as f:
        p = t.spawn(*args, stderr=f)
    time.sleep(3)
    check(p.poll() is None, f"callstate gave up: exit {p.returncode}")
    with open(log, encoding="utf-8") as f:
        text = f.read()
    check(re.search("database|PostgreSQL|store", text) and re.search("again|retry|wait", text), f"not said: {text[-600:]}")
    p.terminate()
    check(p.wait(6) == 0, f"exit {p.returncode} after SIGTERM")


def test_newer_schema_is_refused_with_both_versions(t):
    t.up()
    dsn = psql(t, "SELECT max(version) FROM schema_version")
    have = int(dsn)
    psql(t, f"INSERT INTO schema_version (version) VALUES ({have + 41})")
    for name in ("callstate", "api"):
        os.kill(t.service_pid(name), 15)
    wait_for("services to stop", lambda: not any(alive(t.service_pid(n)) for n in ("callstate", "api")), 10)
    p = t.callmesh("up", "--port", str(t.port), ok=False)
    check(p.returncode != 0 and str(have + 41) in p.stderr and str(have) in p.stderr, f"exit {p.returncode}: {p.stderr[-400:]!r}")
    psql(t, f"DELETE FROM schema_version WHERE version = {have + 41}")
    t.up()


def psql(t, sql):
    cmd = ["psql", "-h", os.path.join(t.var, "pg"), "-U", "callmesh", "-d", "callmesh", "-Atc", sql]
    if os.geteuid() == 0:
        cmd = ["setpriv", "--reuid=callmesh", "--regid=callmesh", "--clear-groups"] + cmd
    return subprocess.run(cmd, capture_output=True, text=True, check=True, cwd="/").stdout.strip()

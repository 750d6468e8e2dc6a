import os
import re
import subprocess
import time
import urllib.request

from harness import ROOT, Skip, check, wait_for


def commands():
    with open(os.path.join(ROOT, "docs", "sites.md"), encoding="utf-8") as f:
        got = re.findall(r"^    (centre|site)\$ \./callmesh (.*)$", f.read(), re.M)
    check(len(got) >= 6, f"docs/sites.md has only {len(got)} commands")
    return got


def at_site(t, *args, ok=True, var="site"):
    """The machine at the site: a namespace of its own with the doc's eth0; 192.0.2.10 is the centre."""
    env = dict(t.env, CALLMESH_VAR=t.path(var), CALLMESH_PORT_BASE=str(t.base))
    p = subprocess.run(["nsenter", "-t", str(t.holder.pid), "-n", os.path.join(ROOT, "callmesh"), *args], env=env, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=180)
    check(not ok or p.returncode == 0, f"site: callmesh {' '.join(args)}: exit {p.returncode}: {p.stderr[-1500:]}")
    return p


def open_namespace(t):
    t.holder = t.spawn("unshare", "-n", "sleep", "infinity")
    wait_for("the namespace", lambda: os.readlink(f"/proc/{t.holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
    inside = f"nsenter -t {t.holder.pid} -n"
    for cmd in (f"ip link add vcentre type veth peer name eth0 netns {t.holder.pid}", "ip addr add 192.0.2.10/24 dev vcentre", "ip link set vcentre up",
                f"{inside} ip link set lo up", f"{inside} ip addr add 192.0.2.20/24 dev eth0", f"{inside} ip link set eth0 up"):
        subprocess.run(cmd.split(), check=True)


def refused(t):
    with urllib.request.urlopen(f"http://127.0.0.1:{t.base + 12}/metrics", timeout=5) as r:
        return {k: int(v) for k, v in re.findall(r'^callmesh_bus_refused_total\{reason="(\w+)"\} (\d+)', r.read().decode(), re.M)}


def site_up(t):
    return [h for h in t.get("/harvesters")["data"] if h["site"] == "berlin" and h["up"]]


def psql(t, sql):
    cmd = ["psql", "-h", os.path.join(t.var, "pg"), "-U", "callmesh", "-d", "callmesh", "-Atc", sql]
    if os.geteuid() == 0:
        cmd = ["setpriv", "--reuid=callmesh", "--regid=callmesh", "--clear-groups", *cmd]
    return subprocess.run(cmd, check=True, stdout=subprocess.PIPE, text=True, cwd="/").stdout.strip()


def renewed_without_a_restart(t):
    crt = os.path.join(t.path("site"), "secrets", "site", "site.crt")

    def content():
        with open(crt, encoding="utf-8") as f:
            return f.read()
    with open(os.path.join(t.path("site"), "run", "capture.pid"), encoding="utf-8") as f:
        pid = f.read()
    before, out = content(), refused(t)
    psql(t, "UPDATE site_keys SET joined_at = now() - interval '200 days' WHERE site = 'berlin'")  # the half of its life: it is due
    wait_for("the next certificate", lambda: content() != before, 20)
    check(psql(t, "SELECT count(*) FROM site_keys WHERE previous IS NOT NULL AND renewed_at > now() - interval '1 min'") == "1", "not in the table")
    check(re.search(r"^berlin +- +1 +0 +0 +(9|10) ", t.callmesh("site", "list").stdout, re.M), t.callmesh("site", "list").stdout)
    check(site_up(t) and refused(t) == out, f"the link was lost: {out}, {refused(t)}")
    # The connections that stand were opened with the one before: sent away, they come back with the next one.
    psql(t, "UPDATE site_keys SET previous = NULL WHERE site = 'berlin'")
    wait_for("the old connections to be cut", lambda: refused(t) != out, 10)
    at = psql(t, "SELECT now()")
    wait_for("the site by its next certificate", lambda: psql(t, f"SELECT count(*) FROM harvesters WHERE site = 'berlin' AND last_seen_at > '{at}'") == "1", 20)
    with open(os.path.join(t.path("site"), "run", "capture.pid"), encoding="utf-8") as f:
        check(f.read() == pid, "it was started again")


def test_every_command_of_the_page(t):
    if os.getuid() != 0:
        raise Skip("namespaces need root")
    if " 192.0.2." in subprocess.run(["ip", "-4", "-o", "addr"], stdout=subprocess.PIPE, text=True, check=True).stdout:
        raise Skip("192.0.2.0/24, the page's network, is this machine's own: run it in a network namespace")
    t.env.update(CALLMESH_SITES_CERTIFICATE_LIFE="10d", CALLMESH_BUS_RENEW_EVERY="1s", CALLMESH_BUS_RENEW_AT="1")  # it asks all the time, and it is not due
    t.up()
    open_namespace(t)
    for where, line in commands():
        args = line.split()
        if args[0] == "join":
            t.join_line = printed.split()[1:]  # noqa: F821 (site add came before)
            check(args[1].replace("7661", str(t.base + 21)) == t.join_line[1] and args[2::2] == t.join_line[2::2], "the page shows another form")
            args = t.join_line
        if args[:2] == ["site", "revoke"]:
            renewed_without_a_restart(t)
            t.before = refused(t)
        p = t.callmesh(*args) if where == "centre" else at_site(t, *args)
        if args[:2] == ["site", "add"]:
            printed = p.stdout.strip()
            check(printed.count("\n") == 0 and printed.startswith("./callmesh join wss://192.0.2.10:"), f"one command is printed, not {printed!r}")
        elif args[0] == "up":
            wait_for("the site's harvester", lambda: site_up(t), 20)
        elif args[:2] == ["site", "list"]:
            check(re.search(r"^berlin +- +1 +0 +0 ", p.stdout, re.M), p.stdout)
        elif args[0] == "harvesters":
            check("berlin/" in p.stdout, p.stdout)


def need_page(t):
    if not hasattr(t, "before"):
        raise Skip("the page's commands were not run")


def test_a_revoked_site_is_out_within_seconds(t):
    need_page(t)
    began = time.time()
    wait_for("the site to be refused", lambda: refused(t)["revoked"] > t.before["revoked"], 5)
    wait_for("the site to be gone", lambda: not site_up(t), 10)
    print(f"     refused {time.time() - began:.1f} s after the command, {refused(t)}")

    def told():
        with open(os.path.join(t.path("site"), "log", "capture.log"), encoding="utf-8") as f:
            return "certificate revoked" in f.read()
    wait_for("the reason in the site's log", told, 15)
    check(t.callmesh("site", "revoke", "nowhere", ok=False).returncode == 66, "a site that is not there")


def test_strangers_do_not_get_in(t):
    need_page(t)
    url, token, ca = t.join_line[1], t.join_line[3], t.join_line[5]
    fresh = t.callmesh("site", "add", "rome", "--centre", "192.0.2.10").stdout.split()[4]
    short = t.callmesh("site", "add", "rome", "--centre", "192.0.2.10", "--valid", "0m").stdout.split()[4]
    cases = (("a used token", url, token, ca, 77, "used before"), ("a token that is too old", url, short, ca, 77, "too old"),
             ("a made-up token", url, "0" * 48, ca, 77, "not valid"), ("another centre", url, fresh, "sha256:" + "ab" * 32, 69, "fingerprint"))
    for n, (what, *args, code, words) in enumerate(cases):
        p = at_site(t, "join", args[0], "--token", args[1], "--ca", args[2], ok=False, var=f"stranger{n}")
        check(p.returncode == code and words in p.stderr, f"{what}: exit {p.returncode}: {p.stderr[-300:]}")
        check(not os.path.exists(os.path.join(t.path(f"stranger{n}"), "secrets", "site")), f"{what} left a half-joined machine")
    at_site(t, "join", url, "--token", fresh, "--ca", ca, var="rome")  # after all of that it is still good
    for bad in ("replay-12", "callmesh-centre", "a/b", "x" * 64, ""):
        check(t.callmesh("site", "add", bad, ok=False).returncode == 64, f"the name {bad!r}")
    at_site(t, "down")

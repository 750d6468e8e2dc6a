import os
import re
import subprocess
import urllib.request

from harness import BIN, check, wait_for


def publish(t, name, *args):
    p = subprocess.run([os.path.join(BIN, "publisher-v1"), f"tcp://127.0.0.1:{t.base + 1}", f"tcp://127.0.0.1:{t.base + 2}", name, *args],
                       text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return p.returncode, p.stdout + p.stderr


def metric(t, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{t.base + 12}/metrics", timeout=5) as r:
        return sum(int(v) for v in re.findall(rf"^callmesh_{re.escape(name)} (\d+)$", r.read().decode(), re.M))


def call_of(t, name):
    got = wait_for("the call", lambda: t.get(f"/calls?sip_call_id={name}")["data"], 15)
    check(len(got) == 1, f"{len(got)} calls of {name}")
    c = got[0]
    check((c["result"], c["from"]["user"], c["to"]["user"], c["site"]) == ("answered", "anna", "bert", name.split("/")[0]), c)
    check(abs(c["talk_seconds"] - 3.0) < 0.01, c["talk_seconds"])
    return c


def test_a_site_one_version_behind_is_served(t):
    t.up()
    code, text = publish(t, "old/vm-eth0")
    check((code, text) == (0, "committed 9\n"), text)
    call_of(t, "old/vm-eth0")
    h = [h for h in t.get("/harvesters")["data"] if h["name"] == "old/vm-eth0"]
    check(h and h[0]["version"] == "0.1.0" and h[0]["ended"], h)


def test_other_versions_are_refused_with_the_reason(t):
    before = metric(t, 'bus_dropped_total{reason="version"}')
    for version, words in (("0", "too old"), ("3", "newer"), ("4000000000", "newer")):
        code, text = publish(t, f"other{version}/vm-eth0", "--version", version)
        check(code == 3 and words in text and "upgrade" in text, (version, code, text))
    check(metric(t, 'bus_dropped_total{reason="version"}') == before + 3, "refusals are counted")
    check(not [h for h in t.get("/harvesters")["data"] if h["name"].startswith("other")], "nothing of it was taken")


def test_words_of_tomorrow_are_kept_aside(t):
    code, text = publish(t, "new/vm-eth0", "--future")
    check((code, text) == (0, "committed 9\n"), text)
    call_of(t, "new/vm-eth0")
    check(metric(t, "callstate_unknown_events_total") == 1, "the unknown event is counted")
    check(metric(t, "callstate_unknown_fields_total") == 1, "the event with an unknown field is counted")
    check(metric(t, "bus_unknown_fields_total") == 1, "the envelope with an unknown field is counted")
    got = subprocess.run([os.path.join("/usr/bin", "psql"), "-XAt", "-h", os.path.join(t.var, "pg"), "-U", "callmesh", "-d", "callmesh", "-c",
                          "SELECT reason, position('a word of tomorrow'::bytea IN body) > 0 FROM quarantine"], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
                         **({"user": "callmesh", "group": "callmesh", "extra_groups": []} if os.getuid() == 0 else {}))
    check(got.stdout == "unknown event|t\n", (got.stdout, got.stderr))

import json
import os
import re
import subprocess
import urllib.parse

from harness import check, wait_for

CALLS = 40_000
DAYS = 3
SMALL = 1000  # a table so small is read whole, and should be
HEARD = ("callmesh-api", "callmesh-callstate", "callmesh-callstate-statistics")

FILL = f"""
INSERT INTO calls (site, started_at, id, revision, state, result, sip_status, hangup_by, from_uri, from_user, from_name, to_uri, to_user, to_name, from_digits, to_digits,
  ringing_at, answered_at, ended_at, sip_call_ids, harvesters, message_count, recording_state, live, mos_min, end_reason, to_agent, from_e164)
SELECT 'site' || i % 7, at, md5('call' || i)::uuid, 9, 'ended', CASE WHEN i % 50 = 0 THEN 'busy' ELSE 'answered' END, 200, 'caller', 'sip:+' || c || '@sbc', '+' || c, '',
  'sip:' || a || '@pbx', a::text, 'Agent ' || a, c::text, a::text, at, at, at + interval '2 min', ARRAY[md5(i::text) || '@sbc'], ARRAY['site/tap'], 7, 'ready', true,
  CASE WHEN i % 400 = 0 THEN 2.5 ELSE 4.4 END, 'bye', md5('agent' || a)::uuid, '+' || c
FROM (SELECT i, date_trunc('day', now()) - interval '{DAYS - 1} days' + i * interval '{86400 * DAYS / CALLS - 0.01} s' AS at, 49300000000 + (i * 7919) % 20000 AS c,
  1000 + i % 400 AS a FROM generate_series(1, {CALLS}) i) x;
INSERT INTO legs (site, started_at, id, call_id, sip_call_id, state) SELECT site, started_at, md5('leg' || id)::uuid, id, sip_call_ids[1], 'ended' FROM calls;
INSERT INTO streams (site, first_at, id, call_id, harvester, ssrc, src_ip, src_port, dst_ip, dst_port, payload_type, last_at)
  SELECT site, started_at, md5('stream' || id)::uuid, id, 'site/tap', 1, '10.0.0.1', 4000, '10.0.0.2', 4000, 0, ended_at FROM calls;
INSERT INTO sip_messages (site, at, publisher, seq, n, call_id, sip_call_id, method, transport, raw)
  SELECT site, started_at + k * interval '1 s', 'site/tap', row_number() OVER (), k, id, sip_call_ids[1], 'INVITE', 'udp', 'INVITE sip:a@b SIP/2.0' FROM calls, generate_series(0, 1) k;
INSERT INTO recordings (site, started_at, id, call_id, status, ended_at, duration_seconds, codec, sample_rate, container, size_bytes, sha256, path, recorder)
  SELECT site, started_at, md5('rec' || id)::uuid, id, 'ready', ended_at, 1, 'PCMU', 8000, 'wav', 1, '', '', 'r' FROM calls;
INSERT INTO call_events (site, at, call_id, n, type) SELECT site, started_at, id, 1, 'held' FROM calls;
INSERT INTO call_evidence (site, at, call_id, n, joined_to, kind, score) SELECT site, started_at, id, 2, id, 'box', 30 FROM calls;
INSERT INTO losses (site, publisher, seq, n, place, count, from_at, to_at) SELECT 'site' || i % 7, 'site/tap', i, 0, 'kernel', 1, now() - i * interval '2 s', now() - i * interval '1 s'
  FROM generate_series(1, 20000) i;
INSERT INTO statistics (site, at, attempts, codes) SELECT 'site' || s, date_trunc('day', now()) - i * interval '15 min', 3, '{{"200": 3}}' FROM generate_series(0, 6) s, generate_series(1, 2000) i;
INSERT INTO registrations (site, aor, contact, registered_at, expires_at) SELECT 'site1', 'sip:' || i || '@pbx', 'sip:' || i || '@10.0.0.1', now(), now() + interval '1 h'
  FROM generate_series(1, 20000) i;
INSERT INTO agents (id, name, team, created_at) SELECT md5('agent' || i)::uuid, 'Agent ' || i, 'team' || i / 20, now() - i * interval '1 min' FROM generate_series(1, 3000) i;
INSERT INTO extensions (agent_id, kind, value) SELECT id, 'user', right(name, 4) FROM agents;
INSERT INTO dial_plans (site, country_code, area_code, trunk_prefix, international_prefixes, national_lengths, local_lengths) VALUES ('*', '49', '30', '0', '{{00}}', '{{9}}', '{{7}}');
ANALYZE;
"""


def psql(t, *sql):
    cmd = ["psql", "-h", os.path.join(t.var, "pg"), "-U", "callmesh", "-d", "callmesh", "-v", "ON_ERROR_STOP=1", "-Atq"]
    for s in sql:
        cmd += ["-c", s]
    if os.geteuid() == 0:
        cmd = ["setpriv", "--reuid=callmesh", "--regid=callmesh", "--clear-groups", *cmd]
    p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", check=False)
    check(p.returncode == 0, f"psql: {p.stderr[:600]}")
    return p.stdout.strip()


def log_path(t):
    return os.path.join(t.var, "log", "postgresql.log")


def explained(t, since):
    """(application, statement, plan) of all that ran since."""
    with open(log_path(t), encoding="utf-8", errors="replace") as f:
        f.seek(since)
        text = f.read()
    for app, body in re.findall(r"^@@(.*?)@@ LOG:  duration: .*? plan:\n(.*?)(?=^@@|\Z)", text, re.M | re.S):
        doc = json.loads(body)
        yield app, doc["Query Text"], doc["Plan"]


def whole_reads(plan, large):
    if plan["Node Type"] == "Seq Scan" and plan.get("Relation Name") in large:
        yield plan["Relation Name"]
    for p in plan.get("Plans", []):
        yield from whole_reads(p, large)


def fill(t):
    psql(t, *[s for s in FILL.split(";\n") if s.strip()])
    return set(psql(t, f"SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > {SMALL} AND relnamespace = 'public'::regnamespace").split())


def explain_all(t):
    psql(t, "LOAD 'auto_explain'", *[f"ALTER SYSTEM SET {s}" for s in (
        "session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_format = 'json'", "auto_explain.log_nested_statements = on",
        "log_line_prefix = '@@%a@@ '")], "SELECT pg_reload_conf()")
    # The postmaster has heard it when a new session has it; who came back before would never be heard.
    wait_for("a session that explains", lambda: psql(t, "SHOW session_preload_libraries") == "auto_explain")
    psql(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name LIKE 'callmesh-%'")
    wait_for("the services to be back", lambda: t.request("/api/v1/calls?limit=1")[0] == 200)


def judge(t, since, large, app):
    bad, heard = {}, set()
    for name, query, plan in explained(t, since):
        if name != app:
            continue
        heard.add(re.sub(r"\s+", " ", query))
        for table in whole_reads(plan, large):
            bad.setdefault(re.sub(r"\s+", " ", query)[:400], set()).add(table)
    check(not bad, f"{len(bad)} statements of {app} read whole tables: " + "; ".join(f"{sorted(v)} by {k}" for k, v in bad.items())[:3000])
    print(f"    {app}: {len(heard)} kinds of statements", flush=True)
    return heard


def test_api_asks_by_indexes(t):
    t.up()
    t.large = fill(t)
    check(any(n.startswith("calls_") for n in t.large) and any(n.startswith("sip_messages_") for n in t.large), f"{t.large}")
    explain_all(t)
    since = os.path.getsize(log_path(t))
    call = psql(t, "SELECT id FROM calls WHERE mos_min < 3 LIMIT 1")
    call_id = psql(t, f"SELECT sip_call_ids[1] FROM calls WHERE id = '{call}'")
    recording = psql(t, f"SELECT id FROM recordings WHERE call_id = '{call}'")
    agent = psql(t, f"SELECT to_agent FROM calls WHERE id = '{call}'")
    day = psql(t, "SELECT to_char(now() - interval '1 day', 'YYYY-MM-DD')")
    page = t.get("/calls?limit=2")["next_cursor"]
    lists = [{}, {"cursor": page}, {"number": "+4930000007919"}, {"number": "7919919"}, {"number": "0300007919"}, {"from": "030 000 79 19,0007919"}, {"from": "4930000000001"}, {"to": "1007"}, {"sip_call_id": call_id},
             {"result": "busy"}, {"result": "failed"}, {"result": "answered"}, {"mos_min[lt]": "3"}, {"started_at[gte]": f"{day}T10:00:00Z", "started_at[lt]": f"{day}T11:00:00Z"},
             {"to": "1007", "started_at[gte]": f"{day}T00:00:00Z"}, {"site": "site3"}, {"site": "site3", "result": "busy"}, {"state": "ended"}, {"recording_state": "ready"},
             {"agent": agent}, {"agent": agent, "started_at[gte]": f"{day}T00:00:00Z"}, {"team": "team52"}, {"team": "team52", "result": "busy"}]
    for q in lists:
        t.get("/calls?" + urllib.parse.urlencode({"limit": 20, **q}))
    for path in (f"/calls/{call}", f"/calls/{call}?expand=legs,streams,recordings,evidence", f"/calls/{call}/legs", f"/calls/{call}/streams", f"/calls/{call}/quality", "/alerts", "/alerts?state=raised", f"/calls/{call}/recordings",
                 f"/calls/{call}/messages", f"/calls/{call}/ladder", f"/calls/{call}/events", f"/calls/{call}/evidence", "/recordings", f"/recordings/{recording}",
                 f"/statistics?from={day}T00:00:00Z&to={day}T06:00:00Z&by=hour", f"/statistics?from={day}T00:00:00Z&to={day}T06:00:00Z&site=site3&by=site,quarter",
                 "/trunks", "/dial-plans", "/streams?limit=20", f"/losses?call_id={call}", "/harvesters", "/sites", "/agents?limit=20", "/agents?team=team52", f"/agents/{agent}"):
        t.get(path)
    t.get("/calls/" + call)
    judge(t, since, t.large, "callmesh-api")


def test_callstate_stores_by_indexes(t):
    psql(t, "INSERT INTO trunks (name, addresses) VALUES ('all', '{0.0.0.0/0}')")
    psql(t, "INSERT INTO statistics_changes (site, at) SELECT DISTINCT site, statistics_interval(started_at) FROM calls ORDER BY 2 DESC LIMIT 50")
    since = os.path.getsize(log_path(t))
    t.traffic(t.path("a.pcap"), "--calls", "40", "--concurrent", "20", "--talk", "1")
    calls = t.replay(t.path("a.pcap"))[0]["calls"]
    check(len(calls) == 40, f"{len(calls)} calls")
    heard = judge(t, since, t.large, "callmesh-callstate")
    wait_for("sums of the calls", lambda: psql(t, "SELECT count(*) > 0 FROM statistics WHERE trunk = 'all' AND attempts = 40 AND direction = 'inbound'") == "t")
    heard |= judge(t, since, t.large, "callmesh-callstate-statistics")
    for table in ("statistics", "statistics_spans"):
        check(any(f"INTO {table} " in h for h in heard), f"nothing was heard of {table}")
    for table in ("calls", "legs", "streams", "sip_messages", "open_calls", "recordings"):
        check(any(f"INTO {table} " in h for h in heard), f"nothing was heard of {table}: {sorted(h[:60] for h in heard)}")

#!/usr/bin/env python3
"""search.py: how long a search takes in a history of N calls, asked over HTTP as a CRM asks.

A private PostgreSQL and api; N made-up calls (deterministic) with their legs, spread over DAYS day partitions that end today: 50,000 numbers of customers, 400 of
agents, results and MOS as a call centre has them. Then each kind of question is asked --asks times with other values; prints p50, p95 and the longest in ms.
usage: bench/search.py [--calls 10000000] [--days 100] [--asks 60] [--keep]     disk: about 1.6 kB a call in the temporary folder (TMPDIR)
"""
import argparse
import datetime
import os
import random
import subprocess
import sys
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import harness  # noqa: E402

harness._next_base[0] = 21000

# A call of number i: the customer's number from a hash, so that some ring often; times even over the days; one in a thousand rejected, 2 % busy.
FILL = """
INSERT INTO {table} (site, started_at, id, revision, state, result, sip_status, hangup_by, from_uri, from_user, to_uri, to_user, to_name, from_digits, to_digits,
  ringing_at, answered_at, ended_at, sip_call_ids, harvesters, message_count, recording_state, live, mos_min)
SELECT 'site' || (h % 7), at, id, 9, 'ended', r, CASE r WHEN 'answered' THEN 200 WHEN 'busy' THEN 486 WHEN 'rejected' THEN 603 ELSE 487 END, 'caller',
  'sip:+' || customer || '@sbc.example', '+' || customer, 'sip:' || agent || '@pbx.example', agent::text, 'Agent ' || agent, customer::text, agent::text,
  at + interval '1 s', CASE WHEN r = 'answered' THEN at + interval '6 s' END, at + interval '2 min', ARRAY[md5((i + {first})::text) || '@sbc.example'], ARRAY['site/tap'], 7,
  CASE WHEN r = 'answered' THEN 'ready' ELSE 'none' END, true, CASE WHEN r = 'answered' THEN 4.41 - power((h / 7 % 1000) / 1000.0, 40) * 3 END
FROM (SELECT i, h, at, id, 49300000000 + (h % 50000) * 7919 AS customer, 1000 + h % 400 AS agent,
    CASE WHEN h % 1000 = 1 THEN 'rejected' WHEN h % 50 = 2 THEN 'busy' WHEN h % 12 = 3 THEN 'canceled' ELSE 'answered' END AS r
  FROM (SELECT i, hashint8(i + {first})::bigint & 2147483647 AS h, '{day}'::timestamptz + i * interval '{step} us' AS at,
      (lpad(to_hex({day_ms} + i * {step} / 1000), 12, '0') || '7' || substr(md5(i || '{day}'), 1, 3) || '8' || substr(md5(i || '{day}'), 4, 15))::uuid AS id
    FROM generate_series(0::bigint, {n} - 1) AS i) a) b
"""


def psql(stack, sql):
    r = subprocess.run(["setpriv", "--reuid=callmesh", "--regid=callmesh", "--clear-groups", "psql", "-h", os.path.join(stack.var, "pg"), "-U", "callmesh", "-d", "callmesh",
                        "-v", "ON_ERROR_STOP=1", "-Atqc", sql], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", check=False)
    harness.check(r.returncode == 0, f"psql: {r.stderr[:500]}")
    return r.stdout.strip()


def fill(stack, calls, days):
    """Each day is filled before it gets its indexes, which is three times as fast; then it becomes a partition as callstate makes them."""
    today = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    n = calls // days
    psql(stack, "TRUNCATE calls")
    for d in range(days):
        day = today - datetime.timedelta(days=days - 1 - d)
        name = f"calls_{day:%Y%m%d}"
        until = day + datetime.timedelta(days=1)
        psql(stack, f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (LIKE calls INCLUDING DEFAULTS INCLUDING GENERATED) WITH (fillfactor = 80);" +
             FILL.format(table=name, day=day.isoformat(), day_ms=int(day.timestamp() * 1000), n=n, first=d * n, step=86_400_000_000 // n) +
             f"; ALTER TABLE {name} ADD CHECK (started_at >= '{day.isoformat()}' AND started_at < '{until.isoformat()}');"
             f"ALTER TABLE calls ATTACH PARTITION {name} FOR VALUES FROM ('{day.isoformat()}') TO ('{until.isoformat()}')")
        if sys.stderr.isatty() or d % 10 == 9:
            print(f"\r  {d + 1} of {days} days", end="" if sys.stderr.isatty() else "\n", file=sys.stderr)
    psql(stack, "VACUUM ANALYZE calls")
    return today, n


def questions(rnd, today, days, n):
    def customer():
        return str(49300000000 + rnd.randrange(50000) * 7919)

    def when(d):
        return (today - datetime.timedelta(days=d)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def call_id():
        return subprocess.run(["md5sum"], input=str(rnd.randrange(n * days)).encode(), stdout=subprocess.PIPE, check=True).stdout.decode()[:32] + "@sbc.example"

    yield "number, E.164", lambda: {"number": "+" + customer()}
    yield "number, as dialled", lambda: {"number": "00" + customer()}
    yield "number, last 7 digits", lambda: {"number": customer()[-7:]}
    yield "number that never rang", lambda: {"number": "+4420" + str(rnd.randrange(10**7, 10**8))}
    yield "agent's extension", lambda: {"to": str(1000 + rnd.randrange(400))}
    yield "agent and one day", lambda: (lambda d: {"to": str(1000 + rnd.randrange(400)), "started_at[gte]": when(d), "started_at[lt]": when(d - 1)})(rnd.randrange(1, days))
    yield "one hour", lambda: (lambda d: {"started_at[gte]": when(d + 1 / 24), "started_at[lt]": when(d)})(rnd.randrange(0, days) + rnd.random())
    yield "newest", lambda: {}
    yield "Call-ID", lambda: {"sip_call_id": call_id()}
    yield "result busy (2 %)", lambda: {"result": "busy"}
    yield "result rejected (0.1 %)", lambda: {"result": "rejected"}
    yield "result failed (none)", lambda: {"result": "failed"}
    yield "MOS below 3.6", lambda: {"mos_min[lt]": "3.6"}
    yield "MOS below 1.5 (rare)", lambda: {"mos_min[lt]": "1.5"}
    yield "site and result", lambda: {"site": f"site{rnd.randrange(7)}", "result": "busy,rejected"}
    yield "words in name", lambda: {"q": f"Agent {1000 + rnd.randrange(400)}"}
    yield "words that nobody has", lambda: {"q": "zebra" + str(rnd.randrange(1000))}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--calls", type=int, default=10_000_000)
    a.add_argument("--days", type=int, default=100)
    a.add_argument("--asks", type=int, default=60)
    a.add_argument("--keep", action="store_true", help="leave it running afterwards")
    o = a.parse_args()
    stack = harness.Stack("search")
    try:
        stack.up()
        t0 = time.monotonic()
        today, n = fill(stack, o.calls, o.days)
        words = "(from_uri || E'\\n' || to_uri || E'\\n' || from_name || E'\\n' || to_name)"
        t1 = time.monotonic()
        for d in range(1, o.days):  # as callstate's housekeeping does when a day is over
            name = f"calls_{today - datetime.timedelta(days=d):%Y%m%d}"
            psql(stack, f"CREATE INDEX CONCURRENTLY {name}_words ON {name} USING gin ({words} gin_trgm_ops)")
            psql(stack, f"ANALYZE {name}")
        print(f"index of words: {(time.monotonic() - t1) / (o.days - 1):.1f} s a day of {n} calls")
        size = psql(stack, "SELECT sum(pg_total_relation_size(inhrelid)) / 1e9 FROM pg_inherits WHERE inhparent = 'calls'::regclass")
        print(f"{n * o.days} calls of {o.days} days, {float(size):.1f} GB with indexes, filled in {time.monotonic() - t0:.0f} s")
        rnd = random.Random(1)
        print(f"{'question':28} {'p50':>8} {'p95':>8} {'max':>8}  rows")
        every = []
        for name, ask in questions(rnd, today, o.days, n):
            took, rows = [], 0
            for _ in range(o.asks):
                path = "/api/v1/calls?" + urllib.parse.urlencode(ask())
                t = time.monotonic()
                status, _, body = stack.request(path, timeout=30)
                took.append((time.monotonic() - t) * 1000)
                if status != 200:
                    print(f"{name:28} {status} {body[:150]!r}")
                    break
                rows = body.count(b'"sip_call_ids"')
            took.sort()
            every += took
            print(f"{name:28} {took[len(took) // 2]:8.1f} {took[int(len(took) * 0.95)]:8.1f} {took[-1]:8.1f}  {rows}")
        every.sort()
        print(f"{'all':28} {every[len(every) // 2]:8.1f} {every[int(len(every) * 0.95)]:8.1f} {every[-1]:8.1f}   ms")
        if o.keep:
            print(f"port {stack.port}, {stack.var}")
            sys.stdin.readline()
    finally:
        stack.close()


main()

import csv
import io
import json
import os
import re
import socket
import time
import urllib.parse
import urllib.request

import jsonschema
import scenario
import yaml
from harness import BIN, ROOT, check, wait_for

with open(os.path.join(ROOT, "services", "api", "openapi.yaml"), encoding="utf-8") as _f:
    DOC = yaml.safe_load(_f)
RESOLVER = jsonschema.RefResolver.from_schema(DOC)
asked = set()
ids = {}


def operation(path, method):
    """The operation of a concrete path, by its template."""
    bare = path.split("?")[0]
    for template, item in DOC["paths"].items():
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), bare) and method.lower() in item:
            if "{" in template and bare in DOC["paths"]:
                continue
            return template, item[method.lower()]
    raise AssertionError(f"{method} {path} is not in the description")


def resolve(node):
    while "$ref" in node:
        node = RESOLVER.resolve(node["$ref"])[1]
    return node


def ask(t, path, want=200, method="GET", **kw):
    template, op = operation(path, method)
    asked.add((template, method))
    status, headers, body = t.request("/api/v1" + path, method=method, **kw)
    check(status == want, f"{method} {path}: {status}, wanted {want}: {body[:300]!r}")
    answer = op["responses"].get(str(status)) or op["responses"].get("default")
    check(answer is not None, f"{method} {path}: {status} is not described")
    answer = resolve(answer)
    kind = headers.get("Content-Type", "").split(";")[0]
    content = answer.get("content")
    if not content or method == "HEAD" or status == 304:
        return headers, body
    check(kind in content, f"{method} {path}: {status} is {kind}, described: {list(content)}")
    if kind == "application/json" or kind.endswith("+json"):
        value = json.loads(body)
        schema = content[kind]["schema"]
        jsonschema.Draft202012Validator(schema, resolver=RESOLVER).validate(value)
        return headers, value
    return headers, body


def test_lists_and_objects(t):
    t.env["CALLMESH_RETENTION_EVERY"] = "2s"
    t.env["CALLMESH_STATISTICS_EVERY"] = "100ms"
    t.up("--interface", "lo", "--site", "lab")
    t.traffic(t.path("a.pcap"), "--calls", "25", "--concurrent", "5", "--talk", "2", "--loss", "1")
    t.replay(t.path("a.pcap"))
    _, calls = ask(t, "/calls?limit=10")
    check(len(calls["data"]) == 10 and calls["has_more"], "first page")
    seen = [c["id"] for c in calls["data"]]
    while calls["has_more"]:
        _, calls = ask(t, "/calls?limit=10&cursor=" + urllib.parse.quote(calls["next_cursor"]))
        seen += [c["id"] for c in calls["data"]]
    check(len(seen) == len(set(seen)) == 25, f"paging gave {len(seen)} calls, {len(set(seen))} distinct, of 25")
    _, answered = ask(t, "/calls?result=answered&limit=200")
    call = next(c for c in answered["data"] if c["recording_state"] == "ready")
    ids["call"] = call["id"]
    for tail in ("", "?expand=legs,streams,recordings", "/evidence", "/legs", "/streams", "/recordings", "/messages", "/ladder", "/events", "/quality", "/pcapng", "/vcon"):
        ask(t, f"/calls/{call['id']}{tail}")
    digits = re.sub(r"\D", "", call["from"]["user"])
    for number in (call["from"]["user"], "00" + digits, digits[-5:], digits[:4] + " " + digits[4:]):
        _, found = ask(t, "/calls?number=" + urllib.parse.quote(number))
        check(call["id"] in [c["id"] for c in found["data"]], f"number {number} does not find {call['from']['user']}")
    _, found = ask(t, "/calls?sip_call_id=" + urllib.parse.quote(call["sip_call_ids"][0]))
    check([c["id"] for c in found["data"]] == [call["id"]], "search by Call-ID")
    for path in ("/streams?limit=3", "/streams?unjoined=true", "/recordings?limit=3", "/harvesters", "/sites", "/registrations", "/openapi.json", "/me"):
        ask(t, path)
    _, csv = ask(t, "/calls/export?limit=200")
    check(csv.count(b"\n") == 26, f"{csv.count(10)} lines of CSV for 25 calls and their head")
    ask(t, "/calls/export?format=json")
    ask(t, "/losses")
    _, harvesters = ask(t, "/harvesters")
    ask(t, "/harvesters/" + urllib.parse.quote(harvesters["data"][0]["name"], safe=""))
    check(json.loads(t.request("/api/v1/openapi.json")[2])["paths"].keys() == DOC["paths"].keys(), "served description differs")


def test_recordings(t):
    _, r = ask(t, f"/calls/{ids['call']}/recordings")
    r = r["data"][0]
    ask(t, "/recordings/" + r["id"])
    ask(t, f"/recordings/{r['id']}/peaks?pps=20")
    path = f"/recordings/{r['id']}/audio"
    headers, whole = ask(t, path)
    size = r["size_bytes"]
    check(len(whole) == size and headers["Accept-Ranges"] == "bytes" and headers["ETag"] == f'"{r["sha256"]}"', f"{headers}")
    for rng, a, b in (("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), (f"bytes={size - 5}-", size - 5, size), ("bytes=-7", size - 7, size), (f"bytes=4-{size * 9}", 4, size)):
        headers, part = ask(t, path, 206, headers={"Range": rng})
        check(part == whole[a:b] and headers["Content-Range"] == f"bytes {a}-{b - 1}/{size}", f"{rng}: {headers}")
    ask(t, path, 416, headers={"Range": f"bytes={size}-"})
    ask(t, path, 304, headers={"If-None-Match": f'"{r["sha256"]}"'})
    ask(t, path, 206, headers={"Range": "bytes=0-9", "If-Range": f'"{r["sha256"]}"'})
    ask(t, path, 200, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    headers, body = ask(t, path, method="HEAD")
    check(body == b"" and int(headers["Content-Length"]) == size, f"HEAD {headers}")


def test_problems(t):
    nobody = "01890000-0000-7000-8000-000000000000"
    for path in (f"/calls/{nobody}", f"/calls/{nobody}/messages", f"/recordings/{nobody}", f"/recordings/{nobody}/audio", "/harvesters/nobody"):
        ask(t, path, 404)
    for path in ("/calls?limit=0", "/calls?limit=1000", "/calls?started_at[gte]=yesterday", "/calls?cursor=%21%21", "/calls/not-an-id", "/calls?state=sleeping"):
        ask(t, path, 400)
    for path in ("/calls", "/recordings", "/events", "/me"):
        ask(t, path, 401, key=False)
    ask(t, "/calls", 401, key=False, headers={"Authorization": "Bearer cm_wrong_wrong"})
    ask(t, f"/calls/{ids['call']}/listen-tickets", 409, method="POST", body={})
    ask(t, f"/calls/{ids['call']}/listen?ticket=nope", 403, key=False)
    for verb in ("pause", "resume"):  # a file's call, and over
        ask(t, f"/calls/{ids['call']}/{verb}", 409, method="POST", body={})
    ask(t, f"/calls/{nobody}/pause", 404, method="POST", body={})
    ask(t, f"/calls/{ids['call']}/pause", 400, method="POST", body={"seconds": 0})


def test_alerts(t):
    rule = {"name": "contract", "kind": "loss", "raise_at": 99}
    _, made = ask(t, "/alert-rules", method="POST", body=rule)
    check(made["clear_at"] == 99, f"{made}")
    _, rules = ask(t, "/alert-rules")
    check("contract" in [r["name"] for r in rules["data"]], f"{rules}")
    ask(t, "/alert-rules", 400, method="POST", body={**rule, "kind": "moon"})
    ask(t, "/alert-rules/contract", method="DELETE")
    ask(t, "/alert-rules/contract", 404, method="DELETE")
    ask(t, "/alerts?state=raised")


def test_statistics(t):
    _, trunk = ask(t, "/trunks", method="POST", body={"name": "contract/a", "addresses": ["10.0.0.0/8", "::1"]})
    check(trunk["addresses"] == ["10.0.0.0/8", "::1/128"], f"{trunk}")
    ask(t, "/trunks", 400, method="POST", body={"name": "contract/a", "addresses": ["10.0.0.1/8"]})
    _, trunks = ask(t, "/trunks")
    check([x["name"] for x in trunks["data"]] == ["contract/a"], f"{trunks}")
    _, calls = ask(t, "/calls?limit=200")
    day = calls["data"][0]["started_at"][:10]
    span = f"from={day}T00:00:00Z&to={day}T23:59:59Z&site={calls['data'][0]['site']}"  # the traffic of the file lasts a minute

    def counted():
        value = ask(t, f"/statistics?{span}&by=site,day")[1]["data"]
        return value if value and value[0]["attempts"] == len(calls["data"]) and not value[0]["unfinished"] else None

    row = wait_for("the sums of the replayed calls", counted)[0]
    for result in ("answered", "busy", "no_answer", "canceled", "rejected", "failed"):
        check(row[result] == sum(c["result"] == result for c in calls["data"]), f"{result}: {row}")
    ask(t, f"/statistics?{span}&by=trunk,direction,quarter")
    _, csv = ask(t, f"/statistics?{span}&by=site,day&format=csv")
    check(csv.count(b"\n") == 2, f"{csv!r}")
    ask(t, "/statistics?by=moon", 400)
    ask(t, "/trunks/contract%2Fa", method="DELETE")
    ask(t, "/trunks/contract%2Fa", 404, method="DELETE")


def test_numbers(t):
    plan = {"site": "contract", "country_code": "49", "trunk_prefix": "0", "international_prefixes": ["00"], "national_lengths": [9, 10], "extension_lengths": [3]}
    _, made = ask(t, "/dial-plans", method="POST", body=plan)
    check(made["site"] == "contract" and made["plain"] == "none", f"{made}")
    ask(t, "/dial-plans", 400, method="POST", body={**plan, "country_code": "999"})
    _, plans = ask(t, "/dial-plans")
    check([x["site"] for x in plans["data"]] == ["contract"], f"{plans}")
    ask(t, "/calls?number=030%201234567&site=contract")
    ask(t, "/dial-plans/contract", method="DELETE")
    ask(t, "/dial-plans/contract", 404, method="DELETE")


def test_rules(t):
    _, rule = ask(t, "/recording-rules", 201, method="POST", body={"name": "nobody", "action": "none", "site": "elsewhere"})
    _, rules = ask(t, "/recording-rules")
    check([r["name"] for r in rules["data"]] == ["nobody"], f"{rules}")
    path = f"/recording-rules/{rule['id']}"
    ask(t, path, method="PUT", body={"name": "nobody", "action": "on_demand", "site": "elsewhere"})
    ask(t, path, method="DELETE")
    _, log = ask(t, "/recording-rules/changes")
    check(len(log["data"]) == 3, f"{log}")
    _, done = ask(t, f"/calls/{ids['call']}/record", 202, method="POST")  # it is recorded anyway
    check(done["result"] == "recorded", f"{done}")


def test_keeping(t):
    """Holds, policies and erasure of a recording, through all services: the file goes, its certificate stays."""
    day = {"started_at": ask(t, f"/calls/{ids['call']}")[1]["started_at"][:10]}["started_at"]
    ask(t, f"/stats/completeness/reports?from={day}")
    _, report = ask(t, f"/stats/completeness?day={day}")
    check(report["answered"] == report["recorded"] + report["skipped"] + report["lost"] + report["open"], f"{report}")
    _, r = ask(t, f"/calls/{ids['call']}/recordings")
    one = f"/recordings/{r['data'][0]['id']}"
    _, hold = ask(t, "/holds", 201, method="POST", body={"reason": "a dispute", "call_id": ids["call"]})
    ask(t, "/holds")
    _, problem = ask(t, one, 409, method="DELETE")
    check(problem["code"] == "legal_hold", f"{problem}")
    ask(t, f"/holds/{hold['id']}/release", method="POST")
    _, policy = ask(t, "/retention-policies", 201, method="POST", body={"name": "for ever", "retain_days": 36500})
    _, problem = ask(t, one, 409, method="DELETE")
    check(problem["code"] == "retained", f"{problem}")
    _, dry = ask(t, "/retention-policies/dry-run", method="POST", body={"retain_days": 1})
    check(dry["policy"]["would_delete"] > 0, f"{dry}")
    ask(t, "/retention-policies")
    number = re.sub(r"\D", "", ask(t, f"/calls/{ids['call']}")[1]["from"]["user"])
    _, erasure = ask(t, "/erasures", 201, method="POST", body={"legal_basis": "GDPR article 17", "number": number})
    check(erasure["found"] >= 1 and erasure["refused"] == 0, f"{erasure}")
    ask(t, "/erasures")
    wait_for("the erasure", lambda: ask(t, one)[1]["status"] == "deleted", 120)
    ask(t, one + "/audio", 404)
    gone = wait_for("the certificate", lambda: [d for d in ask(t, "/deletions")[1]["data"] if one.endswith(d["recording_id"]) and d["certificate"]], 60)
    check(gone[0]["basis"] == "erasure", f"{gone}")
    p = t.callmesh("verify", "--json", ok=False)
    check(p.returncode == 0, f"the chain with an erased recording: {p.stdout[-500:]} {p.stderr[-500:]}")
    ask(t, f"/retention-policies/{policy['id']}", method="DELETE")


AGENTS = """name,team,kind,value,valid_from,valid_to
Ann Otter,sales,user,07100,,2025-06-15T15:06:50Z
"Berg, Bo",support,user,07100,2025-06-15T15:06:50Z,
"Berg, Bo",,address,10.7.7.4,,
Cem Yil,support,user,07200,,
"""
# 2025-06-15T15:06:40Z is second 0 of a scenario: 07100 is Ann's until second 10, then Bo's; D is Bo's phone.
TALKS = """0 A>B INVITE
0.5 B>A 200 t=b
5 A>B BYE t=b n=2
20 A>B INVITE id=y f=g
20.5 B>A 200 id=y f=g t=c
25 A>B BYE id=y f=g t=c n=2
30 D>B INVITE id=z f=h user=900 to=901
31 B>D 486 id=z f=h t=d
"""


def agents_of(call):
    return sorted((a["side"], a["name"], a["team"], a["matched_by"]) for a in call["agents"])


def test_agents(t):
    """The list from a CSV file; parties matched by user, by phone, and by the time of the call; found, exported, told live; removed."""
    with open(t.path("agents.csv"), "w", encoding="utf-8") as f:
        f.write(AGENTS)
        f.writelines(f"Nobody {i},,user,5{i:05},,\r\n" for i in range(300))  # more than one piece
    for again in range(2):
        said = t.callmesh("agents", "import", t.path("agents.csv")).stdout
        check(said.startswith("304 extensions"), said)
    _, listed = ask(t, "/agents?team=sales,support")
    who = {a["name"]: a for a in listed["data"]}
    check(sorted(who) == ["Ann Otter", "Berg, Bo", "Cem Yil"] and len(who["Berg, Bo"]["extensions"]) == 2, f"{listed}")
    check(ask(t, "/teams")[1]["data"] == [{"name": "sales", "agents": 1}, {"name": "support", "agents": 2}], "teams")
    metrics = f"http://127.0.0.1:{t.base + 12}/metrics"
    wait_for("callstate's list", lambda: b'table_used{table="extensions"} 304\n' in urllib.request.urlopen(metrics, timeout=5).read(), 15)
    _, rule = ask(t, "/recording-rules", 201, method="POST", body={"name": "no sales", "action": "none", "team": "sales"})
    wait_for("callstate's rules", lambda: b"callstate_recording_rules 1\n" in urllib.request.urlopen(metrics, timeout=5).read(), 15)
    scenario.write(t.path("talks.pcap"), [(7, TALKS)])
    calls = {c["sip_call_ids"][0][4:]: c for c in t.replay(t.path("talks.pcap"))[0]["calls"]}
    got = {k: agents_of(c) for k, c in calls.items()}
    cem = ("callee", "Cem Yil", "support", "user")
    check(got["x"] == [cem, ("caller", "Ann Otter", "sales", "user")] and got["y"] == [cem, ("caller", "Berg, Bo", "support", "user")] and
          got["z"] == [("caller", "Berg, Bo", "support", "address")], f"{got}")
    check([(c["recording_policy"] or {}).get("rule") for c in (calls["x"], calls["y"])] == ["no sales", None], f"{calls['x']['recording_policy']} {calls['y']['recording_policy']}")
    ask(t, f"/recording-rules/{rule['id']}", method="DELETE")
    site = calls["x"]["site"]
    for question, want in ((f"agent={who['Berg, Bo']['id']}", "yz"), (f"agent={who['Ann Otter']['id']},{who['Cem Yil']['id']}", "xy"),
                           ("team=sales", "x"), ("team=support", "xyz"), ("team=none", "")):
        found = {c["sip_call_ids"][0][4:] for c in ask(t, f"/calls?site={site}&{question}")[1]["data"]}
        check(found == set(want), f"{question}: {found}")
    ask(t, "/calls?agent=bo", 400)
    _, lines = ask(t, f"/calls/export?site={site}&format=jsonl")
    rows = [json.loads(x) for x in lines.decode().splitlines()]
    check([agents_of(c) for c in rows] == [got[k] for k in "zyx"], f"{rows}")
    _, table = ask(t, f"/calls/export?site={site}&team=sales")
    cells = list(csv.DictReader(io.StringIO(table.decode())))
    check(len(cells) == 1 and json.loads(cells[0]["agents"])[0]["name"] == "Ann Otter" and cells[0]["agent_names"] == "Ann Otter; Cem Yil" and cells[0]["agent_teams"] == "sales; support" and float(cells[0]["talk_seconds"]) == 4.5, f"{cells}")
    # changed by hand, and what is refused
    _, bo = ask(t, "/agents", method="POST", body={"name": "Berg, Bo", "team": "night", "extensions": [{"value": "07100"}]})
    check(bo["id"] == who["Berg, Bo"]["id"] and [x["value"] for x in bo["extensions"]] == ["07100"], f"{bo}")
    check(ask(t, f"/agents/{bo['id']}")[1] == bo, "one agent")
    _, renamed = ask(t, f"/agents/{bo['id']}", method="PUT", body={"name": "Bo Berg", "extensions": bo["extensions"]})
    check(renamed["id"] == bo["id"] and (renamed["name"], renamed["team"], renamed["extensions"]) == ("Bo Berg", "", bo["extensions"]), f"{renamed}")
    for body in ({}, {"name": "x" * 65}, {"name": "X", "extensions": [{"value": "1", "kind": "colour"}]}, {"name": "X", "extensions": [{"value": "1", "valid_from": "soon"}]}):
        ask(t, "/agents", 400, method="POST", body=body)
    for text in ("", "name\n", "name,colour\nA,red\n", "name\nA,B\n", 'name\n"A\n', "name,valid_to\nA,soon\n", "team\nsales\n"):
        _, problem = ask(t, "/agents/import", 400, method="POST", body=text.encode(), headers={"Content-Type": "text/csv"})
    check(ask(t, "/agents/import", method="POST", body=b"name\r\nA\r\n", headers={"Content-Type": "text/csv"})[1] == {"agents": 1, "extensions": 0}, "a name alone")
    _, gone = ask(t, f"/agents/{bo['id']}", method="DELETE")
    check(gone["removed_at"], f"{gone}")
    ask(t, f"/agents/{bo['id']}", 404, method="DELETE")
    check(agents_of(ask(t, f"/calls/{calls['y']['id']}")[1]) == got["y"], "a call keeps who it was")


def test_login(t):
    s = t.secrets()
    ask(t, "/login", 401, method="POST", key=False, body={"login": s["login"], "password": "wrong"})
    headers, _ = ask(t, "/login", 200, method="POST", key=False, body={"login": s["login"], "password": s["password"]})
    cookie = headers["Set-Cookie"].split(";")[0]
    check("HttpOnly" in headers["Set-Cookie"] and "SameSite=Lax" in headers["Set-Cookie"], headers["Set-Cookie"])
    ask(t, "/me", key=False, headers={"Cookie": cookie})
    ask(t, "/calls?limit=1", key=False, headers={"Cookie": cookie})
    ask(t, "/logout", 403, method="POST", key=False, headers={"Cookie": cookie})  # no CSRF header
    ask(t, "/logout", 204, method="POST", key=False, headers={"Cookie": cookie, "X-Callmesh-CSRF": "1"})
    ask(t, "/me", 401, key=False, headers={"Cookie": cookie})


def read_events(t, seconds, last=None):
    asked.add(("/events", "GET"))
    s = socket.create_connection(("127.0.0.1", t.port), 5)
    head = f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {t.secrets()['api_key']}\r\n"
    s.sendall((head + (f"Last-Event-ID: {last}\r\n" if last else "") + "\r\n").encode())
    s.settimeout(0.5)
    end, data = time.time() + seconds, b""
    while time.time() < end:
        try:
            more = s.recv(65536)
        except socket.timeout:
            continue
        if not more:
            break
        data += more
    s.close()
    events = []
    for block in re.split(r"\n\n", re.sub(r"\r\n[0-9a-f]+\r\n", "", data.decode(errors="replace"))):
        e = dict(re.findall(r"^(id|event|data): ?(.*)$", block, re.M))
        if "data" in e and "id" in e:
            try:
                e["json"] = json.loads(e["data"])
            except ValueError:
                continue
            events.append(e)
    return events


def test_events_and_listening(t):
    t.spawn(os.path.join(BIN, "callmesh-traffic"), "--wire", "--calls", "400", "--concurrent", "4", "--rate", "2", "--talk", "4", "--ring", "0.5", "--hold", "0")
    wait_for("a live call", lambda: ask(t, "/calls/active")[1]["data"], 20)
    events = read_events(t, 8)
    kinds = {e["event"] for e in events}
    check({"call.started", "call.ringing", "call.answered", "call.ended"} <= kinds, f"events {kinds}")
    schema = {"$ref": "#/components/schemas/Event"}
    for e in events:
        jsonschema.Draft202012Validator(schema, resolver=RESOLVER).validate(e["json"])
    again = read_events(t, 3, events[len(events) // 2]["id"])
    check(again[0]["id"] == events[len(events) // 2 + 1]["id"], "resume does not go on with the next event")
    call = wait_for("an answered call", lambda: [c for c in ask(t, "/calls/active")[1]["data"] if c["state"] == "answered"], 20)[-1]
    _, ticket = ask(t, f"/calls/{call['id']}/listen-tickets", 201, method="POST", body={})
    asked.add(("/calls/{id}/listen", "GET"))
    s = socket.create_connection(("127.0.0.1", t.port), 5)
    s.sendall(f"GET {ticket['url']} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    s.settimeout(3)
    data, end = b"", time.time() + 2.5
    while time.time() < end:
        data += s.recv(65536)
    s.close()
    check(b"200 OK" in data[:20] and b'"channels"' in data and len(data) > 8000, f"{len(data)} bytes: {data[:200]!r}")
    ask(t, f"/calls/{call['id']}/listen?ticket={ticket['ticket']}", 403, key=False)  # used once
    t.children[-1].terminate()


def test_every_path_was_asked(t):
    described = {(p, m.upper()) for p, item in DOC["paths"].items() for m in item if m in ("get", "post", "head", "put", "patch", "delete")}
    check(not described - asked, f"never asked: {sorted(described - asked)}")

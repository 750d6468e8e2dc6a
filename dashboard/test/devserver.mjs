// A development server that speaks docs/api.md from generated data and serves dist/: the page can be worked on and
// tested without a mesh. Every JSON answer is checked against services/api/openapi.yaml when that file is there.
//   node test/devserver.mjs [--port 8081] [--active 40] [--past 900] [--rate 1] [--left-hz 440] [--right-hz 660]
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { parseArgs } from "node:util";
import { loadContract } from "./dev/contract.mjs";
import { audioFrame, textFrame, toneSamples, ulaw } from "./dev/media.mjs";
import * as world from "./dev/world.mjs";

const dist = new URL("../dist/", import.meta.url).pathname;
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const SECURE = {
  "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

export async function startDevServer({ port = 0, active = 40, past = 900, rate = 1, leftHz = 440, rightHz = 660 } = {}) {
  const contract = loadContract();
  const calls = new Map();
  const streamsTo = new Set();
  const sessions = new Set();
  const tickets = new Map();
  const listeners = new Map(); // call id -> Set of response
  const ring = [];
  let epoch = Math.floor(Date.now() / 1000).toString(16);
  let lastEvent = 0;
  let dropFeed = false;

  const check = (schema, value, where) => (contract ? contract.check(schema, value, where) : true);
  const shown = ({ _hold, ...call }) => call;

  function emit(type, subject, data) {
    const id = `${epoch}-${++lastEvent}`;
    const event = { id, type, time: world.iso(Date.now()), subject, data };
    check("Event", event, `event ${type}`);
    const text = `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
    ring.push({ n: lastEvent, text });
    if (ring.length > 5000) ring.shift();
    for (const to of streamsTo) to.write(text);
  }
  const emitCall = (type, call) => emit(type, call.id, { call: shown(call) });

  function recordingOf(call) {
    const { wav, seconds } = world.soundOf(call.talk_seconds);
    const id = call.id.slice(0, 24) + "f" + call.id.slice(25);
    return {
      id, call_id: call.id, site: call.site, status: "ready", reason: "", started_at: call.answered_at, ended_at: call.ended_at, duration_seconds: seconds, codec: "PCMU", sample_rate: 8000,
      container: "wav", size_bytes: wav.length, sha256: createHash("sha256").update(wav).digest("hex"),
      channels: ["caller", "callee"].map((role, i) => ({ index: i + 1, role, codec: "PCMU", packets: seconds * 50, lost: i ? 0 : call.quality.lost, stream_ids: [call.id.slice(0, 24) + (i + 1) + call.id.slice(25)] })),
      gaps: call.quality.lost > 20 ? [{ from: 4.2, to: 4.9, channel: 1, reason: "lost" }] : [], url: `/api/v1/recordings/${id}/audio`, peaks_url: `/api/v1/recordings/${id}/peaks`, recorder: "main/recorder-1",
    };
  }
  const byRecording = (id) => calls.get(id.slice(0, 24) + [...calls.keys()].find((k) => k.slice(0, 24) === id.slice(0, 24) && k.slice(25) === id.slice(25))?.slice(24));
  const hasRecording = (call) => call?.state === "ended" && call.recording_state === "ready";

  // the past and the present
  const begin = Date.now();
  for (let i = 0; i < past; i++) {
    const at = begin - 600000 - i * 97000;
    const call = world.pastCall(i % 7 === 3 ? "replay-1a2b3c4d" : world.SITES[i % 2], i % 7 === 3 ? Date.parse("2006-11-20T09:00:00Z") + i * 60000 : at, i % 7 !== 3);
    calls.set(call.id, call);
  }
  const open = [];
  function addLive(ageMs) {
    const call = world.newCall(world.SITES[open.length % 2], Date.now() - ageMs);
    calls.set(call.id, call);
    open.push(call);
    emitCall("call.started", call);
    return call;
  }
  for (let i = 0; i < active; i++) {
    const age = 4000 + ((i * 7919) % 900) * 1000;
    const call = addLive(age);
    if (i % 6 !== 5) {
      world.step(call, "ringing", Date.now() - age + 700);
      world.step(call, "answered", Date.now() - age + 3500);
    }
    if (i % 11 === 7) world.step(call, "held", Date.now() - 3000);
  }
  let turn = 0;
  function live() {
    turn++;
    const free = open.filter((call) => !listeners.get(call.id)?.size);
    const call = free[(turn * 31) % Math.max(1, free.length)];
    const now = Date.now();
    if (call?.quality) {
      const packets = Math.floor((now - Date.parse(call.answered_at)) / 10);
      Object.assign(call.quality, { packets, lost: turn % 9, loss_pct: Number(((100 * (turn % 9)) / Math.max(100, packets)).toFixed(2)), jitter_ms_max: 3.4 });
    }
    if (turn % 4 === 0 || open.length < active) addLive(0);
    else if (!call) return;
    else if (call.state === "started") emitCall("call.ringing", world.step(call, "ringing", now));
    else if (call.state === "ringing") emitCall("call.answered", world.step(call, "answered", now));
    else if (call.state === "held") emitCall("call.resumed", world.step(call, "answered", now, { hold_seconds: call.hold_seconds + 4.5 }));
    else if (turn % 5 === 1) emitCall("call.held", world.step(call, "held", now));
    else if (open.length > active) {
      open.splice(open.indexOf(call), 1);
      emitCall("call.ended", world.end(call, now));
      if (call.recording_state === "ready") emit("recording.ready", recordingOf(call).id, { recording: recordingOf(call) });
    } else emitCall("call.updated", world.step(call, call.state, now));
  }
  const liveTimer = rate > 0 ? setInterval(live, 400 / rate) : null;
  const beatTimer = setInterval(() => streamsTo.forEach((to) => to.write(": beat\n\n")), 15000);

  const harvesters = () => [...world.SITES, "replay-1a2b3c4d"].map((site, i) => ({
    name: `${site}/capture-${i === 2 ? "file" : "eth1"}`, site, version: "0.1.0", input: i === 2 ? "file:trace-2006.pcap" : "eth1", live: i !== 2, up: i !== 2, ended: i === 2, started_at: world.iso(begin - 86400000),
    last_seen_at: world.iso(Date.now() - 400), feed_time: world.iso(Date.now() - 450), packets: 81234567 + turn * 900, sip_messages: 91233 + turn, rtp_packets: 81100000 + turn * 890, drops: i === 1 ? 17 : 0, lag_messages: 0,
    counters: { "frames.short": 0, "ip.fragments": 12, "sip.malformed": 3, "rtp.unknown": 210, "ring.full": i === 1 ? 17 : 0, "journal.bytes": 0 },
  }));

  function page(rows, query, most = 200) {
    const limit = Math.min(most, Number(query.get("limit") ?? 50));
    const keyOf = (row) => String(row.id ?? row.n); // a keyset, so that rows which arrive meanwhile move nothing
    const last = query.get("cursor") ? Buffer.from(query.get("cursor"), "base64url").toString() : null;
    const from = last === null ? 0 : rows.findIndex((row) => keyOf(row) === last) + 1;
    const data = rows.slice(from, from + limit);
    const more = from + limit < rows.length;
    return { data, next_cursor: more ? Buffer.from(keyOf(data[data.length - 1])).toString("base64url") : null, has_more: more };
  }
  const list = (rows) => ({ data: rows, next_cursor: null, has_more: false });

  function search(query) {
    const in_ = (name, value) => !query.get(name) || query.get(name).split(",").includes(String(value));
    const digits = (text) => text.replace(/\D/g, "");
    const wanted = digits(query.get("number") ?? "").replace(/^00/, "");
    const text = (query.get("q") ?? "").toLowerCase();
    const [gte, lt] = [query.get("started_at[gte]"), query.get("started_at[lt]")];
    return [...calls.values()]
      .filter((c) => in_("site", c.site) && in_("state", c.state) && in_("result", c.result) && in_("recording_state", c.recording_state))
      .filter((c) => !query.get("sip_call_id") || c.sip_call_ids.includes(query.get("sip_call_id")))
      .filter((c) => (!gte || c.started_at >= new Date(gte).toISOString()) && (!lt || c.started_at < new Date(lt).toISOString()))
      .filter((c) => !wanted || (wanted.length >= 4 && [c.from, c.to].some((p) => digits(p.user).endsWith(wanted))))
      .filter((c) => !text || [c.from, c.to].some((p) => [p.uri, p.user, p.name].some((f) => f.toLowerCase().includes(text))))
      .sort((a, b) => (a.started_at < b.started_at ? 1 : -1))
      .map(shown);
  }

  function problem(res, status, code, detail) {
    const body = { type: `about:blank#${code}`, title: code.replace(/_/g, " "), status, detail, code, request_id: randomBytes(6).toString("hex") };
    check("Problem", body, code);
    res.writeHead(status, { "Content-Type": "application/problem+json", ...SECURE }).end(JSON.stringify(body));
  }
  function json(res, schema, value, status = 200, headers = {}) {
    check(schema, value, res.req.url);
    res.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store", ...SECURE, ...headers }).end(JSON.stringify(value));
  }

  function events(req, res) {
    res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store", ...SECURE });
    const after = req.headers["last-event-id"] ?? new URL(req.url, "http://x").searchParams.get("after") ?? "";
    const [e, n] = after.split("-");
    res.write("retry: 2000\n\n");
    if (after && (e !== epoch || (ring[0] && Number(n) < ring[0].n - 1))) {
      const event = { id: `${epoch}-${lastEvent}`, type: "stream.reset", time: world.iso(Date.now()), subject: "", data: { reason: "too_old", snapshot: "/api/v1/calls/active" } };
      check("Event", event, "stream.reset");
      res.write(`id: ${event.id}\nevent: stream.reset\ndata: ${JSON.stringify(event)}\n\n`);
    } else if (after) for (const old of ring) if (old.n > Number(n)) res.write(old.text);
    streamsTo.add(res);
    res.on("close", () => streamsTo.delete(res));
  }

  function listenTo(res, call) {
    const hello = { call_id: call.id, codec: "PCMU", rate: 8000, channels: [{ role: "caller", codec: "PCMU" }, { role: "callee", codec: "PCMU" }], server_time: world.iso(Date.now()) };
    check("ListenHello", hello, "listen");
    res.writeHead(200, { "Content-Type": "application/vnd.callmesh.listen.v1", "Cache-Control": "no-store", ...SECURE });
    res.write(textFrame(hello));
    const mine = listeners.get(call.id) ?? listeners.set(call.id, new Set()).get(call.id);
    mine.add(res);
    emitCall("listen.started", Object.assign(call, { listeners: mine.size, revision: call.revision + 1 }));
    let n = 0;
    const started = Date.now() - 100;
    const send = () => {
      for (; n * 20 < Date.now() - started; n++) {
        const frames = [1, 2].map((side) => audioFrame({ side, seq: n + 65530, timestamp: 0xfffff000 + n * 160, atUs: (started + n * 20) * 1000, payload: ulaw(toneSamples(side === 1 ? leftHz : rightHz, n * 160, 160)) }));
        if (n % 150 === 149) continue; // a packet lost on the wire
        res.write(frames[0]);
        res.write(frames[1]);
      }
    };
    send();
    const timer = setInterval(send, 20);
    const alive = setInterval(() => res.write(textFrame(null)), 5000);
    const done = () => {
      clearInterval(timer);
      clearInterval(alive);
      if (!mine.delete(res)) return;
      emitCall("listen.ended", Object.assign(call, { listeners: mine.size, revision: call.revision + 1 }));
    };
    res.on("close", done);
    res.stopListening = () => {
      res.write(textFrame({ type: "state", state: "ended" }));
      res.end();
      done();
    };
  }

  function audio(req, res, recording, wav) {
    const head = { "Content-Type": "audio/wav", "Accept-Ranges": "bytes", ETag: `"${recording.sha256}"`, ...SECURE };
    const range = /^bytes=(\d*)-(\d*)$/.exec(req.headers.range ?? "");
    if (!range) return void res.writeHead(200, { ...head, "Content-Length": wav.length }).end(req.method === "HEAD" ? "" : wav);
    const from = range[1] ? Number(range[1]) : wav.length - Number(range[2]);
    const to = range[1] && range[2] ? Math.min(wav.length - 1, Number(range[2])) : wav.length - 1;
    if (from >= wav.length || from > to) return problem(res, 416, "range_not_satisfiable", "past the end");
    return void res.writeHead(206, { ...head, "Content-Range": `bytes ${from}-${to}/${wav.length}`, "Content-Length": to - from + 1 }).end(wav.subarray(from, to + 1));
  }

  function file(req, res, path) {
    let name = normalize(path).replace(/^(\.\.[/\\])+/, "");
    if (name === "/" || !existsSync(join(dist, name)) || !extname(name)) name = "/index.html"; // every view is a URL
    const body = readFileSync(join(dist, name));
    const cache = name.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
    res.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream", "Cache-Control": cache, ...SECURE }).end(body);
  }

  const me = { kind: "user", name: "admin", role: "admin", scopes: ["calls:read", "calls:listen", "recordings:read", "recordings:download", "messages:read", "quality:read", "sites:read", "events:read", "policy:write", "recordings:control", "alerts:write"], expires_at: world.iso(begin + 86400000) };

  function ofCall(req, res, call, part, query) {
    if (!call) return problem(res, 404, "not_found", "There is no such call.");
    switch (part) {
      case undefined: return json(res, "CallExpanded", shown(call));
      case "quality": return json(res, "CallQuality", {
        call_id: call.id, sentence: "The caller was heard well (MOS 4.3 at worst). The callee was heard well (MOS 4.4 at worst).", one_way: null, capture_lost: 0, capture_lost_bound: false, directions: [],
      });
      case "legs": return json(res, "LegList", page(world.legs(call), query));
      case "streams": return json(res, "StreamList", page(world.streams(call, Date.now()), query));
      case "recordings": return json(res, "RecordingList", page(hasRecording(call) ? [recordingOf(call)] : [], query));
      case "messages": return json(res, "MessageList", page(world.signalling(call).messages, query));
      case "ladder": return json(res, "Ladder", world.signalling(call).ladder);
      case "events": return json(res, "TimelineList", list(world.timeline(call)));
      case "listen-tickets": {
        if (req.method !== "POST") return problem(res, 405, "method_not_allowed", "POST only");
        if (call.state === "ended") return problem(res, 409, "call_not_live", "The call is over.");
        const ticket = randomBytes(16).toString("base64url");
        tickets.set(ticket, { call: call.id, until: Date.now() + 30000 });
        return json(res, "ListenTicket", { ticket, expires_at: world.iso(Date.now() + 30000), url: `/api/v1/calls/${call.id}/listen?ticket=${ticket}` }, 201);
      }
      default: return problem(res, 404, "not_found", "There is no such thing.");
    }
  }

  function handle(req, res, body) {
    const url = new URL(req.url, "http://x");
    const query = url.searchParams;
    if (!url.pathname.startsWith("/api/v1/")) return file(req, res, url.pathname);
    const [head, id, part] = url.pathname.slice("/api/v1/".length).split("/").map(decodeURIComponent);
    const cookie = /callmesh_session=([^;]+)/.exec(req.headers.cookie ?? "")?.[1];
    if (head === "login" && req.method === "POST") {
      const { login, password } = JSON.parse(body || "{}");
      if (login !== "admin" || password !== "callmesh") return problem(res, 401, "unauthorized", "Login or password is wrong.");
      const token = randomBytes(16).toString("hex");
      sessions.add(token);
      return json(res, "Me", me, 200, { "Set-Cookie": `callmesh_session=${token}; HttpOnly; SameSite=Lax; Path=/` });
    }
    if (head === "calls" && part === "listen") {
      const ticket = tickets.get(query.get("ticket"));
      tickets.delete(query.get("ticket"));
      if (!ticket || ticket.call !== id || ticket.until < Date.now()) return problem(res, 401, "unauthorized", "The ticket is not valid.");
      return listenTo(res, calls.get(id));
    }
    if (!sessions.has(cookie)) return problem(res, 401, "unauthorized", "Log in first.");
    if (req.method !== "GET" && req.method !== "HEAD" && req.headers["x-callmesh-csrf"] !== "1") return problem(res, 403, "csrf_header_missing", "X-Callmesh-CSRF is missing.");
    if (head === "logout") {
      sessions.delete(cookie);
      return void res.writeHead(204).end();
    }
    if (head === "me") return json(res, "Me", me);
    if (head === "events") return dropFeed ? problem(res, 503, "overloaded", "too many") : events(req, res);
    if (head === "calls" && id === "active") return json(res, "ActiveCalls", { data: open.map(shown), stream_cursor: `${epoch}-${lastEvent}` });
    if (head === "calls" && !id) return json(res, "CallList", page(search(query), query));
    if (head === "calls") return ofCall(req, res, calls.get(id), part, query);
    if (head === "recordings" && !id) {
      const ready = [...calls.values()].filter((c) => hasRecording(c) && (!query.get("site") || c.site === query.get("site"))).sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
      const some = page(query.get("status") && query.get("status") !== "ready" ? [] : ready, query);
      return json(res, "RecordingList", { ...some, data: some.data.map(recordingOf) });
    }
    if (head === "recordings") {
      const call = byRecording(id);
      if (!hasRecording(call)) return problem(res, 404, "not_found", "There is no such recording.");
      const { wav, peaks } = world.soundOf(call.talk_seconds);
      if (part === "audio") return audio(req, res, recordingOf(call), wav);
      if (part === "peaks") return json(res, "Peaks", peaks(Number(query.get("pps") ?? 20)));
      return json(res, "Recording", recordingOf(call));
    }
    if (head === "recording-rules") {
      const rule = { id: "6f1c1c52-8a58-4b3e-9d7e-0a6c1f0e9b11", position: 10, name: "no carrier tests", action: "none", percent: null, site: "", direction: "inbound", number: "", from_number: "4999", to_number: "",
        sip_user: "", peer: "192.0.2.0/24", after_answer: false, early_media: true, sides: "both", created_at: world.iso(begin) };
      if (id === "changes") return json(res, "RecordingRuleChangeList", list([{ version: 1, at: world.iso(begin), actor: "user:admin", address: "127.0.0.1", rule_id: rule.id, before: null, after: rule }]));
      return json(res, "RecordingRuleList", { version: 1, data: [rule] });
    }
    if (head === "agents" && id === "import") return json(res, null, { agents: 1, extensions: 1 });
    if (head === "agents") {
      const agent = { id: world.AGENT.id, name: world.AGENT.name, team: world.AGENT.team, created_at: world.iso(begin), removed_at: null,
        extensions: [{ site: "", kind: "user", value: "1041", valid_from: null, valid_to: null }, { site: "east", kind: "address", value: "10.1.2.9", valid_from: null, valid_to: world.iso(begin) }] };
      return id || req.method === "POST" ? json(res, "Agent", agent) : json(res, "AgentList", list([agent]));
    }
    if (head === "statistics") {
      const by = (query.get("by") ?? "site").split(",");
      const from = Date.parse(query.get("from")), step = { quarter: 900000, hour: 3600000, day: 86400000 }[by[0]] ?? 0;
      const row = (i) => ({
        ...(step ? { at: new Date(from + i * step).toISOString() } : {}), ...(by.includes("site") ? { site: "main" } : {}),
        ...(by.includes("trunk") ? { trunk: "carrier", direction: i ? "outbound" : "inbound" } : {}),
        attempts: 20 + i, unfinished: 1, answered: 12, busy: 3, no_answer: 2, canceled: 1, rejected: 0, failed: 1 + i, redirected: 0, asr_pct: 63.16, ner_pct: 94.74, ser_pct: 63.16,
        seer_pct: 89.47, isa_pct: 5.26, acd_seconds: 184.2, pdd_seconds: 1.8, ring_seconds: 6.1, talk_seconds: 2210.4, mos_min: i ? 4.1 : null, concurrent_max: 5 + i, erlangs: 2.46,
        codes: { 200: 12, 486: 3, 480: 2, 487: 1, 503: 1 + i },
      });
      return json(res, "Statistics", { from: query.get("from"), to: query.get("to"), data: Array.from({ length: step ? 24 : by.includes("trunk") ? 2 : 1 }, (_, i) => row(i)) });
    }
    if (head === "teams") return json(res, "TeamList", list([{ name: "sales", agents: 1 }]));
    if (head === "harvesters") return json(res, "HarvesterList", list(harvesters()));
    if (head === "alerts") {
      const rows = ["loss", "harvester_away"].map((kind, i) => ({
        id: `00000000-0000-4000-8000-00000000000${i}`, rule: i ? "harvester away" : "packet loss", kind, site: "main", subject: i ? "main/tap" : "", value: i ? 41 : 5.2,
        threshold: i ? 30 : 3, raised_at: world.iso(begin - i * 60000), cleared_at: i ? world.iso(begin) : null, cleared_value: i ? 1 : null,
      }));
      return json(res, "AlertList", list(rows.filter((a) => query.get("state") !== "raised" || !a.cleared_at).filter((a) => query.get("state") !== "cleared" || a.cleared_at)));
    }
    if (head === "alert-rules") {
      const rule = {
        name: "packet loss", kind: "loss", site: "", raise_at: 3, clear_at: 1, window_seconds: 900, hold_seconds: 60, least: 20, mos: 3.6, enabled: true,
        updated_at: world.iso(begin), updated_by: "callmesh",
      };
      return req.method === "POST" ? json(res, "AlertRule", { ...rule, ...JSON.parse(body) }) : json(res, "AlertRuleList", list([rule]));
    }
    if (head === "sites") {
      const rows = harvesters().map((h) => ({ site: h.site, name: h.site === "main" ? "Head office" : h.site, harvesters: 1, harvesters_up: h.up ? 1 : 0, calls_active: open.filter((c) => c.site === h.site).length }));
      return json(res, "SiteList", list(rows));
    }
    return problem(res, 404, "not_found", "There is no such path.");
  }

  const server = createServer((req, res) => {
    let body = "";
    req.on("data", (chunk) => (body += chunk));
    req.on("end", () => {
      try {
        handle(req, res, body);
      } catch (error) {
        console.error(error);
        if (!res.headersSent) problem(res, 500, "internal", String(error));
      }
    });
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    contract,
    addCall: () => addLive(0),
    /** Breaks the event stream and keeps it broken until true again. */
    feed(on) {
      dropFeed = !on;
      if (!on) for (const to of streamsTo) to.destroy();
    },
    /** Another life of the server: events are forgotten, a call has gone and one has come without a word. */
    rebirth() {
      epoch = (parseInt(epoch, 16) + 1).toString(16);
      ring.length = 0;
      const gone = open.shift();
      world.end(gone, Date.now());
      const come = world.newCall(world.SITES[0], Date.now());
      calls.set(come.id, come);
      open.push(come);
      return { gone: gone.id, come: come.id };
    },
    endCall(id) {
      const call = calls.get(id);
      open.splice(open.indexOf(call), 1);
      emitCall("call.ended", world.end(call, Date.now()));
      for (const res of [...(listeners.get(id) ?? [])]) res.stopListening();
    },
    close() {
      clearInterval(liveTimer);
      clearInterval(beatTimer);
      server.close();
      server.closeAllConnections?.();
    },
  };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { values } = parseArgs({
    options: Object.fromEntries(["port", "active", "past", "rate", "left-hz", "right-hz"].map((name) => [name, { type: "string" }])),
  });
  const n = (name, other) => (values[name] === undefined ? other : Number(values[name]));
  const dev = await startDevServer({ port: n("port", 8081), active: n("active", 40), past: n("past", 900), rate: n("rate", 1), leftHz: n("left-hz", 440), rightHz: n("right-hz", 660) });
  console.log(`${dev.url}  login admin, password callmesh; contract ${dev.contract ? dev.contract.file : "not found"}`);
}

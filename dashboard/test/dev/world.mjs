// A small mesh made of numbers: finished calls, calls going on, harvesters. The same seed gives the same past.
import { makeRecording } from "./media.mjs";

let seed = 20061120;
function random() {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
}
const pick = (list) => list[Math.floor(random() * list.length)];
const hex = (n) => Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join("");
export const iso = (ms) => new Date(ms).toISOString();

function uuid7(ms) {
  const t = Math.floor(ms).toString(16).padStart(12, "0");
  return `${t.slice(0, 8)}-${t.slice(8)}-7${hex(3)}-${pick(["8", "9", "a", "b"])}${hex(3)}-${hex(12)}`;
}

const NAMES = ["", "", "Anna Vogel", "Support West", "J. Okafor", "Mia Chen", "Sales 3", "Łukasz Nowak", "Front desk", "Dr. Hartmann"];
const AGENTS = ["Agent 1041", "Agent 1042", "Agent 1057", "Agent 1101", "Agent 1108", ""];
export const AGENT = { id: "5b8d5c52-8a58-4b3e-9d7e-0a6c1f0e9b11", name: "Ann Otter", team: "sales", side: "callee", matched_by: "user" };
export const SITES = ["main", "east"];

function party(agent, site) {
  const user = agent ? String(1000 + Math.floor(random() * 200)) : `+49${pick(["30", "40", "89", "221"])}${1000000 + Math.floor(random() * 8999999)}`;
  return { uri: `sip:${user}@${agent ? `pbx.${site}.example` : "carrier.example"}`, user, name: agent ? pick(AGENTS) : pick(NAMES) };
}

export function newCall(site, startedMs, live = true) {
  const inbound = random() < 0.7;
  const id = uuid7(startedMs);
  return {
    id, revision: 1, site, harvesters: [`${site}/capture-eth1`], live, state: "started", result: null, protocol: "sip", sip_status: null, sip_reason: null, hangup_by: null,
    from: party(!inbound, site), to: party(inbound, site), started_at: iso(startedMs), ringing_at: null, answered_at: null, ended_at: null,
    setup_seconds: null, ring_seconds: null, talk_seconds: null, duration_seconds: null, hold_seconds: 0, hold_count: 0,
    sip_call_ids: [`${hex(24)}@10.1.${site === "main" ? 1 : 2}.5`], message_count: 1, recording_state: "none", codecs: [], quality: null, listeners: 0, end_reason: null, end_assumed: false, q850_cause: null, held_by: null, merged_into: null,
    session_id: { local: null, remote: null }, diverted_by: [], transfers: [], related: [], conference: false, recording_policy: null, paused: null, agents: inbound && random() < 0.5 ? [AGENT] : [],
  };
}

const seconds = (a, b) => (a && b ? Math.max(0, (Date.parse(b) - Date.parse(a)) / 1000) : null);

export function step(call, state, atMs, more = {}) {
  const at = iso(atMs);
  Object.assign(call, more, { state, revision: call.revision + 1, message_count: call.message_count + 2 });
  if (state === "ringing") call.ringing_at = at;
  if (state === "answered" && !call.answered_at) {
    Object.assign(call, { answered_at: at, result: "answered", sip_status: 200, sip_reason: "OK", recording_state: "active", codecs: [pick(["PCMU", "PCMU", "PCMA"])] });
    call.quality = { packets: 0, lost: 0, loss_pct: 0, jitter_ms_max: 0, mos_min: null, mos_avg: null, one_way: null, capture_lost: 0, capture_lost_bound: false };
  }
  if (state === "held") call.hold_count++;
  if (state === "ended") call.ended_at = at;
  call.setup_seconds = seconds(call.started_at, call.ringing_at ?? call.answered_at ?? call.ended_at);
  call.ring_seconds = seconds(call.ringing_at, call.answered_at ?? call.ended_at);
  call.talk_seconds = seconds(call.answered_at, call.ended_at);
  call.duration_seconds = seconds(call.started_at, call.ended_at);
  return call;
}

function finish(call, endMs) {
  const answered = call.answered_at !== null;
  const failure = pick([["no_answer", 480, "Temporarily Unavailable"], ["busy", 486, "Busy Here"], ["canceled", 487, "Request Terminated"], ["failed", 503, "Service Unavailable"], ["rejected", 603, "Decline"]]);
  const more = answered
    ? { hangup_by: pick(["caller", "callee"]), recording_state: "ready" }
    : { result: failure[0], sip_status: failure[1], sip_reason: failure[2], hangup_by: failure[0] === "canceled" ? "caller" : "callee" };
  step(call, "ended", endMs, more);
  if (answered) {
    const packets = Math.round(call.talk_seconds * 100);
    const loss = random() < 0.8 ? random() * 0.4 : random() * 6;
    const lost = Math.round((packets * loss) / 100);
    call.quality = { packets, lost, loss_pct: Number(((100 * lost) / Math.max(1, packets + lost)).toFixed(2)), jitter_ms_max: Number((1 + random() * 12).toFixed(2)), mos_min: 3.92, mos_avg: 4.31, one_way: null, capture_lost: 0, capture_lost_bound: false };
  }
  return call;
}

export function pastCall(site, startedMs, live = true) {
  const call = newCall(site, startedMs, live);
  const ringing = startedMs + 80 + random() * 900;
  step(call, "ringing", ringing);
  const picked = random() < 0.78;
  const answer = ringing + 1500 + random() * 14000;
  if (!picked) return finish(call, answer);
  step(call, "answered", answer);
  const talk = 8000 + random() ** 3 * 400000;
  if (random() < 0.25) {
    const hold = 2000 + random() * talk * 0.3;
    step(call, "held", answer + talk * 0.3);
    step(call, "answered", answer + talk * 0.3 + hold, { hold_seconds: Number((hold / 1000).toFixed(3)) });
    call._hold = [answer + talk * 0.3, answer + talk * 0.3 + hold];
  }
  return finish(call, answer + talk);
}

export const end = finish;

const address = (ip, port) => ({ ip, port });
const net = (call) => (call.site === "main" ? "10.1.1" : "10.2.1");

function sip(call, first, n, cseq) {
  const sdp = "v=0\r\no=- 1 1 IN IP4 10.1.1.20\r\ns=-\r\nc=IN IP4 10.1.1.20\r\nt=0 0\r\nm=audio 11780 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n";
  const body = n === 1 || first.startsWith("SIP/2.0 200 OK") ? sdp : "";
  return `${first}\r\nVia: SIP/2.0/UDP ${net(call)}.20:5060;branch=z9hG4bK${call.id.slice(-8)}${n}\r\nMax-Forwards: 70\r\nFrom: "${call.from.name}" <${call.from.uri}>;tag=a${call.id.slice(-6)}\r\nTo: <${call.to.uri}>\r\nCall-ID: ${call.sip_call_ids[0]}\r\nCSeq: ${cseq}\r\nUser-Agent: callmesh-dev\r\nContent-Type: application/sdp\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** Messages and ladder of a call that is as far as it is. */
export function signalling(call) {
  const lanes = [address(`${net(call)}.20`, 5060), address(`${net(call)}.5`, 5060), address(`${net(call)}.31`, 5062)];
  const rows = [];
  const start = Date.parse(call.started_at);
  const add = (at, from, to, label, method, status, reason = "", again = false) => rows.push({ at, from, to, label, method, status, reason, again });
  add(start, 0, 1, `INVITE ${call.to.user}`, "INVITE", null);
  add(start + 3, 1, 0, "100 Trying", "INVITE", 100, "Trying");
  add(start + 9, 1, 2, `INVITE ${call.to.user}`, "INVITE", null);
  if (call.message_count % 3 === 0) add(start + 509, 1, 2, `INVITE ${call.to.user}`, "INVITE", null, "", true);
  if (call.ringing_at) {
    add(Date.parse(call.ringing_at), 2, 1, "180 Ringing", "INVITE", 180, "Ringing");
    add(Date.parse(call.ringing_at) + 2, 1, 0, "180 Ringing", "INVITE", 180, "Ringing");
  }
  if (call.answered_at) {
    const at = Date.parse(call.answered_at);
    add(at, 2, 1, "200 OK (INVITE)", "INVITE", 200, "OK");
    add(at + 2, 1, 0, "200 OK (INVITE)", "INVITE", 200, "OK");
    add(at + 40, 0, 1, "ACK", "ACK", null);
    add(at + 43, 1, 2, "ACK", "ACK", null);
    rows.push({ at: at + 60, from: 0, to: 2, label: `RTP ${call.codecs[0]} 20 ms`, rtp: true }, { at: at + 66, from: 2, to: 0, label: `RTP ${call.codecs[0]} 20 ms`, rtp: true });
  }
  if (call.ended_at) {
    const at = Date.parse(call.ended_at);
    if (call.answered_at) {
      add(at, 0, 1, "BYE", "BYE", null);
      add(at + 2, 1, 2, "BYE", "BYE", null);
      add(at + 12, 2, 1, "200 OK (BYE)", "BYE", 200, "OK");
      add(at + 14, 1, 0, "200 OK (BYE)", "BYE", 200, "OK");
    } else {
      add(at, 2, 1, `${call.sip_status} ${call.sip_reason}`, "INVITE", call.sip_status, call.sip_reason);
      add(at + 2, 1, 0, `${call.sip_status} ${call.sip_reason}`, "INVITE", call.sip_status, call.sip_reason);
      add(at + 20, 0, 1, "ACK", "ACK", null);
    }
  }
  rows.sort((a, b) => a.at - b.at);
  const legId = legs(call)[0].id;
  const messages = [];
  const arrows = rows.map((row) => {
    if (row.rtp) return { at: iso(row.at), from: row.from, to: row.to, label: row.label, kind: "rtp", message: null };
    const n = messages.length + 1;
    const first = row.status ? `SIP/2.0 ${row.status} ${row.reason}` : `${row.method} ${call.to.uri} SIP/2.0`;
    messages.push({ n, at: iso(row.at), method: row.method, status: row.status, reason: row.reason, src: lanes[row.from], dst: lanes[row.to], transport: "udp", leg_id: legId, retransmission: row.again, raw: sip(call, first, n, `1 ${row.method}`) });
    return { at: iso(row.at), from: row.from, to: row.to, label: row.label, kind: row.status ? "response" : "request", message: n };
  });
  const labels = ["Carrier SBC", "pbx", `phone ${call.to.user}`];
  return { messages, ladder: { endpoints: lanes.map((a, index) => ({ index, ip: a.ip, port: a.port, label: labels[index] })), arrows } };
}

const derived = (call, mark) => `${call.id.slice(0, 24)}${mark}${call.id.slice(25)}`;

export function legs(call) {
  return [0, 1].map((i) => ({
    id: derived(call, i ? "e" : "d"), call_id: call.id, sip_call_id: call.sip_call_ids[0], from_tag: `a${call.id.slice(-6)}`, to_tag: call.answered_at ? `b${i}${call.id.slice(-5)}` : "",
    from_uri: call.from.uri, to_uri: call.to.uri, state: call.state, sip_status: call.sip_status, started_at: call.started_at, ringing_at: call.ringing_at,
    answered_at: call.answered_at, ended_at: call.ended_at, src: address(`${net(call)}.${i ? 5 : 20}`, 5060), dst: address(`${net(call)}.${i ? 31 : 5}`, i ? 5062 : 5060), transport: "udp", user_agent: i ? "Phone 4.1" : "SBC 9",
  }));
}

export function streams(call, nowMs) {
  if (!call.answered_at) return [];
  const from = Date.parse(call.answered_at) + 60;
  const to = call.ended_at ? Date.parse(call.ended_at) : nowMs;
  return ["caller", "callee"].map((side, i) => {
    const packets = Math.max(1, Math.floor((to - from) / 20));
    const lost = i === 0 ? (call.quality?.lost ?? 0) : 0;
    return {
      id: derived(call, String(i + 1)), call_id: call.id, leg_id: derived(call, "d"), side, site: call.site, harvester: call.harvesters[0], ssrc: (parseInt(call.id.slice(-8), 16) ^ i) >>> 0,
      src: address(`${net(call)}.${i ? 31 : 20}`, 11780 + 2 * i), dst: address(`${net(call)}.${i ? 20 : 31}`, 11782 - 2 * i), codec: call.codecs[0], payload_type: call.codecs[0] === "PCMA" ? 8 : 0, clock_rate: 8000, ptime_ms: 20,
      packets, bytes: packets * 172, lost, lost_pct: Number(((100 * lost) / (packets + lost)).toFixed(3)), out_of_order: i, duplicates: 0, jitter_ms: { last: 0.8 + i, max: call.quality?.jitter_ms_max ?? 0 },
      delta_ms_max: 41.3, dtmf_packets: i ? 0 : 14, mos: { f1: 4.36, f2: 4.13, adaptive: 4.37, min: 3.92, avg: 4.31 }, r: 91.3, late: { f1: i, f2: 0, adaptive: 0 },
      burst: { count: 1, density: 0.4, gap_density: 0.001, duration_ms: 160, gap_duration_ms: 20400 }, skew_ppm: -12.5, capture_lost: 0, capture_lost_bound: false, srtp: false, rtcp: {}, first_at: iso(from), last_at: iso(to), ended: call.ended_at !== null,
    };
  });
}

export function timeline(call) {
  const out = [{ at: call.started_at, type: "started", detail: `INVITE ${call.from.user} to ${call.to.user}` }];
  if (call.ringing_at) out.push({ at: call.ringing_at, type: "ringing", detail: "180 Ringing" });
  if (call.answered_at) out.push({ at: call.answered_at, type: "answered", detail: "200 OK" }, { at: call.answered_at, type: "stream_started", detail: call.codecs[0] });
  if (call._hold) out.push({ at: iso(call._hold[0]), type: "held", detail: "a=sendonly" }, { at: iso(call._hold[1]), type: "resumed", detail: "a=sendrecv" });
  if (call.ended_at) out.push({ at: call.ended_at, type: "ended", detail: call.result === "answered" ? `hung up by ${call.hangup_by}` : `${call.sip_status} ${call.sip_reason}` });
  return out;
}

const sound = new Map();
export function soundOf(secondsLong) {
  const key = Math.min(60, Math.max(12, Math.round(secondsLong)));
  if (!sound.has(key)) sound.set(key, makeRecording(key));
  return { ...sound.get(key), seconds: key };
}

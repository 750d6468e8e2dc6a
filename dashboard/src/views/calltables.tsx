// The tables of one call: streams with their quality, legs, the story in words.
import { formatBytes, formatCount, formatSpan, formatTime } from "../time";
import { eventWords, evidenceWords, relationWords } from "../story";
import type { Call, Evidence, Leg, Stream, TimelineEvent } from "../types";
import { Empty } from "../ui/states";
import { lossTone, mosTone, StatePill } from "../ui/words";

const address = (a: { ip: string; port: number } | null) => (a && a.ip ? `${a.ip.includes(":") ? `[${a.ip}]` : a.ip}:${a.port}` : "–");

function StreamRow({ stream: s }: { stream: Stream }) {
  return (
    <tr>
      <td><span class={`side-tag side-${s.side ?? "none"}`}>{s.side ?? "unjoined"}</span></td>
      <td class="mono">{address(s.src)} → {address(s.dst)}</td>
      <td class="mono">{`0x${s.ssrc.toString(16).padStart(8, "0")}`}</td>
      <td>{s.codec || `PT ${s.payload_type}`}{s.srtp ? " · SRTP" : ""}</td>
      <td class="num">{s.ptime_ms ? `${s.ptime_ms} ms` : "–"}</td>
      <td class="num">{formatCount(s.packets)}</td>
      <td class="num"><span class={`tone-${lossTone(s.lost_pct)}`}>{formatCount(s.lost)} · {s.lost_pct.toFixed(2)} %</span></td>
      <td class="num" title={s.mos ? `50 ms buffer ${s.mos.f1.toFixed(2)}, 200 ms ${s.mos.f2.toFixed(2)}, adaptive ${s.mos.adaptive.toFixed(2)}, R ${s.r?.toFixed(0) ?? "–"}` : "no published values for this codec, or under a second of sound"}>
        {s.mos ? <><span class={`tone-${mosTone(s.mos.min)}`}>{s.mos.min.toFixed(2)}</span> / {s.mos.avg.toFixed(2)}</> : <span class="dim">–</span>}
      </td>
      <td class="num">{s.late ? `${s.late.f1} / ${s.late.f2}` : "–"}</td>
      <td class="num">{s.burst?.count ? `${s.burst.count} × ${Math.round(s.burst.duration_ms)} ms` : ""}</td>
      <td class="num">{s.capture_lost ? `${s.capture_lost_bound ? "≤ " : ""}${formatCount(s.capture_lost)}` : ""}</td>
      <td class="num">{s.jitter_ms.last.toFixed(1)} / {s.jitter_ms.max.toFixed(1)}</td>
      <td class="num">{s.delta_ms_max.toFixed(1)}</td>
      <td class="num">{s.out_of_order} / {s.duplicates}</td>
      <td class="num">{s.dtmf_packets || ""}</td>
      <td class="num">{formatBytes(s.bytes)}</td>
      <td class="num nowrap">{formatTime(s.first_at, undefined, true)}</td>
      <td class="num">{formatSpan((Date.parse(s.last_at) - Date.parse(s.first_at)) / 1000)}</td>
    </tr>
  );
}

/** One plain sentence about what is wrong, when something is. */
function verdict(streams: Stream[]): string {
  const caller = streams.filter((s) => s.side === "caller");
  const callee = streams.filter((s) => s.side === "callee");
  if (streams.length > 0 && (caller.length === 0) !== (callee.length === 0)) {
    return `One-way sound: no stream was seen from the ${caller.length === 0 ? "caller" : "callee"}.`;
  }
  const dull = streams.filter((s) => s.mos && s.mos.min < 3.6).sort((a, b) => a.mos!.min - b.mos!.min)[0];
  if (dull?.mos) return `From ${address(dull.src)} the sound was bad for some seconds: MOS ${dull.mos.min.toFixed(2)}, ${dull.mos.avg.toFixed(2)} on average.`;
  const worst = [...streams].sort((a, b) => b.lost_pct - a.lost_pct)[0];
  if (worst && worst.lost_pct >= 1) return `${worst.lost_pct.toFixed(1)} % of the packets from ${address(worst.src)} were lost.`;
  return "";
}

export function Streams({ streams }: { streams: Stream[] }) {
  if (streams.length === 0) return <Empty title="No media stream belongs to this call" />;
  const words = verdict(streams);
  return (
    <>
      {words ? <p class="verdict">{words}</p> : null}
      <div class="scroll-x" tabIndex={0} role="region" aria-label="Streams">
        <table class="grid">
          <thead>
            <tr>
              <th scope="col">From</th><th scope="col">Addresses</th><th scope="col">SSRC</th><th scope="col">Codec</th><th scope="col" class="num">Packet</th>
              <th scope="col" class="num">Packets</th><th scope="col" class="num">Lost</th><th scope="col" class="num">MOS worst / mean</th><th scope="col" class="num">Too late 50 / 200 ms</th><th scope="col" class="num">Bursts</th><th scope="col" class="num">Lost by us</th><th scope="col" class="num">Jitter last / max ms</th><th scope="col" class="num">Delta max ms</th>
              <th scope="col" class="num">Out of order / twice</th><th scope="col" class="num">DTMF</th><th scope="col" class="num">Size</th><th scope="col" class="num">First</th><th scope="col" class="num">Length</th>
            </tr>
          </thead>
          <tbody>{streams.map((s) => <StreamRow key={s.id} stream={s} />)}</tbody>
        </table>
      </div>
    </>
  );
}

export function Legs({ legs }: { legs: Leg[] }) {
  if (legs.length === 0) return <Empty title="No leg is kept for this call" />;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="Legs">
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">State</th><th scope="col" class="num">SIP</th><th scope="col">From</th><th scope="col">To</th><th scope="col">Addresses</th>
            <th scope="col" class="num">Started</th><th scope="col" class="num">Ringing</th><th scope="col" class="num">Answered</th><th scope="col" class="num">Ended</th>
            <th scope="col">User agent</th><th scope="col">Call-ID and tags</th>
          </tr>
        </thead>
        <tbody>
          {legs.map((leg) => (
            <tr key={leg.id}>
              <td><StatePill state={leg.state} /></td>
              <td class="num">{leg.sip_status ?? ""}</td>
              <td class="mono">{leg.from_uri}</td>
              <td class="mono">{leg.to_uri}</td>
              <td class="mono nowrap">{address(leg.src)} → {address(leg.dst)} {leg.transport}</td>
              <td class="num">{formatTime(leg.started_at, undefined, true)}</td>
              <td class="num">{formatTime(leg.ringing_at, undefined, true)}</td>
              <td class="num">{formatTime(leg.answered_at, undefined, true)}</td>
              <td class="num">{formatTime(leg.ended_at, undefined, true)}</td>
              <td class="nowrap">{leg.user_agent}</td>
              <td class="mono dim nowrap">{leg.sip_call_id} · {leg.from_tag} · {leg.to_tag}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Story({ events }: { events: TimelineEvent[] }) {
  if (events.length === 0) return <Empty title="Nothing is known about this call's course" />;
  const start = Date.parse(events[0]!.at);
  return (
    <ol class="story">
      {events.map((event, i) => (
        <li key={i} class={`ev-${event.type}`}>
          <span class="num dim">{formatTime(event.at, undefined, true)}</span>
          <span class="num dim">+{((Date.parse(event.at) - start) / 1000).toFixed(3)}</span>
          <b>{eventWords(event).text}</b>
          <span>{eventWords(event).rest}</span>
        </li>
      ))}
    </ol>
  );
}

/** The other parts of the call, and why they are parts of it. */
export function Parts({ call, evidence }: { call: Call; evidence: Evidence[] }) {
  if (call.related.length === 0) return null;
  return (
    <ul class="story parts">
      {call.related.map((part) => (
        <li key={part.id}>
          <b>{relationWords(part.rel)}</b>
          <span class="num dim">score {part.score}</span>
          <span>
            {evidence.filter((e) => e.call_id === part.id || e.joined_to === part.id).map((e) => `${e.score < 0 ? "against: " : ""}${evidenceWords(e.kind)}${e.detail ? ` (${e.detail})` : ""}`).join(", ")}
          </span>
          <a class="mono dim" href={`/calls/${part.id}`}>{part.id}</a>
        </li>
      ))}
    </ul>
  );
}

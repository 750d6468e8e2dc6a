// The life of a call as one bar: set-up, ring, talk, hold. Hold times come from the call's events.
import { api } from "../api";
import { clockOffset, formatSpan, now } from "../time";
import type { Call, TimelineEvent } from "../types";
import { useLoad } from "../ui/load";

export interface Segment { kind: "setup" | "ring" | "talk" | "hold"; from: number; to: number }
const WORD = { setup: "Setup", ring: "Ring", talk: "Talk", hold: "Hold" };

/** Times in ms. Pure, so that it can be tested. */
export function segments(call: Pick<Call, "started_at" | "ringing_at" | "answered_at">, events: Pick<TimelineEvent, "at" | "type">[], end: number): Segment[] {
  const started = Date.parse(call.started_at);
  const ringing = call.ringing_at ? Date.parse(call.ringing_at) : null;
  const answered = call.answered_at ? Date.parse(call.answered_at) : null;
  const parts: Segment[] = [];
  const add = (kind: Segment["kind"], from: number, to: number) => {
    if (to > from) parts.push({ kind, from, to: Math.min(to, end) });
  };
  add("setup", started, ringing ?? answered ?? end);
  if (ringing !== null) add("ring", ringing, answered ?? end);
  if (answered === null) return parts;
  let since = answered;
  let held = false;
  for (const event of events) {
    const at = Date.parse(event.at);
    if (event.type === "held" && !held) {
      add("talk", since, at);
      since = at;
      held = true;
    } else if (event.type === "resumed" && held) {
      add("hold", since, at);
      since = at;
      held = false;
    }
  }
  add(held ? "hold" : "talk", since, end);
  return parts;
}

export function TimelineBar({ call }: { call: Call }) {
  const events = useLoad(call.hold_count > 0 ? `${call.id}:${call.revision}` : null, (signal) => api.timeline(call.id, signal));
  const start = Date.parse(call.started_at);
  const open = call.live ? now.value + clockOffset.value : Math.max(start, ...[call.ringing_at, call.answered_at].map((t) => (t ? Date.parse(t) : 0)));
  const end = call.ended_at ? Date.parse(call.ended_at) : open;
  const parts = segments(call, events.data ?? [], end);
  const total = Math.max(1, end - start);
  if (parts.length === 0) return null;
  return (
    <div class="timeline" role="img" aria-label={parts.map((p) => `${WORD[p.kind]} ${formatSpan((p.to - p.from) / 1000)}`).join(", ")}>
      {parts.map((part, i) => {
        const share = (part.to - part.from) / total;
        return (
          <span key={i} class={`seg seg-${part.kind}`} style={{ flexGrow: String(Math.max(0.004, share)) }} title={`${WORD[part.kind]} ${formatSpan((part.to - part.from) / 1000)}`}>
            {share > 0.09 ? `${WORD[part.kind]} ${formatSpan((part.to - part.from) / 1000)}` : ""}
          </span>
        );
      })}
    </div>
  );
}

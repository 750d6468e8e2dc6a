// The parts of a call in time, from its own times and the holds among its events.
import type { Call, TimelineEvent } from "../types";

export interface Segment { kind: "setup" | "ring" | "talk" | "hold"; from: number; to: number }

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

// The course of a call in plain words. Pure, so that it can be tested.
import type { Call, TimelineEvent } from "./types";

const REL: Record<string, string> = {
  leg: "other side of a PBX or SBC",
  transfer_target: "transfer to",
  consult: "consultation before the transfer",
  forward: "forwarded to",
  pickup: "picked up by",
  conference: "conference",
  original: "beginning",
};

const KIND: Record<string, string> = {
  session_id: "the same Session-ID",
  replaces: "it names the other's dialog (Replaces)",
  refer: "a REFER sent them there",
  referred_by: "it says who referred (Referred-By)",
  header: "a header names the other",
  call_id: "its Call-ID with a suffix",
  sdp_origin: "the same SDP origin",
  media_address: "the same media address",
  box: "begun by the box where the other arrived",
  to_number: "the same number called",
  from_number: "the same caller",
  diversion: "diverted from the other's number",
  redirect: "the other was redirected there",
  park: "the other is parked there",
  focus: "the same conference",
  session_differs: "their Session-IDs differ",
  outcome_differs: "one has ended, the other goes on",
  better_elsewhere: "another call fits better",
  refer_refused: "the transfer was refused",
};

const HOLD: Record<string, string> = { sendonly: "", inactive: " (both ways silent)", zero_address: " (old way, c=0.0.0.0)" };

const END: Record<string, string> = {
  media_silence: "no end was seen: nothing was heard any more",
  session_expired: "no end was seen: the session timer ran out",
  silence: "no end was seen: no signalling for an hour",
  input_ended: "the capture ended before the call",
  abandoned: "the site's harvesters went away",
};

export function relationWords(rel: string): string {
  return REL[rel] ?? rel.replace(/_/g, " ");
}

export function evidenceWords(kind: string): string {
  return KIND[kind] ?? kind.replace(/_/g, " ");
}

/** null: it ended as calls end. */
export function endWords(call: Pick<Call, "end_reason" | "end_assumed">): string | null {
  return call.end_assumed && call.end_reason ? (END[call.end_reason] ?? "no end was seen") : null;
}

const who = (event: Pick<TimelineEvent, "side">, nobody = "Someone") => (event.side === "caller" ? "The caller" : event.side === "callee" ? "The callee" : nobody);

/** One sentence about an event; the raw detail stands behind it where the sentence does not say all. */
export function eventWords(event: Pick<TimelineEvent, "type" | "detail" | "side" | "sip_status">): { text: string; rest: string } {
  const d = event.detail;
  const status = event.sip_status ? ` (${event.sip_status})` : "";
  const sent = /^(\w+): (.*) sends (.*) to (.*)$/.exec(d);
  switch (event.type) {
    case "held": return { text: `${who(event)} put the other on hold${HOLD[d] ?? ""}`, rest: "" };
    case "resumed": return { text: `${who(event)} took the call off hold`, rest: "" };
    case "forked": return { text: "One more phone rings", rest: d };
    case "fork_lost": return { text: "Another phone had answered: this one stopped ringing", rest: d };
    case "cancel_crossed": return { text: "The answer met the caller's CANCEL on its way", rest: "" };
    case "glare": return { text: `Both sides wanted to change the session at once${status}`, rest: "" };
    case "session_timer": return { text: `The session has to be refreshed every ${d}`, rest: "" };
    case "transfer_requested": return { text: `${who(event)} asked for a transfer: ${d}`, rest: "" };
    case "transfer_progress": return { text: `The transfer is on its way${status}`, rest: "" };
    case "transferred": return { text: sent ? `${sent[2]} transferred ${sent[3]} to ${sent[4]} (${sent[1]})` : "Transferred", rest: sent ? "" : d };
    case "transfer_failed": return { text: (sent ? `${sent[2]} could not transfer ${sent[3]} to ${sent[4]}` : "The transfer failed") + status, rest: sent ? "" : d };
    case "parked": return { text: sent ? `${sent[2]} parked ${sent[3]} at ${sent[4]}` : "Parked", rest: sent ? "" : d };
    case "picked_up": return { text: `Picked up ${d}`, rest: "" };
    case "redirected": return { text: `Redirected ${d}${status}`, rest: "" };
    case "forwarded": return { text: `Forwarded ${d}`, rest: "" };
    case "conference": return { text: "This is a conference", rest: d };
    case "participant_joined": return { text: `${d} joined the conference`, rest: "" };
    case "participant_left": return { text: `${d} left the conference`, rest: "" };
    case "recording_paused": return { text: "Recording paused", rest: d };
    case "recording_resumed": return { text: "Recording resumed", rest: d };
    case "legs_joined": return { text: "Joined with another leg", rest: d };
    case "legs_split": return { text: "Parted again: they are two calls", rest: d };
    case "part_started": return { text: "A further leg begins", rest: d };
    case "media_by_hosts": return { text: "Sound found by the hosts that SIP came from: no SDP named its addresses", rest: d };
    case "end_assumed": return { text: "No end was seen: it was assumed", rest: d };
    default: return { text: event.type.replace(/_/g, " ").replace(/^./, (c) => c.toUpperCase()), rest: d };
  }
}

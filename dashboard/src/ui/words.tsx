// States, results and parties on the page: icon, word and colour, never colour alone.
import { Icon } from "./icons";
import type { Call, CallResult, CallState, Party, RecordingState } from "../types";

export const STATE_WORD: Record<CallState, string> = {
  started: "Started",
  ringing: "Ringing",
  early: "Early media",
  answered: "Talking",
  held: "Held",
  ended: "Ended",
};

export const RESULT_WORD: Record<CallResult, string> = {
  answered: "Answered",
  no_answer: "No answer",
  busy: "Busy",
  canceled: "Canceled",
  rejected: "Rejected",
  failed: "Failed",
  redirected: "Redirected",
};

export const RECORDING_WORD: Record<RecordingState, string> = {
  none: "Not recorded",
  active: "Recording",
  pending: "Recording pending",
  ready: "Recorded",
  failed: "Recording failed",
};

export function StatePill({ state }: { state: CallState }) {
  return (
    <span class={`pill s-${state}`}>
      <Icon name={state} size={13} />
      {STATE_WORD[state] ?? state}
    </span>
  );
}

export function ResultPill({ call }: { call: Call }) {
  if (call.state !== "ended" || !call.result) return <StatePill state={call.state} />;
  const good = call.result === "answered";
  const bad = call.result === "failed" || call.result === "rejected";
  return (
    <span class={`pill ${good ? "r-good" : bad ? "r-bad" : "r-mid"}`}>
      <Icon name={good ? "answered" : "ended"} size={13} />
      {RESULT_WORD[call.result] ?? call.result}
    </span>
  );
}

export function RecordingDot({ state }: { state: RecordingState }) {
  const word = RECORDING_WORD[state] ?? state;
  return (
    <span class={`rec rec-${state}`} title={word}>
      <span class="rec-dot" aria-hidden="true" />
      <span class="sr">{word}</span>
    </span>
  );
}

export function partyLabel(party: Party): string {
  return party.name || party.user || party.uri || "unknown";
}

export function PartyText({ party }: { party: Party }) {
  const first = party.user || party.uri || "unknown";
  return (
    <span class="party" title={party.uri}>
      <span class="party-user">{first}</span>
      {party.name && party.name !== first ? <span class="party-name">{party.name}</span> : null}
    </span>
  );
}

/** G.109: below 3.6 many users are dissatisfied, below 4.03 some. */
export function mosTone(mos: number): string {
  return mos < 3.6 ? "bad" : mos < 4.03 ? "mid" : "good";
}

export function lossTone(pct: number): string {
  return pct >= 3 ? "bad" : pct >= 1 ? "mid" : "good";
}

// The life of a call as one bar: set-up, ring, talk, hold. Hold times come from the call's events.
import { api } from "../api";
import { clockOffset, formatSpan, now } from "../time";
import type { Call } from "../types";
import { useLoad } from "../ui/load";
import { segments } from "./segments";

const WORD = { setup: "Setup", ring: "Ring", talk: "Talk", hold: "Hold" };

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

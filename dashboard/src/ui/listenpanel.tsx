// The dock at the foot of the page while a call is listened to.
import { figures, levels, listen, mix, setMix, startListening, stopListening } from "../listen";
import { mesh } from "../mesh";
import type { CallState } from "../types";
import { clockOffset, formatClock, now } from "../time";
import { Icon } from "./icons";
import { partyLabel, STATE_WORD } from "./words";

function Side({ side, name }: { side: 0 | 1; name: string }) {
  const role = side === 0 ? "Caller" : "Callee";
  const muted = mix.value.muted[side];
  const level = levels.value[side];
  const toggle = () => {
    const next: [boolean, boolean] = [mix.value.muted[0], mix.value.muted[1]];
    next[side] = !muted;
    setMix({ muted: next });
  };
  return (
    <div class={`side side-${side}${muted ? " muted" : ""}`}>
      <button type="button" class="side-name" aria-pressed={muted} title={muted ? `Unmute ${role}` : `Mute ${role}`} onClick={toggle}>
        <span class="side-role">{role}{muted ? " · muted" : ""}</span> {name}
      </button>
      <div class="meter" role="meter" aria-label={`${role} level`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(level * 100)}>
        <span style={{ transform: `scaleX(${level.toFixed(3)})` }} />
      </div>
    </div>
  );
}

function Figures() {
  const f = figures.value;
  return (
    <dl class="figures">
      <div><dt>Delay</dt><dd data-figure="delay">{f.delayMs === null ? "–" : `${f.delayMs} ms`}</dd></div>
      <div><dt>Buffer</dt><dd data-figure="buffer">{f.bufferMs[0]} / {f.bufferMs[1]} ms</dd></div>
      <div><dt>Trims</dt><dd>{f.trims}</dd></div>
      <div><dt>Underruns</dt><dd>{f.underruns}</dd></div>
      <div><dt>Gaps</dt><dd>{f.gaps + f.late}</dd></div>
    </dl>
  );
}

const STATUS_WORD = { idle: "", opening: "Opening…", playing: "Listening", ended: "Ended", failed: "Stopped" };

export function ListenPanel() {
  const view = listen.value;
  if (view.status === "idle" || !view.call) return null;
  const call = mesh.calls.get(view.call.id)?.value ?? view.call;
  const began = Date.parse(call.answered_at ?? call.started_at);
  const over = view.status === "ended" || view.status === "failed";
  const state = STATE_WORD[view.callState as CallState] ?? "";
  return (
    <aside class="dock" aria-label="Live listening" data-status={view.status}>
      <div class="dock-call">
        <span class="dock-status" role="status">
          <Icon name={over ? "ended" : "listen"} /> {STATUS_WORD[view.status]}
          {view.status === "playing" && view.callState !== "answered" && state ? ` · ${state}` : ""}
        </span>
        <a href={`/calls/${call.id}`}>
          {partyLabel(call.from)} → {partyLabel(call.to)}
        </a>
        <span class="dim num">
          {call.live && !over ? formatClock((now.value + clockOffset.value - began) / 1000) : ""} {view.codec}
        </span>
      </div>
      {over ? (
        <p class="dock-message" role="alert">{view.message}</p>
      ) : (
        <>
          <div class="sides">
            <Side side={0} name={partyLabel(call.from)} />
            <Side side={1} name={partyLabel(call.to)} />
          </div>
          <div class="knobs">
            <label>
              Volume
              <input type="range" min="0" max="2" step="0.05" value={mix.value.volume} onInput={(e) => setMix({ volume: Number(e.currentTarget.value) })} />
            </label>
            <label>
              Left – right
              <input type="range" min="0" max="1" step="0.05" value={mix.value.spread} onInput={(e) => setMix({ spread: Number(e.currentTarget.value) })} />
            </label>
          </div>
          <Figures />
        </>
      )}
      {view.unplayable ? <p class="dock-message">This cannot be heard live: a codec that is not played here, or SRTP whose keys are not known.</p> : null}
      <div class="dock-end">
        {view.status === "failed" ? (
          <button type="button" class="button" onClick={() => void startListening(call)}>Listen again</button>
        ) : null}
        <span class="dim small">Listening is audited</span>
        <button type="button" class="button" onClick={stopListening}>
          <Icon name={over ? "close" : "stop"} /> {over ? "Close" : "Stop"}
        </button>
      </div>
    </aside>
  );
}

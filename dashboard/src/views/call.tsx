// One call: who, when, how it ended; its sound; its messages, streams, legs and story.
import { useEffect, useState } from "preact/hooks";
import { agentWords, matchWords } from "../agents";
import { api, may } from "../api";
import { onFeed } from "../feed";
import { listen, startListening, stopListening } from "../listen";
import { mesh } from "../mesh";
import { cameFrom, navigate, queryOf, setQuery } from "../router";
import { clockOffset, formatClock, formatDateTime, formatSpan, formatTime, now } from "../time";
import type { Call, CallAgent, Recording } from "../types";
import { Icon } from "../ui/icons";
import { bindKeys } from "../ui/keys";
import { useLoad } from "../ui/load";
import { Player } from "../ui/player";
import { Failed, Loading } from "../ui/states";
import { partyLabel, RECORDING_WORD, RecordingDot, ResultPill } from "../ui/words";
import { LadderView } from "./ladder";
import { policyWords } from "../rules";
import { endWords } from "../story";
import { Legs, Parts as CallParts, Story, Streams } from "./calltables";
import { TimelineBar } from "./timeline";

function mosText(call: Call): string {
  const q = call.quality;
  return q && q.mos_min !== null && q.mos_avg !== null ? `${q.mos_min.toFixed(2)} / ${q.mos_avg.toFixed(2)}` : "–";
}

/** Name in the URL, word, scope. */
const TABS: [string, string, string][] = [
  ["ladder", "Ladder", "messages:read"],
  ["streams", "Streams", "quality:read"],
  ["legs", "Legs", "calls:read"],
  ["story", "Timeline", "calls:read"],
];

function Party({ role, party, agents }: { role: string; party: Call["from"]; agents: CallAgent[] }) {
  return (
    <div class="call-party">
      <span class="side-role">{role}</span>
      <b>{party.user || party.uri || "unknown"}</b>
      {party.e164 && party.e164 !== party.user ? <span class="mono" title="The number in E.164, by the dial plan of the site">{party.e164}</span> : null}
      {party.name ? <span>{party.name}</span> : null}
      {agents.map((a) => <a key={a.id} href={`/calls?agent=${a.id}`} title={`Agent, by the ${matchWords(a.matched_by)}`}>{agentWords([a])}</a>)}
      <span class="dim mono small">{party.uri}</span>
    </div>
  );
}

function Facts({ call }: { call: Call }) {
  const total = call.duration_seconds ?? (call.live && call.state !== "ended" ? (now.value + clockOffset.value - Date.parse(call.started_at)) / 1000 : null);
  const facts: [string, string][] = [
    ["Started", formatDateTime(call.started_at, undefined, true)],
    ["Ringing", formatTime(call.ringing_at, undefined, true)],
    ["Answered", formatTime(call.answered_at, undefined, true)],
    ["Ended", formatTime(call.ended_at, undefined, true)],
    ["Setup", formatSpan(call.setup_seconds)],
    ["Ring", formatSpan(call.ring_seconds)],
    ["Talk", formatSpan(call.talk_seconds)],
    ["Held", call.hold_count ? `${formatSpan(call.hold_seconds)} in ${call.hold_count}` : "–"],
    ["Total", formatClock(total)],
    ["Hung up by", call.hangup_by ?? "–"],
    ...(call.end_reason ? [["How it ended", call.end_reason.replace(/_/g, " ")] as [string, string]] : []),
    ...(call.q850_cause ? [["Q.850 cause", String(call.q850_cause)] as [string, string]] : []),
    ...(call.held_by ? [["On hold by", call.held_by] as [string, string]] : []),
    ...(call.diverted_by.length ? [["Forwarded by", call.diverted_by.join(", ")] as [string, string]] : []),
    ...call.transfers.map((t) => ["Transfer", `${t.transferor} → ${t.transferee} to ${t.target}: ${t.kind}, ${t.result ?? "not known"}`] as [string, string]),
    ["Codecs", call.codecs.join(", ") || "–"],
    ["Loss", call.quality ? `${call.quality.loss_pct.toFixed(2)} % of ${call.quality.packets + call.quality.lost}` : "–"],
    ["Jitter max", call.quality ? `${call.quality.jitter_ms_max.toFixed(1)} ms` : "–"],
    ["MOS worst / mean", mosText(call)],
    ...(call.quality?.capture_lost ? [["Lost by us", `${call.quality.capture_lost_bound ? "at most " : ""}${call.quality.capture_lost}`] as [string, string]] : []),
    ["Site", call.site],
    ["Messages", String(call.message_count)],
    ["Harvesters", call.harvesters.join(", ") || "–"],
  ];
  return (
    <dl class="facts call-facts">
      {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd class="num">{value}</dd></div>)}
    </dl>
  );
}

/** Its audio stays in the harvesters for two minutes, or until it is pressed again. */
function PauseButton({ call }: { call: Call }) {
  const [error, setError] = useState("");
  const turn = () => {
    setError("");
    (call.paused ? api.resumeCall(call.id) : api.pauseCall(call.id, 120, "by hand")).catch((e: Error) => setError(e.message));
  };
  return (
    <button type="button" class="button" title={error || "No sound of this call leaves the harvesters meanwhile"} onClick={turn}>
      <Icon name={call.paused ? "play" : "pause"} size={14} /> {error ? "Not possible" : call.paused ? "Resume recording" : "Pause recording"}
    </button>
  );
}

/** How it sounded, in plain words; the segments, where more than one place says something. */
function Verdict({ call }: { call: Call }) {
  const q = useLoad(may("quality:read") && call.state === "ended" ? `quality ${call.id} ${call.revision}` : null, (signal) => api.quality(call.id, signal)).data;
  if (!q) return null;
  const segments = q.directions.filter((d) => d.segments.length > 1);
  return (
    <div class="verdict" id="sound-verdict">
      <p>{q.sentence}</p>
      {segments.map((d) => (
        <p key={d.said_by} class="dim small">
          {d.said_by} to {d.heard_by}: {d.segments.map((s) => `${s.from} → ${s.to} ${s.lost_pct.toFixed(1)} % lost`).join(", ")}
        </p>
      ))}
    </div>
  );
}

function Head({ call }: { call: Call }) {
  const mine = listen.value.call?.id === call.id && ["opening", "playing"].includes(listen.value.status);
  return (
    <header class="call-head">
      <div class="call-title">
        <a class="icon-button" href={cameFrom.value} aria-label="Back to the list" title="Back to the list (Esc)"><Icon name="back" /></a>
        <h1 class="call-parties">
          <Party role="Caller" party={call.from} agents={call.agents.filter((a) => a.side === "caller")} />
          <span class="arrow-to" aria-hidden="true">→</span>
          <Party role="Callee" party={call.to} agents={call.agents.filter((a) => a.side === "callee")} />
        </h1>
        <div class="call-badges">
          <ResultPill call={call} />
          {call.protocol !== "sip" ? <span class="pill plain mono">{call.protocol.toUpperCase()}</span> : null}
          {call.sip_status ? <span class="pill plain mono">{call.sip_status} {call.sip_reason}</span> : null}
          <span class="pill plain"><RecordingDot state={call.recording_state} /> <span aria-hidden="true">{RECORDING_WORD[call.recording_state]}</span></span>
          {call.paused ? <span class="pill r-mid" title={`${call.paused.by}${call.paused.reason ? `: ${call.paused.reason}` : ""}, until ${formatTime(call.paused.until)}`}>Recording paused</span> : null}
          {!call.live ? <span class="pill plain">From a file</span> : null}
          {call.live && call.state !== "ended" && may("recordings:control") ? <PauseButton call={call} /> : null}
          {call.state !== "ended" && may("calls:listen") ? (
            <button type="button" class="button primary" aria-pressed={mine} onClick={() => (mine ? stopListening() : void startListening(call))}>
              <Icon name={mine ? "stop" : "listen"} size={14} /> {mine ? "Stop" : "Listen"}
            </button>
          ) : null}
        </div>
      </div>
      {call.merged_into ? <p class="verdict">This is a part of <a href={`/calls/${call.merged_into}`}>another call</a>.</p> : null}
      {endWords(call) ? <p class="verdict">{endWords(call)}.</p> : null}
      <Verdict call={call} />
      <TimelineBar call={call} />
      <Facts call={call} />
      <p class="dim small mono call-ids">{call.sip_call_ids.map((id) => <span key={id}>Call-ID {id} </span>)}</p>
    </header>
  );
}

/** Record it after all: it is cut from the look-back, whole from its first packet. */
function Ask({ call }: { call: Call }) {
  const [said, setSaid] = useState("");
  if (said) return <span role="status">{said}</span>;
  const ask = () => void api.recordCall(call.id).then(() => setSaid("Asked for."), (e: Error) => setSaid(e.message));
  return <button type="button" class="button small" onClick={ask}>Record this call</button>;
}

function Sound({ call, recordings }: { call: Call; recordings: Recording[] }) {
  const names: [string, string] = [partyLabel(call.from), partyLabel(call.to)];
  const ready = recordings.filter((r) => r.status === "ready");
  if (ready.length > 0 && may("recordings:download")) return <>{ready.map((r) => <Player key={r.id} recording={r} names={names} />)}</>;
  const other = recordings[0];
  const text =
    ready.length > 0
      ? "This call is recorded; your role may not hear recordings."
      : other
      ? `Recording ${other.status}${other.reason ? `: ${other.reason}` : ""}.`
      : call.recording_state === "active"
        ? "This call is being recorded. The player appears here when the recording is ready."
        : call.recording_state === "pending"
          ? "The recording is being cut and appears here in a moment."
          : call.recording_state === "failed"
            ? "The recording failed."
            : policyWords(call.recording_policy) || "This call has no recorded sound.";
  const wanted = call.recording_policy?.decision === "skip" && may("recordings:control");
  return <p class="no-sound dim">{text} {wanted ? <Ask call={call} /> : null}</p>;
}

async function storyOf(id: string, signal?: AbortSignal) {
  const [call, events, evidence] = await Promise.all([api.call(id, signal), api.timeline(id, signal), api.evidence(id, signal)]);
  return { call, events, evidence };
}

function Tab({ name, id }: { name: string; id: string }) {
  const loaded = useLoad(`${name}:${id}`, async (signal) => {
    if (name === "streams") return { kind: "streams" as const, streams: await api.streams(id, signal) };
    if (name === "legs") return { kind: "legs" as const, legs: await api.legs(id, signal) };
    if (name === "story") return { kind: "story" as const, ...(await storyOf(id, signal)) };
    const [ladder, messages] = await Promise.all([api.ladder(id, signal), api.messages(id, signal)]);
    return { kind: "ladder" as const, ladder, messages };
  });
  useCallNews(id, loaded.reload, 1000);
  if (loaded.error && !loaded.data) return <Failed error={loaded.error} retry={loaded.reload} />;
  const data = loaded.data;
  if (!data) return <Loading what={name} />;
  if (data.kind === "streams") return <Streams streams={data.streams} />;
  if (data.kind === "legs") return <Legs legs={data.legs} />;
  if (data.kind === "story") return <><CallParts call={data.call} evidence={data.evidence} /><Story events={data.events} /></>;
  return <LadderView ladder={data.ladder} messages={data.messages} />;
}

/** Runs `act` when the feed says something about this call or its recording, at most once in `ms`. */
function useCallNews(id: string, act: () => void, ms: number): void {
  useEffect(() => {
    let timer = 0;
    const off = onFeed((event) => {
      if (event.data.call?.id !== id && event.data.recording?.call_id !== id) return;
      if (!timer) {
        timer = window.setTimeout(() => {
          timer = 0;
          act();
        }, ms);
      }
    });
    return () => {
      clearTimeout(timer);
      off();
    };
  }, [id]);
}

function Parts({ id }: { id: string }) {
  const tabs = TABS.filter(([, , scope]) => may(scope));
  const at = Math.max(0, tabs.findIndex(([name]) => name === queryOf("tab")));
  const tab = tabs[at]![0];
  const choose = (index: number) => {
    const name = tabs[(index + tabs.length) % tabs.length]![0];
    setQuery({ tab: name, m: "" });
    document.getElementById(`tab-${name}`)?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    choose(at + (event.key === "ArrowRight" ? 1 : -1));
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label="Parts of the call" onKeyDown={onKey}>
        {tabs.map(([name, word], i) => (
          <button key={name} type="button" role="tab" id={`tab-${name}`} tabIndex={i === at ? 0 : -1} aria-selected={i === at} aria-controls="tab-panel" onClick={() => choose(i)}>
            {word}
          </button>
        ))}
      </div>
      <div id="tab-panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
        <Tab key={tab} name={tab} id={id} />
      </div>
    </>
  );
}

export function CallView({ id }: { id: string }) {
  const loaded = useLoad(id, async (signal) => {
    const [call, recordings] = await Promise.all([api.call(id, signal), may("recordings:read") ? api.callRecordings(id, signal) : []]);
    return { call, recordings };
  });
  useCallNews(id, loaded.reload, 300);
  useEffect(() => bindKeys({ Escape: () => navigate(cameFrom.value) }), []);
  if (loaded.error && !loaded.data) return <Failed error={loaded.error} retry={loaded.reload} />;
  if (!loaded.data) return <Loading what="the call" />;
  const live = mesh.calls.get(id)?.value;
  const call = live && live.revision > loaded.data.call.revision ? live : loaded.data.call;
  return (
    <div class="view view-call" data-call={call.id}>
      <Head call={call} />
      <Sound call={call} recordings={loaded.data.recordings} />
      <Parts id={id} />
    </div>
  );
}

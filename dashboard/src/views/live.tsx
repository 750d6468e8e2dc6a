// The wallboard: what goes on now, pushed. Rows are windowed; a row follows the signal of its own call.
import { computed, signal, type Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { agentNamed, agentWords } from "../agents";
import { may } from "../api";
import { feedState } from "../feed";
import { listen, startListening, stopListening } from "../listen";
import { count, emptyCounts, mesh, type Counts } from "../mesh";
import { navigate, queryOf, setQuery } from "../router";
import { clockOffset, formatClock, formatCount, formatTime, now } from "../time";
import type { Call } from "../types";
import { bindKeys } from "../ui/keys";
import { Icon } from "../ui/icons";
import { Empty, Loading } from "../ui/states";
import { lossTone, PartyText, RecordingDot, StatePill } from "../ui/words";

const ROW = 36;
const OVERSCAN = 8;

type Group = "" | "ringing" | "talking" | "held";
const GROUPS: [Group, string][] = [["ringing", "Ringing"], ["talking", "Talking"], ["held", "Held"]];

function groupOf(call: Call): Group {
  return call.state === "answered" ? "talking" : call.state === "held" ? "held" : "ringing";
}

interface Board { rows: Signal<Call>[]; counts: Counts; sites: [string, Counts][] }

/** Moves at most four times a second, however many events come. */
const boardVersion = signal(0);
let boardTimer = 0;
mesh.version.subscribe(() => {
  if (boardTimer) return;
  boardTimer = window.setTimeout(() => {
    boardTimer = 0;
    boardVersion.value++;
  }, 250);
});

const ORDERS: Record<string, (a: Call, b: Call) => number> = {
  "": (a, b) => (a.started_at < b.started_at ? 1 : a.started_at > b.started_at ? -1 : a.id < b.id ? 1 : -1),
  longest: (a, b) => (a.started_at > b.started_at ? 1 : a.started_at < b.started_at ? -1 : a.id > b.id ? 1 : -1),
  state: (a, b) => groupOf(a).localeCompare(groupOf(b)) || (a.started_at > b.started_at ? 1 : -1),
  loss: (a, b) => (b.quality?.loss_pct ?? -1) - (a.quality?.loss_pct ?? -1) || (a.id > b.id ? 1 : -1),
};

const board = computed<Board>(() => {
  void boardVersion.value;
  const site = queryOf("site");
  const group = queryOf("state");
  const text = queryOf("q").toLowerCase();
  const counts = emptyCounts();
  const sites = new Map<string, Counts>();
  const rows: Signal<Call>[] = [];
  for (const row of mesh.calls.values()) {
    const call = row.peek();
    let ofSite = sites.get(call.site);
    if (!ofSite) sites.set(call.site, (ofSite = emptyCounts()));
    count(ofSite, call);
    if (site && call.site !== site) continue;
    count(counts, call);
    if (group && groupOf(call) !== group) continue;
    if (text && ![call.from.user, call.from.name, call.to.user, call.to.name].some((part) => part.toLowerCase().includes(text)) && !agentNamed(call.agents, text)) continue;
    rows.push(row);
  }
  const order = ORDERS[queryOf("sort")] ?? ORDERS[""]!;
  rows.sort((a, b) => order(a.peek(), b.peek()));
  return { rows, counts, sites: [...sites].sort((a, b) => a[0].localeCompare(b[0])) };
});

function Duration({ call }: { call: Call }) {
  if (!call.live) return <span class="dim">replay</span>;
  const began = Date.parse(call.started_at);
  const end = call.ended_at ? Date.parse(call.ended_at) : now.value + clockOffset.value;
  const seconds = (end - began) / 1000;
  return <span class={seconds >= 1800 && call.state !== "ended" ? "long" : ""}>{formatClock(seconds)}</span>;
}

function ListenButton({ call }: { call: Call }) {
  const mine = listen.value.call?.id === call.id && (listen.value.status === "playing" || listen.value.status === "opening");
  if (call.state === "ended" || !may("calls:listen")) return null;
  return (
    <button type="button" class={`button small${mine ? " on" : ""}`} aria-pressed={mine} onClick={() => (mine ? stopListening() : void startListening(call))}>
      <Icon name={mine ? "stop" : "listen"} size={14} /> {mine ? "Stop" : "Listen"}
    </button>
  );
}

function Row({ row, index }: { row: Signal<Call>; index: number }) {
  const call = row.value;
  const quality = call.quality;
  return (
    <tr class={call.state === "ended" ? "leaving" : ""} data-call={call.id} aria-rowindex={index + 2}>
      <td><StatePill state={call.state} /></td>
      <td>
        <a data-row href={`/calls/${call.id}`} class="row-link"><PartyText party={call.from} /></a>
      </td>
      <td><PartyText party={call.to} /></td>
      <td class="dim clip" title={agentWords(call.agents)}>{agentWords(call.agents)}</td>
      <td class="dim">{call.site}</td>
      <td class="num dim">{formatTime(call.started_at)}</td>
      <td class="num clock"><Duration call={call} /></td>
      <td class="num dim">{call.hold_count > 0 ? `${call.hold_count} ×${call.hold_seconds > 0 ? ` ${formatClock(call.hold_seconds)}` : ""}` : ""}</td>
      <td class="num">
        {quality ? <span class={`tone-${lossTone(quality.loss_pct)}`}>{quality.loss_pct.toFixed(1)} %</span> : <span class="dim">–</span>}
      </td>
      <td><RecordingDot state={call.recording_state} /></td>
      <td class="num">
        {call.listeners > 0 ? <span class="ears"><Icon name="ear" size={13} /> {call.listeners}<span class="sr"> listeners</span></span> : null}
      </td>
      <td class="act"><ListenButton call={call} /></td>
    </tr>
  );
}

/** The same vnode again is skipped by Preact: a change of the list costs only the rows that moved. Holds what is shown. */
let made = new Map<Signal<Call>, { index: number; vnode: VNode }>();

function rowsOf(shown: Signal<Call>[], first: number): VNode[] {
  const next: typeof made = new Map();
  shown.forEach((row, i) => {
    const index = first + i;
    const known = made.get(row);
    next.set(row, known?.index === index ? known : { index, vnode: <Row key={row.peek().id} row={row} index={index} /> });
  });
  made = next;
  return [...next.values()].map((entry) => entry.vnode);
}

const scrollTop = signal(0);
const viewHeight = signal(800);

function Table() {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current!;
    const measure = () => (viewHeight.value = element.clientHeight);
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    scrollTop.value = 0;
    return () => observer.disconnect();
  }, []);
  const { rows } = board.value;
  const first = Math.max(0, Math.min(rows.length, Math.floor(scrollTop.value / ROW)) - OVERSCAN);
  const last = Math.min(rows.length, first + Math.ceil(viewHeight.value / ROW) + 2 * OVERSCAN);
  const shown = rows.slice(first, last);
  return (
    <div class="board" ref={box} tabIndex={0} role="region" aria-label="Calls going on" onScroll={(e) => (scrollTop.value = e.currentTarget.scrollTop)}>
      <table class="grid live" aria-rowcount={rows.length + 1}>
        <colgroup>
          <col class="c-state" /><col /><col /><col class="c-agent" /><col class="c-site" /><col class="c-time" /><col class="c-num" /><col class="c-num" /><col class="c-num" /><col class="c-tiny" /><col class="c-tiny" /><col class="c-act" />
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col">State</th><th scope="col">From</th><th scope="col">To</th><th scope="col">Agent</th><th scope="col">Site</th>
            <th scope="col" class="num">Since</th><th scope="col" class="num">Duration</th><th scope="col" class="num">Held</th>
            <th scope="col" class="num">Loss</th><th scope="col">Rec</th><th scope="col"><span class="sr">Listeners</span></th><th scope="col"><span class="sr">Actions</span></th>
          </tr>
        </thead>
        <tbody>
          {first > 0 ? <tr class="pad" aria-hidden="true"><td colSpan={12} style={{ height: `${first * ROW}px` }} /></tr> : null}
          {rowsOf(shown, first)}
          {last < rows.length ? <tr class="pad" aria-hidden="true"><td colSpan={12} style={{ height: `${(rows.length - last) * ROW}px` }} /></tr> : null}
        </tbody>
      </table>
      {rows.length === 0 ? <NoRows /> : null}
    </div>
  );
}

function NoRows() {
  if (feedState.value === "connecting") return <Loading what="the live mesh" />;
  if (queryOf("site") || queryOf("state") || queryOf("q")) {
    return (
      <Empty title="No call matches">
        <button type="button" class="button" onClick={() => navigate("/live", true)}>Show all</button>
      </Empty>
    );
  }
  return <Empty title="No calls right now">A call appears here the moment its INVITE is seen. Past calls are under <a href="/calls">Calls</a>.</Empty>;
}

function Tile({ group, word, value }: { group: Group; word: string; value: number }) {
  const on = queryOf("state") === group;
  return (
    <button type="button" class={`tile t-${group}`} aria-pressed={on} onClick={() => setQuery({ state: on ? "" : group })}>
      <span class="tile-value">{formatCount(value)}</span>
      <span class="tile-word">{word}</span>
    </button>
  );
}

function Head() {
  const { counts, sites } = board.value;
  const site = queryOf("site");
  return (
    <div class="live-head">
      <div class="tiles">
        <div class="tile plain">
          <span class="tile-value" data-total>{formatCount(counts.total)}</span>
          <span class="tile-word">{counts.total === 1 ? "Call" : "Calls"}</span>
        </div>
        {GROUPS.map(([group, word]) => <Tile key={group} group={group} word={word} value={counts[group as "ringing"]} />)}
      </div>
      <ul class="sites" aria-label="Sites">
        {sites.map(([name, c]) => (
          <li key={name}>
            <button type="button" class="chip" aria-pressed={site === name} onClick={() => setQuery({ site: site === name ? "" : name })}>
              <b>{name}</b>
              <span class="dot s-ringing" /><span class="num">{c.ringing}<span class="sr"> ringing</span></span>
              <span class="dot s-answered" /><span class="num">{c.talking}<span class="sr"> talking</span></span>
              <span class="dot s-held" /><span class="num">{c.held}<span class="sr"> held</span></span>
            </button>
          </li>
        ))}
      </ul>
      <div class="live-tools">
        <label class="field-icon">
          <Icon name="search" /><span class="sr">Filter by party, agent or team</span>
          <input data-search type="search" placeholder="Party, agent or team" value={queryOf("q")} onInput={(e) => setQuery({ q: e.currentTarget.value })} />
        </label>
        <label class="inline">
          Sort
          <select value={queryOf("sort")} onChange={(e) => setQuery({ sort: e.currentTarget.value })}>
            <option value="">Newest first</option>
            <option value="longest">Longest first</option>
            <option value="state">By state</option>
            <option value="loss">Worst loss first</option>
          </select>
        </label>
      </div>
    </div>
  );
}

export function Live() {
  useEffect(
    () =>
      bindKeys({
        l: () => {
          const id = document.activeElement?.closest<HTMLElement>("[data-call]")?.dataset["call"];
          const call = id ? mesh.calls.get(id)?.peek() : undefined;
          if (call && call.state !== "ended" && may("calls:listen")) void startListening(call);
        },
      }),
    [],
  );
  return (
    <div class="view view-live">
      <h1 class="sr">Live calls</h1>
      <Head />
      <Table />
    </div>
  );
}

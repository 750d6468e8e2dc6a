// The search. The URL is the state: what is typed is in the query string, and a link is a saved search.
import { useEffect, useState } from "preact/hooks";
import { agentWords } from "../agents";
import { api, may } from "../api";
import { onFeed } from "../feed";
import { apiQuery, PRESETS, readFilter, writeFilter, type CallFilter } from "../filter";
import { location, navigate } from "../router";
import { formatCount, formatDate, formatSpan, formatTime, zone } from "../time";
import type { Call } from "../types";
import { Icon } from "../ui/icons";
import { useLoad } from "../ui/load";
import { MOST, useList } from "../ui/more";
import { Empty, Failed, Loading } from "../ui/states";
import { lossTone, PartyText, RECORDING_WORD, RecordingDot, RESULT_WORD, ResultPill, STATE_WORD } from "../ui/words";

function Select({ label, value, options, change }: { label: string; value: string; options: [string, string][]; change: (value: string) => void }) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} class={value ? "set" : ""} onChange={(e) => change(e.currentTarget.value)}>
        {options.map(([key, word]) => <option key={key} value={key}>{word}</option>)}
      </select>
    </label>
  );
}

const any = (words: Record<string, string>): [string, string][] => [["", "Any"], ...Object.entries(words)];

/** Agents of the chosen team; one that is not listed (gone, or of another team) stays chosen. */
function WhoFields({ filter, set }: { filter: CallFilter; set: (change: Partial<CallFilter>) => void }) {
  const teams = useLoad("teams", api.teams).data ?? [];
  const agents = useLoad(`agents of ${filter.team}`, (signal) => api.agents(filter.team, signal)).data ?? [];
  const agentOptions: [string, string][] = [["", "Any"], ...agents.map((a): [string, string] => [a.id, a.name]).sort((a, b) => a[1].localeCompare(b[1]))];
  const teamOptions: [string, string][] = [["", "Any"], ...teams.map((t): [string, string] => [t.name, t.name])];
  if (filter.agent && !agents.some((a) => a.id === filter.agent)) agentOptions.push([filter.agent, "This agent"]);
  if (filter.team && !teams.some((t) => t.name === filter.team)) teamOptions.push([filter.team, filter.team]);
  if (agentOptions.length + teamOptions.length === 2) return null;
  return (
    <>
      <Select label="Team" value={filter.team} options={teamOptions} change={(team) => set({ team })} />
      <Select label="Agent" value={filter.agent} options={agentOptions} change={(agent) => set({ agent })} />
    </>
  );
}

function SearchForm({ filter, sites }: { filter: CallFilter; sites: string[] }) {
  const set = (change: Partial<CallFilter>) => navigate(`/calls${writeFilter({ ...filter, ...change })}`, true);
  const siteOptions: [string, string][] = [["", "Any"], ...sites.map((s): [string, string] => [s, s])];
  if (filter.site && !sites.includes(filter.site)) siteOptions.push([filter.site, filter.site]);
  return (
    <form class="search" role="search" onSubmit={(e) => e.preventDefault()}>
      <label class="field grow">
        <span>Number, name or URI</span>
        <span class="field-icon">
          <Icon name="search" />
          <input data-search type="search" value={filter.number} placeholder="+49 30 1234, last digits, name" onInput={(e) => set({ number: e.currentTarget.value })} />
        </span>
      </label>
      <Select label="Time" value={filter.time} options={PRESETS} change={(time) => set({ time })} />
      {filter.time === "range" ? (
        <>
          <label class="field"><span>From</span><input type="datetime-local" step="1" value={filter.from} onChange={(e) => set({ from: e.currentTarget.value })} /></label>
          <label class="field"><span>To</span><input type="datetime-local" step="1" value={filter.to} onChange={(e) => set({ to: e.currentTarget.value })} /></label>
        </>
      ) : null}
      <Select label="State" value={filter.state} options={any(STATE_WORD)} change={(state) => set({ state })} />
      <Select label="Result" value={filter.result} options={any(RESULT_WORD)} change={(result) => set({ result })} />
      <Select label="Site" value={filter.site} options={siteOptions} change={(site) => set({ site })} />
      {may("agents:read") ? <WhoFields filter={filter} set={set} /> : null}
      <Select label="Recording" value={filter.recording_state} options={any(RECORDING_WORD)} change={(recording_state) => set({ recording_state })} />
      <label class="field">
        <span>SIP Call-ID</span>
        <input type="search" class="mono" value={filter.sip_call_id} placeholder="exact" onInput={(e) => set({ sip_call_id: e.currentTarget.value })} />
      </label>
      {writeFilter(filter) ? (
        <button type="button" class="button clear" onClick={() => navigate("/calls", true)}><Icon name="close" size={14} /> Clear</button>
      ) : null}
    </form>
  );
}

function CallRow({ call }: { call: Call }) {
  const quality = call.quality;
  return (
    <tr>
      <td class="num when"><span class="dim">{formatDate(call.started_at)}</span> {formatTime(call.started_at)}</td>
      <td><a data-row class="row-link" href={`/calls/${call.id}`}><PartyText party={call.from} /></a></td>
      <td><PartyText party={call.to} /></td>
      <td class="dim">{agentWords(call.agents)}</td>
      <td><ResultPill call={call} /></td>
      <td class="num dim">{call.sip_status ?? ""}</td>
      <td class="dim">{call.site}</td>
      <td class="num">{formatSpan(call.ring_seconds)}</td>
      <td class="num">{formatSpan(call.talk_seconds)}</td>
      <td class="num">{formatSpan(call.duration_seconds)}</td>
      <td class="num">{quality ? <span class={`tone-${lossTone(quality.loss_pct)}`}>{quality.loss_pct.toFixed(1)} %</span> : <span class="dim">–</span>}</td>
      <td class="dim nowrap">{call.codecs.join(", ")}</td>
      <td><RecordingDot state={call.recording_state} /></td>
    </tr>
  );
}

/** Counts calls that ended since the list was fetched; the list itself does not move under the reader's hands. */
function useNews(key: string): [number, () => void] {
  const [news, setNews] = useState(0);
  useEffect(() => {
    setNews(0);
    return onFeed((event) => {
      if (event.type === "call.ended" || event.type === "call.started") setNews((n) => n + 1);
    });
  }, [key]);
  return [news, () => setNews(0)];
}

export function Calls() {
  const filter = readFilter(location.value.query);
  const utc = zone.value === "utc";
  const key = writeFilter(filter) + (utc ? " utc" : "");
  const list = useList<Call>(key, () => apiQuery(filter, new Date(), utc), api.calls);
  const sites = useLoad("sites", api.sites);
  const [news, seen] = useNews(key);
  const reload = () => {
    seen();
    list.reload();
  };
  return (
    <div class="view">
      <h1 class="sr">Calls</h1>
      <SearchForm filter={filter} sites={(sites.data ?? []).map((s) => s.site)} />
      {list.error ? <Failed error={list.error} retry={reload} /> : list.rows === null ? <Loading what="calls" /> : (
        <>
          <div class="list-head">
            <span role="status">
              {formatCount(list.rows.length)}{list.hasMore ? "+" : ""} {list.rows.length === 1 ? "call" : "calls"}{list.busy ? " · loading…" : ""}
            </span>
            {news > 0 ? <button type="button" class="link" onClick={reload}>{news} new {news === 1 ? "change" : "changes"} – refresh</button> : null}
          </div>
          {list.rows.length === 0 ? (
            <Empty title="No call matches this search">
              {writeFilter(filter) ? "Take a filter away, or widen the time." : "Nothing has been seen yet. Start a harvester, or replay a capture file."}
            </Empty>
          ) : (
            <div class="scroll-x" tabIndex={0} role="region" aria-label="Calls found">
              <table class="grid">
                <thead>
                  <tr>
                    <th scope="col" class="num when">Started</th><th scope="col">From</th><th scope="col">To</th><th scope="col">Agent</th><th scope="col">Result</th><th scope="col" class="num">SIP</th>
                    <th scope="col">Site</th><th scope="col" class="num">Ring</th><th scope="col" class="num">Talk</th><th scope="col" class="num">Total</th>
                    <th scope="col" class="num">Loss</th><th scope="col">Codec</th><th scope="col">Rec</th>
                  </tr>
                </thead>
                <tbody>{list.rows.map((call) => <CallRow key={call.id} call={call} />)}</tbody>
              </table>
            </div>
          )}
          {list.hasMore ? <button type="button" class="button more" disabled={list.busy} onClick={list.more}>More</button> : null}
          {list.rows.length >= MOST ? <p class="dim pad-top">{formatCount(MOST)} calls are shown; narrow the search for the rest.</p> : null}
        </>
      )}
    </div>
  );
}

// Who is who: agents, their teams and their extensions with the time that each is good for; a form for one of them, and a CSV file for many.
import { useState } from "preact/hooks";
import { agentBody, csvPieces, extensionWords, validity, withEnd } from "../agents";
import { api, may } from "../api";
import { queryOf, setQuery } from "../router";
import { clockOffset, formatDate, now } from "../time";
import type { Agent, AgentNew, ExtensionNew } from "../types";
import { useLoad } from "../ui/load";
import { Empty, Failed, Loading } from "../ui/states";
import { DialPlans } from "./dialplans";

const SHOWN = 1000;
const EXTENSION: ExtensionNew = { site: "", kind: "user", value: "", valid_from: null, valid_to: null };
const NEW: AgentNew = { name: "", team: "", extensions: [EXTENSION] };

function Line({ x, change, remove }: { x: ExtensionNew; change: (part: Partial<ExtensionNew>) => void; remove: () => void }) {
  const time = (label: string, key: "valid_from" | "valid_to") => (
    <label class="field">
      <span>{label}</span>
      <input value={x[key] ?? ""} maxLength={40} placeholder="For ever, or 2026-11-20T09:00Z" onInput={(e) => change({ [key]: e.currentTarget.value || null })} />
    </label>
  );
  return (
    <div class="search">
      <label class="field">
        <span>Is</span>
        <select value={x.kind} onChange={(e) => change({ kind: e.currentTarget.value as ExtensionNew["kind"] })}>
          <option value="user">Extension, SIP user</option>
          <option value="address">IP address of a phone</option>
        </select>
      </label>
      <label class="field"><span>Value</span><input value={x.value} maxLength={64} onInput={(e) => change({ value: e.currentTarget.value })} /></label>
      <label class="field"><span>Site</span><input value={x.site} maxLength={63} placeholder="Any" onInput={(e) => change({ site: e.currentTarget.value })} /></label>
      {time("From", "valid_from")}
      {time("To", "valid_to")}
      <button type="button" class="button small" onClick={remove}>Take away</button>
    </div>
  );
}

function Form({ agent, done }: { agent: AgentNew & { id?: string }; done: () => void }) {
  const [draft, setDraft] = useState<AgentNew>(agent);
  const [error, setError] = useState<Error | null>(null);
  const lines = (extensions: ExtensionNew[]) => setDraft({ ...draft, extensions });
  const save = (e: Event) => {
    e.preventDefault();
    setError(null);
    const body = agentBody(draft);
    (agent.id ? api.replaceAgent(agent.id, body) : api.writeAgent(body)).then(done, setError);
  };
  return (
    <form aria-label={agent.id ? `Agent ${agent.name}` : "New agent"} onSubmit={save}>
      <div class="search">
        <label class="field"><span>Name</span><input value={draft.name} maxLength={64} required onInput={(e) => setDraft({ ...draft, name: e.currentTarget.value })} /></label>
        <label class="field"><span>Team</span><input value={draft.team} maxLength={48} onInput={(e) => setDraft({ ...draft, team: e.currentTarget.value })} /></label>
      </div>
      {draft.extensions.map((x, i) => (
        <Line
          key={i} x={x} remove={() => lines(draft.extensions.filter((_, k) => k !== i))}
          change={(part) => lines(draft.extensions.map((old, k) => (k === i ? { ...old, ...part } : old)))}
        />
      ))}
      <div class="search">
        <button type="button" class="button" onClick={() => lines([...draft.extensions, EXTENSION])}>One more extension</button>
        <button type="submit" class="button primary">Save</button>
        <button type="button" class="button" onClick={done}>Cancel</button>
      </div>
      {error ? <p role="alert">{error.message}</p> : null}
    </form>
  );
}

/** A file in pieces, one after the other; it stops at the first that is refused. The same file again changes nothing. */
function Import({ done }: { done: () => void }) {
  const [said, setSaid] = useState("");
  const send = async (file: File) => {
    const pieces = csvPieces(await file.text());
    if (!pieces.length) return setSaid("There is no line below the header.");
    let extensions = 0;
    for (const [i, piece] of pieces.entries()) {
      setSaid(`${i} of ${pieces.length} pieces…`);
      try {
        extensions += (await api.importAgents(piece.text)).extensions;
      } catch (e) {
        done();
        return setSaid(`Stopped in the piece that begins at line ${piece.line}: ${(e as Error).message} (${extensions} extensions before it are in.)`);
      }
    }
    done();
    setSaid(`${extensions} extensions are in.`);
  };
  return (
    <>
      <label class="field">
        <span>Import CSV: name, team, site, kind, value, valid_from, valid_to</span>
        <input
          type="file" accept=".csv,text/csv"
          onChange={(e) => {
            const file = e.currentTarget.files?.[0];
            e.currentTarget.value = "";
            if (file) void send(file);
          }}
        />
      </label>
      {said ? <p role="status">{said}</p> : null}
    </>
  );
}

function Extensions({ agent, write, end }: { agent: Agent; write: boolean; end: (index: number) => void }) {
  const at = now.value + clockOffset.value;
  return (
    <ul class="plain">
      {agent.extensions.map((x, i) => {
        const when = validity(x, at);
        return (
          <li key={`${x.kind} ${x.site} ${x.value} ${x.valid_from}`} class={when === "now" ? "" : "dim"}>
            {extensionWords(x)}
            {x.valid_from ? ` from ${formatDate(x.valid_from)}` : ""}{x.valid_to ? ` to ${formatDate(x.valid_to)}` : ""}
            {when === "over" ? " (over)" : ""}{" "}
            {write && when !== "over" ? <button type="button" class="link" aria-label={`End ${extensionWords(x)} of ${agent.name}`} onClick={() => end(i)}>end</button> : null}
          </li>
        );
      })}
    </ul>
  );
}

function Row({ agent, write, open, act }: { agent: Agent; write: boolean; open: () => void; act: (done: Promise<unknown>) => void }) {
  const remove = () => {
    if (window.confirm(`Remove ${agent.name}? Calls that name this agent keep it.`)) act(api.removeAgent(agent.id));
  };
  const end = (i: number) => act(api.replaceAgent(agent.id, withEnd(agent, new Date(Date.now() + clockOffset.value).toISOString(), i)));
  return (
    <tr>
      <td><a href={`/calls?agent=${agent.id}`}>{agent.name}</a></td>
      <td>{agent.team}</td>
      <td><Extensions agent={agent} write={write} end={end} /></td>
      <td class="act">
        {write ? (
          <>
            <button type="button" class="button small" onClick={open}>Change</button>{" "}
            <button type="button" class="button small" onClick={remove}>Remove</button>
          </>
        ) : null}
      </td>
    </tr>
  );
}

export function Agents() {
  const [turn, setTurn] = useState(0);
  const [open, setOpen] = useState<(AgentNew & { id?: string }) | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const team = queryOf("team");
  const list = useLoad(`agents ${team} ${turn}`, (signal) => api.agents(team, signal));
  const teams = useLoad(`teams ${turn}`, api.teams);
  const write = may("agents:write");
  const again = () => {
    setOpen(null);
    setError(null);
    setTurn(turn + 1);
  };
  const act = (done: Promise<unknown>) => void done.then(again, setError);
  if (list.error) return <Failed error={list.error} retry={again} />;
  return (
    <div class="view">
      <div class="list-head">
        <h1>Agents</h1>
        <label class="inline">
          Team
          <select value={team} onChange={(e) => setQuery({ team: e.currentTarget.value })}>
            <option value="">Any</option>
            {(teams.data ?? []).map((t) => <option key={t.name} value={t.name}>{t.name} ({t.agents})</option>)}
          </select>
        </label>
        {write && !open ? <button type="button" class="button" onClick={() => setOpen(NEW)}>New agent</button> : null}
      </div>
      <p class="dim">A call keeps who its parties were when it began, whatever the list says later.</p>
      {write ? <Import done={again} /> : null}
      {open ? <Form key={open.id ?? "new"} agent={open} done={again} /> : null}
      {error ? <p role="alert">{error.message}</p> : null}
      {!list.data ? <Loading what="agents" /> : list.data.length === 0 ? <Empty title="No agents">Write the first one, or import a CSV file.</Empty> : (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Agents">
          <table class="grid">
            <thead><tr><th scope="col">Name</th><th scope="col">Team</th><th scope="col">Extensions and phones</th><th scope="col"><span class="sr">Change</span></th></tr></thead>
            <tbody>{list.data.map((a) => <Row key={a.id} agent={a} write={write} open={() => setOpen(a)} act={act} />)}</tbody>
          </table>
        </div>
      )}
      {list.data && list.data.length >= SHOWN ? <p class="dim pad-top">{SHOWN} agents are shown; choose a team for the rest.</p> : null}
      {may("sites:read") ? <DialPlans /> : null}
    </div>
  );
}

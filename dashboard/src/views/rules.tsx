// Which calls are recorded: the rules in their order, a form for one of them, and who changed what.
import { useState } from "preact/hooks";
import { api, may } from "../api";
import { ACTION, DIRECTION, SIDES, ruleDoes, ruleMatches } from "../rules";
import { formatDate, formatTime } from "../time";
import type { RecordingRule, RecordingRuleNew } from "../types";
import { useLoad } from "../ui/load";
import { Empty, Failed, Loading } from "../ui/states";

const NEW: RecordingRuleNew = {
  name: "", position: 100, action: "all", percent: null, site: "", direction: "", number: "", from_number: "", to_number: "", sip_user: "", agent: null, team: "", peer: null,
  after_answer: false, early_media: true, sides: "both", pause_code: "", resume_code: "", pause_seconds: null,
};

type Names = { id: string; name: string }[];

function Form({ rule, agents, done }: { rule: RecordingRuleNew & { id?: string }; agents: Names; done: () => void }) {
  const [draft, setDraft] = useState<RecordingRuleNew>(rule);
  const [error, setError] = useState<Error | null>(null);
  const set = (part: Partial<RecordingRuleNew>) => setDraft({ ...draft, ...part });
  const text = (label: string, key: "name" | "site" | "number" | "from_number" | "to_number" | "sip_user" | "team" | "pause_code" | "resume_code", hint = "Any") => (
    <label class="field">
      <span>{label}</span>
      <input value={draft[key] ?? ""} maxLength={key === "team" ? 48 : 63} placeholder={hint} onInput={(e) => set({ [key]: e.currentTarget.value })} />
    </label>
  );
  const select = (label: string, key: "action" | "direction" | "sides", words: Record<string, string>) => (
    <label class="field">
      <span>{label}</span>
      <select value={draft[key]} onChange={(e) => set({ [key]: e.currentTarget.value } as Partial<RecordingRuleNew>)}>
        {Object.entries(words).map(([value, word]) => <option key={value} value={value}>{word}</option>)}
      </select>
    </label>
  );
  const save = (e: Event) => {
    e.preventDefault();
    setError(null);
    const { name, position, action, percent, site, direction, number, from_number, to_number, sip_user, agent, team, peer, after_answer, early_media, sides, pause_code, resume_code, pause_seconds } = draft;
    const body = { name, position, action, percent, site, direction, number, from_number, to_number, sip_user, agent, team, peer, after_answer, early_media, sides, pause_code, resume_code, pause_seconds };
    (rule.id ? api.replaceRule(rule.id, body) : api.createRule(body)).then(done, setError);
  };
  return (
    <form class="search" aria-label={rule.id ? `Rule ${rule.name}` : "New rule"} onSubmit={save}>
      {text("Name", "name", "")}
      <label class="field">
        <span>Position</span>
        <input type="number" min={0} max={1000000} value={draft.position} onInput={(e) => set({ position: Number(e.currentTarget.value) })} />
      </label>
      {select("Action", "action", ACTION)}
      {draft.action === "percent" ? (
        <label class="field">
          <span>Percent</span>
          <input type="number" min={0} max={100} step={0.01} value={draft.percent ?? 0} onInput={(e) => set({ percent: Number(e.currentTarget.value) })} />
        </label>
      ) : null}
      {text("Site", "site")}
      {select("Direction", "direction", DIRECTION)}
      {text("Number begins", "number")}
      {text("Caller begins", "from_number")}
      {text("Callee begins", "to_number")}
      {text("SIP user", "sip_user")}
      <label class="field">
        <span>Agent</span>
        <select value={draft.agent ?? ""} onChange={(e) => set({ agent: e.currentTarget.value || null })}>
          <option value="">Any</option>
          {agents.map((a) => <option key={a.id} value={a.id}>{a.name}</option>)}
          {draft.agent && !agents.some((a) => a.id === draft.agent) ? <option value={draft.agent}>{draft.agent}</option> : null}
        </select>
      </label>
      {text("Team", "team")}
      <label class="field">
        <span>Trunk or peer</span>
        <input value={draft.peer ?? ""} placeholder="Any, or 192.0.2.0/24" onInput={(e) => set({ peer: e.currentTarget.value || null })} />
      </label>
      {select("Sides", "sides", SIDES)}
      <label class="field"><span>Answered calls only</span><input type="checkbox" checked={draft.after_answer} onChange={(e) => set({ after_answer: e.currentTarget.checked })} /></label>
      <label class="field"><span>With early media</span><input type="checkbox" checked={draft.early_media} onChange={(e) => set({ early_media: e.currentTarget.checked })} /></label>
      {text("Code that pauses", "pause_code", "None, or *9")}
      {text("Code that resumes", "resume_code", "None, or the same")}
      <label class="field">
        <span>Longest pause, s</span>
        <input type="number" min={1} max={86400} value={draft.pause_seconds ?? ""} placeholder="As set" onInput={(e) => set({ pause_seconds: Number(e.currentTarget.value) || null })} />
      </label>
      <button type="submit" class="button">Save</button>
      <button type="button" class="button" onClick={done}>Cancel</button>
      {error ? <p role="alert" class="dim">{error.message}</p> : null}
    </form>
  );
}

function Changes({ turn, agents }: { turn: number; agents: Names }) {
  const log = useLoad(`rule-changes ${turn}`, api.ruleChanges);
  if (!log.data?.length) return null;
  return (
    <section>
      <h2>Changes</h2>
      <table class="grid">
        <thead><tr><th scope="col" class="num when">At</th><th scope="col">Who</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
        <tbody>
          {log.data.map((c) => (
            <tr key={c.version}>
              <td class="num when"><span class="dim">{formatDate(c.at)}</span> {formatTime(c.at)}</td>
              <td>{c.actor}</td>
              <td class="dim">{c.before ? `${c.before.name}: ${ruleDoes(c.before)}; ${ruleMatches(c.before, agents)}` : "—"}</td>
              <td>{c.after ? `${c.after.name}: ${ruleDoes(c.after)}; ${ruleMatches(c.after, agents)}` : "removed"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function Rules() {
  const [turn, setTurn] = useState(0);
  const [open, setOpen] = useState<(RecordingRuleNew & { id?: string }) | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const list = useLoad(`rules ${turn}`, api.rules);
  const agents = useLoad(may("agents:read") ? "agents of rules" : null, (signal) => api.agents("", signal)).data ?? [];
  const write = may("policy:write");
  const again = () => {
    setOpen(null);
    setTurn(turn + 1);
  };
  const remove = (r: RecordingRule) => {
    if (window.confirm(`Remove the rule "${r.name}"?`)) api.removeRule(r.id).then(again, setError);
  };
  if (list.error) return <Failed error={list.error} retry={again} />;
  if (!list.data) return <Loading what="rules" />;
  return (
    <div class="view">
      <div class="list-head">
        <h1>Rules of recording</h1>
        {write && !open ? <button type="button" class="button" onClick={() => setOpen(NEW)}>New rule</button> : null}
      </div>
      <p class="dim">The first rule that matches decides, once for each call. A call that none matches is recorded.</p>
      {open ? <Form key={open.id ?? "new"} rule={open} agents={agents} done={again} /> : null}
      {error ? <p role="alert">{error.message}</p> : null}
      {list.data.length === 0 ? <Empty title="No rules">Every call is recorded.</Empty> : (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Rules of recording">
          <table class="grid">
            <thead><tr><th scope="col" class="num">Position</th><th scope="col">Name</th><th scope="col">Does</th><th scope="col">With</th><th scope="col"><span class="sr">Change</span></th></tr></thead>
            <tbody>
              {list.data.map((r) => (
                <tr key={r.id}>
                  <td class="num">{r.position}</td>
                  <td>{r.name}</td>
                  <td>{ruleDoes(r)}</td>
                  <td>{ruleMatches(r, agents)}</td>
                  <td class="act">
                    {write ? (
                      <>
                        <button type="button" class="button small" onClick={() => setOpen(r)}>Change</button>{" "}
                        <button type="button" class="button small" onClick={() => remove(r)}>Remove</button>
                      </>
                    ) : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Changes turn={turn} agents={agents} />
    </div>
  );
}

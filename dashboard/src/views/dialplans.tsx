// Dial plans: what digits at a site mean, a table and a form; below the agents, who are matched by them.
import { useState } from "preact/hooks";
import { api, may } from "../api";
import { draftOf, EMPTY, LABELS, planBody, planWords } from "../dialplan";
import type { DialDraft } from "../dialplan";
import { useLoad } from "../ui/load";
import { Empty, Failed, Loading } from "../ui/states";

function Form({ first, done }: { first: DialDraft; done: () => void }) {
  const [draft, setDraft] = useState(first);
  const [error, setError] = useState<Error | null>(null);
  const save = (e: Event) => {
    e.preventDefault();
    setError(null);
    api.writeDialPlan(planBody(draft)).then(done, setError);
  };
  return (
    <form aria-label="Dial plan" onSubmit={save}>
      <div class="search">
        {LABELS.map(([key, label, hint]) => (
          <label key={key} class="field">
            <span>{label}</span>
            <input value={draft[key]} maxLength={120} placeholder={hint} required={key === "site" || key === "country_code"} onInput={(e) => setDraft({ ...draft, [key]: e.currentTarget.value })} />
          </label>
        ))}
        <label class="field">
          <span>Other digits without a prefix</span>
          <select value={draft.plain} onChange={(e) => setDraft({ ...draft, plain: e.currentTarget.value })}>
            <option value="none">say nothing</option>
            <option value="national">are national</option>
            <option value="international">are international</option>
          </select>
        </label>
      </div>
      <div class="search">
        <button type="submit" class="button primary">Save</button>
        <button type="button" class="button" onClick={done}>Cancel</button>
      </div>
      {error ? <p role="alert">{error.message}</p> : null}
    </form>
  );
}

export function DialPlans() {
  const [turn, setTurn] = useState(0);
  const [open, setOpen] = useState<DialDraft | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const list = useLoad(`dial plans ${turn}`, api.dialPlans);
  const write = may("sites:write");
  const again = () => {
    setOpen(null);
    setError(null);
    setTurn(turn + 1);
  };
  const remove = (site: string) => {
    if (window.confirm(`Remove the dial plan of ${site}? Calls keep the numbers that they have.`)) api.removeDialPlan(site).then(again, setError);
  };
  if (list.error) return <Failed error={list.error} retry={again} />;
  return (
    <section>
      <div class="list-head">
        <h2>Dial plans</h2>
        {write && !open ? <button type="button" class="button" onClick={() => setOpen(EMPTY)}>New dial plan</button> : null}
      </div>
      <p class="dim">Numbers of new calls are read by the plan of their site; calls that are there keep theirs.</p>
      {open ? <Form key={open.site} first={open} done={again} /> : null}
      {error ? <p role="alert">{error.message}</p> : null}
      {!list.data ? <Loading what="dial plans" /> : list.data.length === 0 ? <Empty title="No dial plans">Without one only numbers with a + are read.</Empty> : (
        <div class="scroll-x" tabIndex={0} role="region" aria-label="Dial plans">
          <table class="grid">
            <thead><tr><th scope="col">Site</th><th scope="col">Plan</th><th scope="col"><span class="sr">Change</span></th></tr></thead>
            <tbody>
              {list.data.map((p) => (
                <tr key={p.site}>
                  <td>{p.site === "*" ? "All others" : p.site}</td>
                  <td>{planWords(p)}</td>
                  <td class="act">
                    {write ? (
                      <>
                        <button type="button" class="button small" onClick={() => setOpen(draftOf(p))}>Change</button>{" "}
                        <button type="button" class="button small" onClick={() => remove(p.site)}>Remove</button>
                      </>
                    ) : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

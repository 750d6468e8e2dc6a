// Alerts: what is up, what was, and the rules. A rule is switched here; its numbers are changed by the API.
import { useEffect, useState } from "preact/hooks";
import { kindWord, loadAlerts, raised, valueWord } from "../alerts";
import { api, may } from "../api";
import { formatClock, formatDate, formatTime } from "../time";
import type { Alert, AlertRule } from "../types";
import { Icon } from "../ui/icons";
import { useLoad } from "../ui/load";
import { useList } from "../ui/more";
import { Empty, Failed, Loading } from "../ui/states";

function lasted(a: Alert): string {
  return a.cleared_at ? formatClock((Date.parse(a.cleared_at) - Date.parse(a.raised_at)) / 1000) : "";
}

function Row({ alert: a }: { alert: Alert }) {
  return (
    <tr>
      <td class="num when"><span class="dim">{formatDate(a.raised_at)}</span> {formatTime(a.raised_at)}</td>
      <td>
        {a.cleared_at ? <span class="pill s-ended"><Icon name="ended" size={13} /> Cleared</span> : <span class="pill r-bad"><Icon name="warn" size={13} /> Raised</span>}
      </td>
      <td>{a.rule}</td>
      <td>{kindWord(a.kind)}</td>
      <td>{a.site}{a.subject && a.subject !== a.site ? <span class="dim"> {a.subject}</span> : null}</td>
      <td class="num">{valueWord(a.kind, a.value)}</td>
      <td class="num dim">{valueWord(a.kind, a.threshold)}</td>
      <td class="num">{lasted(a)}</td>
    </tr>
  );
}

function Table({ alerts, what }: { alerts: readonly Alert[]; what: string }) {
  return (
    <div class="table-wrap">
      <table aria-label={what}>
        <thead>
          <tr><th>Raised</th><th>State</th><th>Rule</th><th>What</th><th>Where</th><th class="num">Value</th><th class="num">From</th><th class="num">Lasted</th></tr>
        </thead>
        <tbody>{alerts.map((a) => <Row key={a.id} alert={a} />)}</tbody>
      </table>
    </div>
  );
}

function RuleRow({ rule: r, reload }: { rule: AlertRule; reload: () => void }) {
  const [error, setError] = useState("");
  const flip = () => {
    setError("");
    api.writeAlertRule({ ...r, enabled: !r.enabled }).then(reload, (e: Error) => setError(e.message));
  };
  return (
    <tr>
      <td>{r.name}{error ? <span class="tone-bad"> {error}</span> : null}</td>
      <td>{kindWord(r.kind)}</td>
      <td>{r.site || "each"}</td>
      <td class="num">{valueWord(r.kind, r.raise_at)}</td>
      <td class="num">{valueWord(r.kind, r.clear_at)}</td>
      <td class="num">{formatClock(r.window_seconds)}</td>
      <td class="num">{formatClock(r.hold_seconds)}</td>
      <td class="num">{r.least}</td>
      <td>
        {may("alerts:write") ? (
          <button type="button" class="button small" aria-pressed={r.enabled} onClick={flip}>{r.enabled ? "On" : "Off"}</button>
        ) : r.enabled ? "On" : "Off"}
      </td>
    </tr>
  );
}

function Rules() {
  const rules = useLoad("alert-rules", api.alertRules);
  if (rules.error && !rules.data) return <Failed error={rules.error} retry={rules.reload} />;
  if (!rules.data) return <Loading what="rules" />;
  const sorted = [...rules.data].sort((a, b) => a.name.localeCompare(b.name));
  return (
    <div class="table-wrap">
      <table aria-label="Rules">
        <thead>
          <tr>
            <th>Rule</th><th>What</th><th>Site</th><th class="num">Raise from</th><th class="num">Clear below</th><th class="num">Of the last</th>
            <th class="num">Held for</th><th class="num">Least calls</th><th>Used</th>
          </tr>
        </thead>
        <tbody>{sorted.map((r) => <RuleRow key={r.name} rule={r} reload={rules.reload} />)}</tbody>
      </table>
    </div>
  );
}

export function Alerts() {
  const up = raised.value;
  const history = useList<Alert>("cleared", () => new URLSearchParams({ state: "cleared" }), api.alerts);
  useEffect(() => void loadAlerts(), []);
  useEffect(() => history.reload(), [up?.length]);
  return (
    <div class="view">
      <h1 class="sr">Alerts</h1>
      <section>
        <h2>Now</h2>
        {up === null ? <Loading what="alerts" /> : up.length ? <Table alerts={up} what="Alerts that are up" /> : <Empty title="No alert is up">Rules are looked at every few seconds.</Empty>}
      </section>
      <section>
        <h2>Before</h2>
        {history.error && !history.rows ? <Failed error={history.error} retry={history.reload} /> : null}
        {history.rows?.length ? <Table alerts={history.rows} what="Alerts that are over" /> : history.rows ? <p class="dim">None in the last 90 days.</p> : null}
        {history.hasMore ? <button type="button" class="button" disabled={history.busy} onClick={history.more}>More</button> : null}
      </section>
      <section>
        <h2>Rules</h2>
        <Rules />
      </section>
    </div>
  );
}

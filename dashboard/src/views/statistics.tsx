// Statistics: sites and trunks over the last day, week or month: how many calls, how many answered, how many at once. Range, site and trunk are in the URL.
import { api, may } from "../api";
import { queryOf, setQuery } from "../router";
import { bars, codeWords, percent, question, spanOf, spans, type Bar, type Span, type Wanted } from "../statistics";
import { clockOffset, formatCount, formatDateTime, formatSpan, now } from "../time";
import type { StatisticsRow } from "../types";
import { useLoad } from "../ui/load";
import { Empty, Failed, Loading } from "../ui/states";

const WIDTH = 960;
const HEIGHT = 120;

function words(bar: Bar): string {
  const at = formatDateTime(new Date(bar.at).toISOString());
  const r = bar.row;
  return r ? `${at}: ${r.attempts} calls, ${r.answered} answered (ASR ${percent(r.asr_pct)}), at most ${r.concurrent_max} at once` : `${at}: no calls`;
}

function Chart({ rows, span, at }: { rows: readonly StatisticsRow[]; span: Span; at: number }) {
  const made = bars(rows, span, at);
  const w = WIDTH / made.bars.length;
  const y = (part: number) => HEIGHT - part * (HEIGHT - 8);
  const line = made.bars.map((b, i) => `${i ? "L" : "M"}${((i + 0.5) * w).toFixed(1)} ${y(b.most).toFixed(1)}`).join("");
  const calls = rows.reduce((n, r) => n + r.attempts, 0);
  return (
    <figure class="stat-chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${calls} calls; at most ${made.top} in one step, ${made.mostTop} at once`}>
        {made.bars.map((b, i) => (
          <g key={b.at}>
            <title>{words(b)}</title>
            <rect class="stat-hit" x={i * w} y={0} width={w} height={HEIGHT} />
            <rect class="stat-attempts" x={i * w + w * 0.1} y={y(b.attempts)} width={w * 0.8} height={HEIGHT - y(b.attempts)} />
            <rect class="stat-answered" x={i * w + w * 0.1} y={y(b.answered)} width={w * 0.8} height={HEIGHT - y(b.answered)} />
          </g>
        ))}
        <path class="stat-most" d={line} vector-effect="non-scaling-stroke" />
      </svg>
      <figcaption class="small dim">
        <span class="stat-key stat-key-answered" /> answered <span class="stat-key stat-key-attempts" /> not answered (at most {formatCount(made.top)} calls a bar){" "}
        <span class="stat-key stat-key-most" /> at the same time (at most {formatCount(made.mostTop)})
      </figcaption>
    </figure>
  );
}

function Figures({ rows, what, trunks }: { rows: readonly StatisticsRow[]; what: string; trunks: boolean }) {
  return (
    <div class="table-wrap">
      <table class="grid" aria-label={what}>
        <thead>
          <tr>
            <th>Site</th>{trunks ? <th>Trunk</th> : null}{trunks ? <th>Direction</th> : null}
            <th class="num">{trunks ? "Attempts" : "Calls"}</th><th class="num">Answered</th><th class="num" title="Answer seizure ratio">ASR</th>
            <th class="num" title="Network effectiveness ratio">NER</th><th class="num" title="Average call duration">ACD</th><th class="num" title="Post-dial delay">PDD</th>
            <th class="num">At once</th><th class="num">Erlang</th><th class="num" title="Mean of each call's worst">MOS</th><th>Responses</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={`${r.site} ${r.trunk ?? ""} ${r.direction ?? ""}`}>
              <td>{r.site}</td>{trunks ? <td>{r.trunk}</td> : null}{trunks ? <td>{r.direction}</td> : null}
              <td class="num">{formatCount(r.attempts)}</td>
              <td class="num">{formatCount(r.answered)}</td>
              <td class="num">{percent(r.asr_pct)}</td>
              <td class="num">{percent(r.ner_pct)}</td>
              <td class="num">{formatSpan(r.acd_seconds)}</td>
              <td class="num">{formatSpan(r.pdd_seconds)}</td>
              <td class="num">{formatCount(r.concurrent_max)}</td>
              <td class="num">{r.erlangs === null ? "–" : r.erlangs.toFixed(2)}</td>
              <td class="num">{r.mos_min === null ? "–" : r.mos_min.toFixed(2)}</td>
              <td class="small">{codeWords(r.codes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Choice({ label, name, value, values, any }: { label: string; name: string; value: string; values: readonly string[]; any: string }) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(e) => setQuery({ [name]: e.currentTarget.value })}>
        <option value="">{any}</option>
        {[...new Set([...values, ...(value ? [value] : [])])].map((v) => <option key={v} value={v}>{v}</option>)}
      </select>
    </label>
  );
}

export function Statistics() {
  const w: Wanted = { span: spanOf(queryOf("span")), site: queryOf("site"), trunk: queryOf("trunk") };
  const minute = Math.floor((now.value + clockOffset.value) / 60000) * 60000; // asked again each minute
  const key = `${w.span} ${w.site} ${w.trunk} ${minute}`;
  const chart = useLoad(`chart ${key}`, (s) => api.statistics(question(w, "chart", minute), s));
  const sites = useLoad(`sites ${key}`, (s) => api.statistics(question(w, "sites", minute), s));
  const trunks = useLoad(`trunks ${key}`, (s) => api.statistics(question({ ...w, trunk: "" }, "trunks", minute), s));
  const names = useLoad("site names", api.sites);
  const failed = chart.error ?? sites.error ?? trunks.error;
  const csv = question(w, w.trunk ? "trunks" : "sites", minute);
  csv.set("format", "csv");
  return (
    <div class="view">
      <h1 class="sr">Statistics</h1>
      <div class="search">
        <label class="field">
          <span>Time</span>
          <select value={w.span} onChange={(e) => setQuery({ span: e.currentTarget.value })}>
            {spans.map((s) => <option key={s.span} value={s.span}>{s.word}</option>)}
          </select>
        </label>
        <Choice label="Site" name="site" value={w.site} values={names.data?.map((s) => s.site) ?? []} any="All" />
        <Choice label="Trunk" name="trunk" value={w.trunk} values={(trunks.data ?? []).map((r) => r.trunk ?? "")} any="None: whole calls" />
        {may("quality:read") ? <a class="button" href={api.statisticsUrl(csv)} download>CSV</a> : null}
      </div>
      {failed ? <Failed error={failed} retry={() => { chart.reload(); sites.reload(); trunks.reload(); }} /> : null}
      {!failed && (!chart.data || !sites.data || !trunks.data) ? <Loading what="statistics" /> : null}
      {chart.data ? <Chart rows={chart.data} span={w.span} at={minute} /> : null}
      {sites.data?.length ? <section><h2>Sites</h2><Figures rows={sites.data} what="Sites" trunks={false} /></section> : null}
      {sites.data && !sites.data.length ? <Empty title="No calls in this time">Figures come some seconds after the calls.</Empty> : null}
      {trunks.data?.length ? <section><h2>Trunks</h2><Figures rows={trunks.data} what="Trunks" trunks /></section> : null}
    </div>
  );
}

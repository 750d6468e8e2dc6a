import { api } from "../api";
import { location, setQuery } from "../router";
import { formatBytes, formatClock, formatCount, formatDate, formatTime } from "../time";
import type { Recording } from "../types";
import { Icon } from "../ui/icons";
import { useLoad } from "../ui/load";
import { useList } from "../ui/more";
import { Empty, Failed, Loading } from "../ui/states";

export function StatusPill({ status }: { status: string }) {
  const tone = status === "ready" ? "r-good" : status === "failed" ? "r-bad" : "r-mid";
  return <span class={`pill ${tone}`}>{status === "ready" ? "Ready" : status === "failed" ? "Failed" : "Empty"}</span>;
}

function Row({ recording: r }: { recording: Recording }) {
  const packets = r.channels.reduce((n, c) => n + c.packets, 0);
  const lost = r.channels.reduce((n, c) => n + c.lost, 0);
  return (
    <tr>
      <td class="num when">
        <a data-row class="row-link" href={`/calls/${r.call_id}`}>
          <span class="dim">{r.started_at ? formatDate(r.started_at) : ""}</span> {formatTime(r.started_at)}
        </a>
      </td>
      <td><StatusPill status={r.status} />{r.reason ? <span class="dim"> {r.reason}</span> : null}</td>
      <td class="num">{formatClock(r.duration_seconds)}</td>
      <td class="dim">{r.site}</td>
      <td>{r.channels.map((c) => `${c.role} ${c.codec}`).join(", ")}</td>
      <td class="num">{formatCount(packets)}</td>
      <td class="num">{formatCount(lost)}</td>
      <td class="num">{r.gaps.length || ""}</td>
      <td class="num">{formatBytes(r.size_bytes)}</td>
      <td class="mono dim" title={`SHA-256 ${r.sha256}`}>{r.sha256.slice(0, 12)}</td>
      <td class="act">
        {r.status === "ready" ? (
          <a class="button small" href={api.audioUrl(r)} download={`${r.id}.wav`} aria-label="Download WAV"><Icon name="download" size={14} /> WAV</a>
        ) : null}
      </td>
    </tr>
  );
}

export function Recordings() {
  const params = new URLSearchParams(location.value.query);
  const site = params.get("site") ?? "";
  const status = params.get("status") ?? "";
  const query = () => {
    const q = new URLSearchParams();
    if (site) q.set("site", site);
    if (status) q.set("status", status);
    return q;
  };
  const list = useList<Recording>(`${site}|${status}`, query, api.recordings);
  const sites = useLoad("sites", api.sites);
  return (
    <div class="view">
      <h1 class="sr">Recordings</h1>
      <form class="search" role="search" onSubmit={(e) => e.preventDefault()}>
        <label class="field">
          <span>Site</span>
          <select data-search value={site} onChange={(e) => setQuery({ site: e.currentTarget.value })}>
            <option value="">Any</option>
            {(sites.data ?? []).map((s) => <option key={s.site} value={s.site}>{s.site}</option>)}
          </select>
        </label>
        <label class="field">
          <span>Status</span>
          <select value={status} onChange={(e) => setQuery({ status: e.currentTarget.value })}>
            <option value="">Any</option><option value="ready">Ready</option><option value="failed">Failed</option><option value="empty">Empty</option>
          </select>
        </label>
      </form>
      {list.error ? <Failed error={list.error} retry={list.reload} /> : list.rows === null ? <Loading what="recordings" /> : list.rows.length === 0 ? (
        <Empty title="No recordings">A recording is cut when its call has ended and all its sound is stored.</Empty>
      ) : (
        <>
          <div class="list-head"><span role="status">{formatCount(list.rows.length)}{list.hasMore ? "+" : ""} recordings</span></div>
          <div class="scroll-x" tabIndex={0} role="region" aria-label="Recordings">
            <table class="grid">
              <thead>
                <tr>
                  <th scope="col" class="num when">Started</th><th scope="col">Status</th><th scope="col" class="num">Length</th><th scope="col">Site</th><th scope="col">Channels</th>
                  <th scope="col" class="num">Packets</th><th scope="col" class="num">Lost</th><th scope="col" class="num">Gaps</th><th scope="col" class="num">Size</th>
                  <th scope="col">SHA-256</th><th scope="col"><span class="sr">Download</span></th>
                </tr>
              </thead>
              <tbody>{list.rows.map((r) => <Row key={r.id} recording={r} />)}</tbody>
            </table>
          </div>
          {list.hasMore ? <button type="button" class="button more" disabled={list.busy} onClick={list.more}>More</button> : null}
        </>
      )}
    </div>
  );
}

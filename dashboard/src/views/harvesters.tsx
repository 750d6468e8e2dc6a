// Sites and harvesters: who watches which wire, and whether anything was lost on the way.
import { useEffect } from "preact/hooks";
import { api } from "../api";
import { harvesterNews } from "../feed";
import { formatClock, formatCount, formatDateTime, now, secondsSince } from "../time";
import type { Harvester, Site } from "../types";
import { Icon } from "../ui/icons";
import { useLoad } from "../ui/load";
import { Empty, Failed, Loading } from "../ui/states";

const REFRESH_MS = 5000;

function Health({ harvester: h }: { harvester: Harvester }) {
  if (h.ended) return <span class="pill s-ended"><Icon name="ended" size={13} /> Ended</span>;
  if (h.up) return <span class="pill r-good"><Icon name="live" size={13} /> Up</span>;
  return <span class="pill r-bad"><Icon name="warn" size={13} /> Down</span>;
}

function CounterList({ rows }: { rows: [string, number][] }) {
  return (
    <dl class="counters">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt class="mono">{name}</dt>
          <dd class="num">{formatCount(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Counters({ counters }: { counters: Record<string, number> }) {
  const rows = Object.entries(counters).sort((a, b) => a[0].localeCompare(b[0]));
  const counted = rows.filter(([, value]) => value !== 0);
  const zero = rows.filter(([, value]) => value === 0);
  if (rows.length === 0) return null;
  return (
    <details>
      <summary>{counted.length} counters, {zero.length} more at zero</summary>
      <CounterList rows={counted} />
      {zero.length > 0 ? (
        <details class="zero">
          <summary>At zero</summary>
          <CounterList rows={zero} />
        </details>
      ) : null}
    </details>
  );
}

function Card({ harvester: h }: { harvester: Harvester }) {
  const seen = secondsSince(h.last_seen_at);
  return (
    <article class="card harvester">
      <header>
        <div>
          <h3>{h.name}</h3>
          <p class="dim mono">{h.input || "–"} · {h.version || "version unknown"}{h.live ? "" : " · from a file"}</p>
        </div>
        <Health harvester={h} />
      </header>
      <dl class="facts">
        <div><dt>Packets</dt><dd class="num">{formatCount(h.packets)}</dd></div>
        <div><dt>SIP messages</dt><dd class="num">{formatCount(h.sip_messages)}</dd></div>
        <div><dt>RTP packets</dt><dd class="num">{formatCount(h.rtp_packets)}</dd></div>
        <div><dt>Drops</dt><dd class={`num ${h.drops > 0 ? "tone-bad" : "tone-good"}`}>{formatCount(h.drops)}</dd></div>
        <div><dt>Behind</dt><dd class="num">{formatCount(h.lag_messages)} msg</dd></div>
        <div><dt>Last seen</dt><dd class="num">{seen === null ? "–" : h.ended ? formatDateTime(h.last_seen_at) : `${formatClock(seen)} ago`}</dd></div>
        <div><dt>Started</dt><dd class="num">{formatDateTime(h.started_at)}</dd></div>
        <div><dt>Feed time</dt><dd class="num">{formatDateTime(h.feed_time)}</dd></div>
      </dl>
      <Counters counters={h.counters} />
    </article>
  );
}

function SiteSection({ name, site, harvesters }: { name: string; site: Site | undefined; harvesters: Harvester[] }) {
  return (
    <section class="site">
      <h2>
        {site?.name || name} {site?.name && site.name !== name ? <span class="dim">{name}</span> : null}
        <span class="dim small">
          {site ? `${site.harvesters_up} of ${site.harvesters} up · ${formatCount(site.calls_active)} calls` : ""}
        </span>
        <a class="link" href={`/calls?site=${encodeURIComponent(name)}`}>Calls of this site</a>
      </h2>
      <div class="cards">{harvesters.map((h) => <Card key={h.name} harvester={h} />)}</div>
      {harvesters.length === 0 ? <p class="dim">No harvester has reported here.</p> : null}
    </section>
  );
}

export function Harvesters() {
  const loaded = useLoad("harvesters", async (signal) => {
    const [harvesters, sites] = await Promise.all([api.harvesters(signal), api.sites(signal)]);
    return { harvesters, sites };
  });
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") loaded.reload();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  void now.value;
  if (loaded.error && !loaded.data) return <Failed error={loaded.error} retry={loaded.reload} />;
  if (!loaded.data) return <Loading what="harvesters" />;
  const { sites } = loaded.data;
  // An event is newer than the last answer when it saw the harvester later.
  const harvesters = loaded.data.harvesters.map((h) => {
    const news = harvesterNews.value.get(h.name);
    return news && (news.last_seen_at ?? "") > (h.last_seen_at ?? "") ? news : h;
  });
  const names = [...new Set([...sites.map((s) => s.site), ...harvesters.map((h) => h.site)])].sort();
  return (
    <div class="view">
      <h1 class="sr">Sites and harvesters</h1>
      {names.length === 0 ? (
        <Empty title="No harvester yet">A harvester appears here when it sends its first tick to the centre.</Empty>
      ) : (
        names.map((name) => (
          <SiteSection key={name} name={name} site={sites.find((s) => s.site === name)} harvesters={harvesters.filter((h) => h.site === name)} />
        ))
      )}
    </div>
  );
}

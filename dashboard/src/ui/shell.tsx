// The frame of every view: navigation, state of the feed, zone, theme, who is logged in.
import type { ComponentChildren } from "preact";
import { raised } from "../alerts";
import { api, session } from "../api";
import { feedState, staleSince } from "../feed";
import { nextTheme, theme } from "../prefs";
import { path } from "../router";
import { formatClock, now, setZone, zone } from "../time";
import { Help } from "./help";
import { Icon } from "./icons";
import { helpOpen } from "./keys";
import { ListenPanel } from "./listenpanel";

export const NAV: [string, string, string][] = [
  ["/live", "Live", "live"],
  ["/calls", "Calls", "calls"],
  ["/recordings", "Recordings", "recordings"],
  ["/harvesters", "Harvesters", "sites"],
  ["/rules", "Rules", "rules"],
  ["/alerts", "Alerts", "ringing"],
  ["/agents", "Agents", "agents"],
  ["/statistics", "Statistics", "statistics"],
];

const FEED_WORD = { connecting: "Connecting", live: "Live", stale: "Stale", paused: "Paused" };

export function Logo() {
  return (
    <svg class="logo" width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M9 9l14 14M23 9L9 23" opacity=".5" />
      <path d="M9 9h14v14H9z" />
      <circle cx="9" cy="9" r="3.4" />
      <circle cx="23" cy="9" r="3.4" />
      <circle cx="9" cy="23" r="3.4" />
      <circle cx="23" cy="23" r="3.4" />
    </svg>
  );
}

function StaleBanner() {
  if (feedState.value !== "stale" || staleSince.value === null) return null;
  return (
    <div class="banner" role="alert">
      <Icon name="warn" /> No news from the server for {formatClock((now.value - staleSince.value) / 1000)}: what you see is stale. Reconnecting…
    </div>
  );
}

function Bell() {
  const up = raised.value?.length ?? 0;
  return up ? <span class="pill r-bad" role="status" aria-label={`${up} alerts are up`}>{up > 199 ? "200+" : up}</span> : null;
}

function Tools() {
  const utc = zone.value === "utc";
  return (
    <div class="tools">
      <span class={`feed feed-${feedState.value}`} role="status">
        <span class="feed-dot" aria-hidden="true" />
        {FEED_WORD[feedState.value]}
      </span>
      <button type="button" class="tool" aria-pressed={utc} title="Times in the browser's zone or in UTC" onClick={() => setZone(utc ? "browser" : "utc")}>
        {utc ? "UTC" : "Local"}
      </button>
      <button type="button" class="icon-button" aria-label={`Theme: ${theme.value}`} title={`Theme: ${theme.value}`} onClick={nextTheme}>
        <Icon name={theme.value === "auto" ? "auto" : theme.value === "dark" ? "moon" : "sun"} />
      </button>
      <button type="button" class="icon-button" aria-label="Keys and help" title="Keys and help (?)" onClick={() => (helpOpen.value = true)}>
        <Icon name="help" />
      </button>
      <span class="who" title={session.value?.role ?? ""}>{session.value?.name}</span>
      <button type="button" class="icon-button" aria-label="Log out" title="Log out" onClick={() => void api.logout()}>
        <Icon name="exit" />
      </button>
    </div>
  );
}

export function Shell({ children }: { children: ComponentChildren }) {
  const here = path.value;
  return (
    <div class="shell">
      <a class="skip" href="#main">Skip to content</a>
      <header class="top">
        <a class="brand" href="/live">
          <Logo /> callmesh
        </a>
        <nav aria-label="Views">
          {NAV.map(([href, word, icon]) => (
            <a key={href} href={href} aria-current={here === href || here.startsWith(`${href}/`) ? "page" : undefined}>
              <Icon name={icon} /> <span>{word}</span>
              {href === "/alerts" ? <Bell /> : null}
            </a>
          ))}
        </nav>
        <Tools />
      </header>
      <StaleBanner />
      <main id="main" tabIndex={-1}>{children}</main>
      <ListenPanel />
      <Help />
    </div>
  );
}

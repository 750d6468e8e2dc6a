// The search of calls and its URL: the page's query string is the search, and becomes the API's query.

export interface CallFilter {
  number: string;
  time: string;
  from: string; // absolute, as typed into datetime-local, used when time is "range"
  to: string;
  state: string;
  result: string;
  site: string;
  sip_call_id: string;
  recording_state: string;
  agent: string; // id
  team: string;
}

export const PRESETS: [string, string][] = [
  ["", "Any time"],
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["today", "Today"],
  ["yesterday", "Yesterday"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
  ["range", "From – to"],
];

const KEYS: (keyof CallFilter)[] = ["number", "time", "from", "to", "state", "result", "site", "sip_call_id", "recording_state", "agent", "team"];

export function readFilter(query: string): CallFilter {
  const params = new URLSearchParams(query);
  const filter = {} as CallFilter;
  for (const key of KEYS) filter[key] = params.get(key) ?? "";
  if (!PRESETS.some(([name]) => name === filter.time)) filter.time = "";
  return filter;
}

/** Only what is set, in a fixed order: the same search is always the same URL. */
export function writeFilter(filter: CallFilter): string {
  const params = new URLSearchParams();
  for (const key of KEYS) {
    if ((key === "from" || key === "to") && filter.time !== "range") continue;
    const value = filter[key].trim();
    if (value) params.set(key, value);
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

function startOfDay(at: Date, utc: boolean, days: number): Date {
  return utc
    ? new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + days))
    : new Date(at.getFullYear(), at.getMonth(), at.getDate() + days);
}

function typed(text: string, utc: boolean): Date | null {
  if (!text) return null;
  const at = new Date(utc ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** The two ends of the time chosen; null is open. */
export function timeRange(filter: CallFilter, at: Date, utc: boolean): [Date | null, Date | null] {
  const back = (seconds: number): [Date, null] => [new Date(at.getTime() - seconds * 1000), null];
  switch (filter.time) {
    case "15m":
      return back(900);
    case "1h":
      return back(3600);
    case "7d":
      return back(7 * 86400);
    case "30d":
      return back(30 * 86400);
    case "today":
      return [startOfDay(at, utc, 0), null];
    case "yesterday":
      return [startOfDay(at, utc, -1), startOfDay(at, utc, 0)];
    case "range":
      return [typed(filter.from, utc), typed(filter.to, utc)];
    default:
      return [null, null];
  }
}

export function apiQuery(filter: CallFilter, at: Date, utc: boolean): URLSearchParams {
  const params = new URLSearchParams();
  const [from, to] = timeRange(filter, at, utc);
  if (from) params.set("started_at[gte]", from.toISOString());
  if (to) params.set("started_at[lt]", to.toISOString());
  const who = filter.number.trim();
  if (who) params.set(/^[\d\s+().,/-]+$/.test(who) ? "number" : "q", who); // the box takes numbers and names
  for (const key of ["state", "result", "site", "sip_call_id", "recording_state", "agent", "team"] as const) {
    const value = filter[key].trim();
    if (value) params.set(key, value);
  }
  return params;
}

// Figures of sites and trunks: what is asked for, and where the bars of the chart stand. The server makes sums and ratios.
import type { StatisticsRow } from "./types";

export type Span = "day" | "week" | "month";
type Step = "quarter" | "hour" | "day";

const HOUR = 3600_000;
const SPANS: Record<Span, { ms: number; step: Step; stepMs: number; word: string }> = {
  day: { ms: 24 * HOUR, step: "quarter", stepMs: HOUR / 4, word: "Last day" },
  week: { ms: 7 * 24 * HOUR, step: "hour", stepMs: HOUR, word: "Last 7 days" },
  month: { ms: 31 * 24 * HOUR, step: "day", stepMs: 24 * HOUR, word: "Last 31 days" },
};

export const spans = Object.entries(SPANS).map(([span, s]) => ({ span: span as Span, word: s.word }));

export function spanOf(text: string): Span {
  return text === "week" || text === "month" ? text : "day";
}

export interface Wanted { span: Span; site: string; trunk: string }

/** Begins of steps, the last one being the step of `now`; all in UTC, as the server's are. */
export function stepsOf(span: Span, now: number): number[] {
  const { ms, stepMs } = SPANS[span];
  const last = Math.floor(now / stepMs) * stepMs;
  return Array.from({ length: ms / stepMs }, (_, i) => last - (ms / stepMs - 1 - i) * stepMs);
}

export type Shape = "sites" | "trunks" | "chart";

/** One row a site, one a trunk and direction, or one a step. */
export function question(w: Wanted, shape: Shape, now: number): URLSearchParams {
  const steps = stepsOf(w.span, now);
  const { step, stepMs } = SPANS[w.span];
  const by = shape === "sites" ? "site" : shape === "trunks" ? "site,trunk,direction" : step;
  const query = new URLSearchParams({
    from: new Date(steps[0]!).toISOString(),
    to: new Date(steps[steps.length - 1]! + stepMs).toISOString(),
    by,
  });
  if (w.site) query.set("site", w.site);
  if (w.trunk && shape !== "sites") query.set("trunk", w.trunk);
  return query;
}

export interface Bar { at: number; row: StatisticsRow | null; attempts: number; answered: number; most: number }

/** A bar for each step, also where nothing was; heights from 0 to 1, of the fullest step. */
export function bars(rows: readonly StatisticsRow[], span: Span, now: number): { bars: Bar[]; top: number; mostTop: number } {
  const byTime = new Map(rows.map((r) => [Date.parse(r.at ?? ""), r]));
  const top = Math.max(1, ...rows.map((r) => r.attempts));
  const mostTop = Math.max(1, ...rows.map((r) => r.concurrent_max));
  const made = stepsOf(span, now).map((at) => {
    const row = byTime.get(at) ?? null;
    return { at, row, attempts: (row?.attempts ?? 0) / top, answered: (row?.answered ?? 0) / top, most: (row?.concurrent_max ?? 0) / mostTop };
  });
  return { bars: made, top, mostTop };
}

export function percent(value: number | null): string {
  return value === null ? "–" : `${value.toFixed(1)} %`;
}

/** The most frequent first: "200 × 41, 486 × 3". */
export function codeWords(codes: Readonly<Record<string, number>>, most = 4): string {
  const sorted = Object.entries(codes).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const words = sorted.slice(0, most).map(([code, n]) => `${code} × ${n}`);
  return words.join(", ") + (sorted.length > most ? ", …" : "");
}

// Times and durations as text. The zone is the reader's choice: the browser's own or UTC.
import { signal } from "@preact/signals";
import { loadPref, savePref } from "./prefs";

export type Zone = "browser" | "utc";

export const zone = signal<Zone>(loadPref("zone") === "utc" ? "utc" : "browser");

export function setZone(next: Zone): void {
  zone.value = next;
  savePref("zone", next);
}

/** Ticks once a second while something on the page counts time. */
export const now = signal(Date.now());
/** Server clock minus ours, in ms: live durations tick by the server's clock. */
export const clockOffset = signal(0);

export function startClock(): void {
  setInterval(() => {
    if (document.visibilityState === "visible") now.value = Date.now();
  }, 1000);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(which: Zone, parts: "date" | "time"): Intl.DateTimeFormat {
  const key = which + parts;
  let made = formats.get(key);
  if (!made) {
    const zoneOption = which === "utc" ? { timeZone: "UTC" } : {};
    made =
      parts === "date"
        ? new Intl.DateTimeFormat("en-GB", { year: "numeric", month: "2-digit", day: "2-digit", ...zoneOption })
        : new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", ...zoneOption });
    formats.set(key, made);
  }
  return made;
}

export function formatDate(iso: string, which: Zone = zone.value): string {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return "–";
  // By parts: the order that a locale gives them differs between versions of its data.
  const part = Object.fromEntries(format(which, "date").formatToParts(at).map((p) => [p.type, p.value]));
  return `${part.year}-${part.month}-${part.day}`;
}

export function formatTime(iso: string | null, which: Zone = zone.value, ms = false): string {
  if (!iso) return "–";
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return "–";
  const text = format(which, "time").format(at);
  return ms ? `${text}.${String(((at % 1000) + 1000) % 1000).padStart(3, "0")}` : text;
}

export function formatDateTime(iso: string | null, which: Zone = zone.value, ms = false): string {
  return iso && !Number.isNaN(Date.parse(iso)) ? `${formatDate(iso, which)} ${formatTime(iso, which, ms)}` : "–";
}

/** 75 -> "1:15", 3675 -> "1:01:15". */
export function formatClock(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.floor(seconds));
  const s = String(whole % 60).padStart(2, "0");
  const m = Math.floor(whole / 60) % 60;
  const h = Math.floor(whole / 3600);
  return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

/** Short spans keep their decimals: 0.42 -> "0.42 s", 12.34 -> "12.3 s"; from a minute on a clock. */
export function formatSpan(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds >= 60) return formatClock(seconds);
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

const counts = new Intl.NumberFormat("en-GB");
export function formatCount(n: number | null | undefined): string {
  return n === null || n === undefined ? "–" : counts.format(n);
}

/** How long ago, by the server's clock. */
export function secondsSince(iso: string | null, nowMs: number = now.value + clockOffset.value): number | null {
  if (!iso) return null;
  const at = Date.parse(iso);
  return Number.isNaN(at) ? null : Math.max(0, (nowMs - at) / 1000);
}

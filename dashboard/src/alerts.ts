// Alerts that are up: asked for once, then kept by the events; the bell and the page show them.
import { signal } from "@preact/signals";
import { api } from "./api";
import { onFeed } from "./feed";
import type { Alert, AlertKind } from "./types";

/** Newest first; null: not known (yet, or not allowed). */
export const raised = signal<readonly Alert[] | null>(null);

export function applyAlert(list: readonly Alert[], alert: Alert): readonly Alert[] {
  const others = list.filter((a) => a.id !== alert.id);
  return alert.cleared_at === null ? [alert, ...others] : others;
}

export async function loadAlerts(): Promise<void> {
  try {
    raised.value = (await api.alerts(new URLSearchParams({ state: "raised", limit: "200" }))).data;
  } catch {
    raised.value = null;
  }
}

/** Until the returned function is called. A stream that was broken may have missed some: asked again then. */
export function followAlerts(): () => void {
  void loadAlerts();
  return onFeed((event) => {
    const alert = event.data?.alert;
    if (alert) raised.value = applyAlert(raised.value ?? [], alert);
  });
}

const NAMES: Record<AlertKind, [string, string]> = {
  failed_share: ["Calls that failed", "%"],
  short_calls: ["Calls under 10 s", "%"],
  mos_low: ["Calls of low MOS", "%"],
  one_way: ["One-way audio", "%"],
  loss: ["Packets lost", "%"],
  harvester_away: ["Harvester away", " s"],
  drops: ["Packets dropped", ""],
  recordings_missing: ["Recordings missing", ""],
  certificate_used: ["Certificate not renewed, life used", "%"],
};

export function kindWord(kind: AlertKind): string {
  return NAMES[kind]?.[0] ?? kind;
}

/** At most one decimal, with its unit. */
export function valueWord(kind: AlertKind, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return `${Math.round(value * 10) / 10}${NAMES[kind]?.[1] ?? ""}`;
}

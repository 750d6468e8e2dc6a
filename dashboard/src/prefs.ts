// What the reader chose, kept in the browser. A browser that refuses storage gets the defaults.
import { signal } from "@preact/signals";

const PREFIX = "callmesh.";

export function loadPref(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function savePref(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // private mode: the choice lasts as long as the page
  }
}

export type Theme = "auto" | "light" | "dark";
const THEMES: Theme[] = ["auto", "light", "dark"];
export const theme = signal<Theme>(THEMES.find((t) => t === loadPref("theme")) ?? "auto");

export function applyTheme(): void {
  document.documentElement.dataset["theme"] = theme.value;
}

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
  savePref("theme", theme.value);
  applyTheme();
}

/** Single-letter keys can be turned off (WCAG 2.1.4). */
export const keysOn = signal(loadPref("keys") !== "off");
export function setKeys(on: boolean): void {
  keysOn.value = on;
  savePref("keys", on ? "on" : "off");
}

// Keyboard: j/k walk the rows of a view (focus moves to the row's link, so Enter is the browser's own), / goes to the search.
import { keysOn } from "../prefs";
import { signal } from "@preact/signals";

export const helpOpen = signal(false);

type KeyHandler = (event: KeyboardEvent) => void;
const handlers = new Map<string, KeyHandler>();

/** Registers a key for as long as a view stands; returns how to take it back. */
export function bindKeys(keys: Record<string, KeyHandler>): () => void {
  for (const [key, handler] of Object.entries(keys)) handlers.set(key, handler);
  return () => {
    for (const [key, handler] of Object.entries(keys)) if (handlers.get(key) === handler) handlers.delete(key);
  };
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
}

/** Moves focus among the links marked data-row. */
export function walkRows(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  if (rows.length === 0) return;
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
  rows[next]!.focus();
  rows[next]!.scrollIntoView({ block: "nearest" });
}

export function focusSearch(): void {
  const box = document.querySelector<HTMLInputElement>("[data-search]");
  box?.focus();
  box?.select();
}

export function startKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") (event.target as HTMLElement).blur();
      return;
    }
    if (event.key.length === 1 && !keysOn.value) return;
    if (helpOpen.value && event.key !== "?") return;
    if (event.key === " " && event.target instanceof HTMLElement && /^(BUTTON|A|SUMMARY)$/.test(event.target.tagName)) return;
    const handler = handlers.get(event.key);
    if (!handler) return;
    event.preventDefault();
    handler(event);
  });
}

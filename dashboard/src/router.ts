// Every view is a URL. Links are plain <a href>; a click on one of ours changes the history instead of loading.
import { computed, signal } from "@preact/signals";

export interface Location { path: string; query: string }

export const location = signal<Location>(read());
/** The list that a call was opened from, with its search. */
export const cameFrom = signal("/calls");
export const path = computed(() => location.value.path);

function read(): Location {
  return { path: window.location.pathname, query: window.location.search };
}

export function navigate(url: string, replace = false): void {
  if (url === window.location.pathname + window.location.search) return;
  const old = window.location.pathname;
  if (!replace && !old.startsWith("/calls/")) cameFrom.value = old + window.location.search;
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  const before = location.value.path;
  location.value = read();
  if (!replace && before !== location.value.path) {
    window.scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }
}

/** Changes parameters of the query; an empty value removes one. */
export function setQuery(changes: Record<string, string>): void {
  const params = new URLSearchParams(location.value.query);
  for (const [key, value] of Object.entries(changes)) {
    if (value) params.set(key, value);
    else params.delete(key);
  }
  const text = params.toString();
  navigate(location.value.path + (text ? `?${text}` : ""), true);
}

export function queryOf(name: string): string {
  return new URLSearchParams(location.value.query).get(name) ?? "";
}

export function startRouter(): void {
  if (window.location.pathname === "/") navigate("/live", true);
  window.addEventListener("popstate", () => {
    location.value = read();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a[href]") as HTMLAnchorElement | null;
    if (!link || link.origin !== window.location.origin || link.target || link.hasAttribute("download")) return;
    if (link.pathname.startsWith("/api/") || link.hash) return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}

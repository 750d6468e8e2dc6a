// Keeps the mirror of the mesh true: snapshot, then events from behind it; resumes where it broke; starts over
// on stream.reset. Silence for longer than two heartbeats counts as broken. A tab that nobody sees lets go of its connection.
import { signal } from "@preact/signals";
import { api, session } from "./api";
import { mesh } from "./mesh";
import { SseParser } from "./sse";
import { clockOffset } from "./time";
import type { FeedEvent, Harvester } from "./types";

const SILENCE_MS = 35_000;
const HIDDEN_MS = 60_000;
const BACKOFF_MS = [300, 600, 1200, 2500, 5000, 8000];

export type FeedState = "connecting" | "live" | "stale" | "paused";
export const feedState = signal<FeedState>("connecting");
export const staleSince = signal<number | null>(null);
/** What harvesters said last, by name. */
export const harvesterNews = signal<ReadonlyMap<string, Harvester>>(new Map());

type Listener = (event: FeedEvent) => void;
const listeners = new Set<Listener>();

export function onFeed(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let running: AbortController | null = null;
let cursor = "";
let hiddenTimer = 0;

let staleTimer = 0;

/** A break that heals at once is not worth a banner. */
function stale(): void {
  if (feedState.value === "stale" || staleTimer) return;
  const since = Date.now();
  staleTimer = window.setTimeout(() => {
    feedState.value = "stale";
    staleSince.value = since;
  }, 1500);
}

function alive(): void {
  clearTimeout(staleTimer);
  staleTimer = 0;
  if (feedState.value === "live") return;
  feedState.value = "live";
  staleSince.value = null;
}

function wait(ms: number, abort: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    abort.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });
}

function dispatch(event: FeedEvent): void {
  const { call, harvester } = event.data ?? {};
  if (call) mesh.apply(call, Date.now());
  if (harvester) harvesterNews.value = new Map(harvesterNews.value).set(harvester.name, harvester);
  for (const listener of listeners) listener(event);
}

async function snapshot(abort: AbortSignal): Promise<void> {
  const active = await api.activeCalls(abort);
  mesh.reset(active.data, Date.now());
  cursor = active.stream_cursor ?? "";
}

/** Reads until the stream ends, falls silent or is reset. Returns true when a new snapshot is needed. */
async function follow(outer: AbortSignal): Promise<boolean> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  outer.addEventListener("abort", stop);
  let watchdog = window.setTimeout(stop, SILENCE_MS);
  let reset = false;
  const parser = new SseParser(({ id, event, data }) => {
    if (id) cursor = id;
    if (event === "stream.reset") {
      reset = true;
      stop();
      return;
    }
    try {
      dispatch(JSON.parse(data) as FeedEvent);
    } catch {
      console.warn("callmesh: an event that is not JSON", event);
    }
  });
  try {
    const response = await api.events(cursor, abort.signal);
    const serverDate = Date.parse(response.headers.get("Date") ?? "");
    if (!Number.isNaN(serverDate)) {
      const offset = serverDate - Date.now();
      clockOffset.value = Math.abs(offset) > 2000 ? offset : 0; // Date has whole seconds only
    }
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    alive();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      clearTimeout(watchdog);
      watchdog = window.setTimeout(stop, SILENCE_MS);
      parser.push(value);
    }
  } catch (error) {
    if (!abort.signal.aborted && error instanceof Error && !(error instanceof TypeError)) console.info("callmesh: feed:", error.message);
  } finally {
    clearTimeout(watchdog);
    outer.removeEventListener("abort", stop);
    abort.abort();
  }
  return reset;
}

async function run(abort: AbortSignal): Promise<void> {
  let needSnapshot = true;
  let failures = 0;
  while (!abort.aborted && session.value) {
    try {
      if (needSnapshot) await snapshot(abort);
      needSnapshot = false;
      const began = Date.now();
      needSnapshot = await follow(abort);
      if (needSnapshot || Date.now() - began > 5000) failures = 0;
    } catch {
      needSnapshot = true;
    }
    if (abort.aborted) return;
    stale();
    const pause = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)]!;
    await wait(pause * (0.75 + Math.random() / 2), abort);
  }
}

export function startFeed(): void {
  if (running) return;
  running = new AbortController();
  if (feedState.value !== "stale") feedState.value = "connecting";
  void run(running.signal);
}

export function stopFeed(): void {
  running?.abort();
  running = null;
  clearTimeout(staleTimer);
  staleTimer = 0;
  feedState.value = "connecting";
  staleSince.value = null;
}

/** Hidden for a minute: six connections an origin is all HTTP/1.1 browsers have. */
export function watchVisibility(): void {
  setInterval(() => mesh.sweep(Date.now()), 1000);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenTimer);
    if (document.visibilityState === "hidden") {
      hiddenTimer = window.setTimeout(() => {
        running?.abort();
        running = null;
        clearTimeout(staleTimer);
        staleTimer = 0;
        feedState.value = "paused";
      }, HIDDEN_MS);
    } else if (session.value && !running) startFeed();
  });
}

// A keyset list: the first page follows its query, "more" appends; at MOST rows the reader is asked to narrow the search.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Page } from "../types";

export const MOST = 2000;

export interface Listed<T> { rows: T[] | null; error: Error | null; hasMore: boolean; busy: boolean; more: () => void; reload: () => void }

interface Held<T> { key: string; rows: T[] | null; cursor: string | null; error: Error | null }

/** `key` names the search; `query` makes its parameters when a first page is fetched, so that relative times are taken then. */
export function useList<T>(key: string, query: () => URLSearchParams, fetchPage: (query: URLSearchParams, signal: AbortSignal) => Promise<Page<T>>): Listed<T> {
  const [held, setHeld] = useState<Held<T>>({ key, rows: null, cursor: null, error: null });
  const [busy, setBusy] = useState(false);
  const [turn, setTurn] = useState(0);
  const base = useRef(new URLSearchParams());
  const current = useRef<AbortController | null>(null);

  const fetchNext = (first: boolean, cursor: string | null) => {
    current.current?.abort();
    const abort = (current.current = new AbortController());
    if (first) base.current = query();
    const params = new URLSearchParams(base.current);
    params.set("limit", first ? "100" : "200");
    if (cursor) params.set("cursor", cursor);
    setBusy(true);
    fetchPage(params, abort.signal).then(
      (page) => {
        if (abort.signal.aborted) return;
        setBusy(false);
        const next = page.has_more ? page.next_cursor : null;
        setHeld((old) => ({ key, rows: first ? page.data : [...(old.rows ?? []), ...page.data], cursor: next, error: null }));
      },
      (error: Error) => {
        if (abort.signal.aborted) return;
        setBusy(false);
        setHeld((old) => ({ ...old, key, rows: first ? null : old.rows, error }));
      },
    );
  };
  useEffect(() => {
    const timer = setTimeout(() => fetchNext(true, null), held.rows === null && turn === 0 ? 0 : 150); // typing
    return () => {
      clearTimeout(timer);
      current.current?.abort();
    };
  }, [key, turn]);
  return {
    rows: held.rows,
    error: held.error,
    hasMore: held.cursor !== null && (held.rows?.length ?? 0) < MOST,
    busy,
    more: () => fetchNext(false, held.cursor),
    reload: () => setTurn((t) => t + 1),
  };
}

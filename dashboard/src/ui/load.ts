// A value fetched for a view: loading, there, or failed; a view that goes away stops its request.
import { useEffect, useState } from "preact/hooks";

export interface Loaded<T> { data: T | null; error: Error | null; reload: () => void }

export function useLoad<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string | null; data: T | null; error: Error | null }>({ key: null, data: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (key === null) return undefined;
    const abort = new AbortController();
    load(abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) setState({ key, data, error: null });
      },
      (error: Error) => {
        if (!abort.signal.aborted) setState((old) => ({ key, data: old.key === key ? old.data : null, error }));
      },
    );
    return () => abort.abort();
  }, [key, turn]);
  const mine = state.key === key;
  return { data: mine ? state.data : null, error: mine ? state.error : null, reload: () => setTurn((t) => t + 1) };
}

// The mirror of the live mesh: each open call one signal, replaced only by a higher revision.
// An ended call stays a few seconds on the board; its revision is remembered a while longer, so that a late
// event cannot bring it back.
import { signal, type Signal } from "@preact/signals";
import type { Call } from "./types";

export const LINGER_MS = 5000;
const TOMBSTONES = 4096;

export class Mesh {
  readonly calls = new Map<string, Signal<Call>>();
  /** Moves when the set of calls or a state changed; rows follow their own signals. */
  readonly version = signal(0);
  private readonly tombs = new Map<string, number>();
  private readonly leaving = new Map<string, number>();

  /** Returns true when the call was news. */
  apply(call: Call, nowMs: number): boolean {
    const known = this.calls.get(call.id);
    if (call.merged_into) { // another call shows it; parted again it comes back with a higher revision
      if (known && known.peek().revision >= call.revision) return false;
      this.calls.delete(call.id);
      this.leaving.delete(call.id);
      this.bury(call);
      this.version.value++;
      return true;
    }
    if (known) {
      if (known.peek().revision >= call.revision) return false;
      known.value = call;
    } else {
      const dead = this.tombs.get(call.id);
      if (dead !== undefined && dead >= call.revision) return false;
      if (call.state === "ended") {
        this.bury(call);
        return true;
      }
      this.tombs.delete(call.id);
      this.calls.set(call.id, signal(call));
    }
    if (call.state === "ended") this.leaving.set(call.id, nowMs + LINGER_MS);
    else this.leaving.delete(call.id);
    this.version.value++;
    return true;
  }

  /** A snapshot replaces what is held: calls it does not name are gone. */
  reset(snapshot: Call[], nowMs: number): void {
    const named = new Set<string>();
    for (const call of snapshot) {
      named.add(call.id);
      this.apply(call, nowMs);
    }
    for (const [id, call] of this.calls) {
      if (named.has(id) || this.leaving.has(id)) continue;
      this.bury(call.peek());
      this.calls.delete(id);
    }
    this.version.value++;
  }

  /** Takes calls off the board whose time to linger is over. */
  sweep(nowMs: number): void {
    let moved = false;
    for (const [id, until] of this.leaving) {
      if (until > nowMs) continue;
      const call = this.calls.get(id);
      if (call) this.bury(call.peek());
      this.calls.delete(id);
      this.leaving.delete(id);
      moved = true;
    }
    if (moved) this.version.value++;
  }

  clear(): void {
    this.calls.clear();
    this.leaving.clear();
    this.tombs.clear();
    this.version.value++;
  }

  private bury(call: Call): void {
    this.tombs.delete(call.id);
    this.tombs.set(call.id, call.revision);
    if (this.tombs.size > TOMBSTONES) this.tombs.delete(this.tombs.keys().next().value!);
  }
}

export const mesh = new Mesh();

export interface Counts { ringing: number; talking: number; held: number; total: number }

export function emptyCounts(): Counts {
  return { ringing: 0, talking: 0, held: 0, total: 0 };
}

export function count(counts: Counts, call: Call): void {
  if (call.state === "ended") return;
  counts.total++;
  if (call.state === "answered") counts.talking++;
  else if (call.state === "held") counts.held++;
  else counts.ringing++;
}

import test from "node:test";
import assert from "node:assert/strict";
import { count, emptyCounts, LINGER_MS, Mesh } from "./mesh";
import type { Call, CallState } from "./types";

function call(id: string, revision: number, state: CallState = "answered"): Call {
  return { id, revision, state, site: "main" } as Call;
}
const states = (mesh: Mesh) => [...mesh.calls.values()].map((s) => `${s.peek().id}${s.peek().revision}${s.peek().state}`).sort();

test("only a higher revision replaces a call", () => {
  const mesh = new Mesh();
  assert.equal(mesh.apply(call("a", 3, "answered"), 0), true);
  assert.equal(mesh.apply(call("a", 2, "ringing"), 0), false);
  assert.equal(mesh.apply(call("a", 3, "held"), 0), false);
  assert.deepEqual(states(mesh), ["a3answered"]);
  assert.equal(mesh.apply(call("a", 4, "held"), 0), true);
  assert.deepEqual(states(mesh), ["a4held"]);
});

test("every order of a call's events ends in the same mirror", () => {
  const events = [call("a", 1, "started"), call("a", 2, "ringing"), call("a", 3, "answered"), call("a", 4, "ended")];
  const orders = (list: Call[]): Call[][] => (list.length < 2 ? [list] : list.flatMap((e, i) => orders([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [e, ...rest])));
  for (const order of orders(events)) {
    const mesh = new Mesh();
    for (const event of order) mesh.apply(event, 0);
    mesh.sweep(LINGER_MS + 1);
    for (const event of order) mesh.apply(event, LINGER_MS + 2);
    assert.deepEqual(states(mesh), [], order.map((e) => e.revision).join());
  }
});

test("an ended call lingers, then leaves, and a late event does not bring it back", () => {
  const mesh = new Mesh();
  mesh.apply(call("a", 1), 0);
  mesh.apply(call("a", 2, "ended"), 1000);
  mesh.sweep(1000 + LINGER_MS - 1);
  assert.equal(mesh.calls.size, 1);
  mesh.sweep(1000 + LINGER_MS);
  assert.equal(mesh.calls.size, 0);
  assert.equal(mesh.apply(call("a", 1), 9000), false);
  assert.equal(mesh.calls.size, 0);
});

test("a snapshot takes away what it does not name, and keeps what is newer", () => {
  const mesh = new Mesh();
  mesh.apply(call("a", 5), 0);
  mesh.apply(call("b", 7, "held"), 0);
  mesh.reset([call("b", 6), call("c", 1, "ringing")], 0);
  assert.deepEqual(states(mesh), ["b7held", "c1ringing"]);
});

test("an update of one call moves its own signal and no other", () => {
  const mesh = new Mesh();
  mesh.apply(call("a", 1), 0);
  mesh.apply(call("b", 1), 0);
  const b = mesh.calls.get("b")!.peek();
  mesh.apply(call("a", 2, "held"), 0);
  assert.equal(mesh.calls.get("b")!.peek(), b);
});

test("what is remembered of ended calls is bounded", () => {
  const mesh = new Mesh();
  for (let i = 0; i < 10000; i++) mesh.apply(call(`x${i}`, 2, "ended"), 0);
  const tombs = (mesh as unknown as { tombs: Map<string, number> }).tombs;
  assert.equal(tombs.size, 4096);
  assert.equal(mesh.apply(call("x9999", 1), 0), false);
});

test("counts", () => {
  const counts = emptyCounts();
  for (const state of ["started", "ringing", "early", "answered", "held", "ended"] as CallState[]) count(counts, call("a", 1, state));
  assert.deepEqual(counts, { ringing: 3, talking: 1, held: 1, total: 5 });
});

test("a call that went into another leaves the board, and comes back when they part", () => {
  const m = new Mesh();
  m.apply(call("a", 1, "answered"), 0);
  m.apply({ ...call("a", 2, "answered"), merged_into: "b" }, 0);
  assert.equal(m.calls.size, 0);
  assert.equal(m.apply(call("a", 1, "answered"), 0), false);
  m.apply(call("a", 3, "answered"), 0);
  assert.equal(m.calls.size, 1);
});

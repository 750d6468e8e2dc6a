import test from "node:test";
import assert from "node:assert/strict";
import { segments } from "./views/segments";

const t = (seconds: number) => new Date(seconds * 1000).toISOString();
const bar = (call: Parameters<typeof segments>[0], events: Parameters<typeof segments>[1], end: number) =>
  segments(call, events, end * 1000).map((s) => `${s.kind} ${s.from / 1000}-${s.to / 1000}`);

test("ring, talk, hold, talk", () => {
  const call = { started_at: t(0), ringing_at: t(1), answered_at: t(5) };
  const events = [{ at: t(10), type: "held" }, { at: t(10.5), type: "held" }, { at: t(14), type: "resumed" }];
  assert.deepEqual(bar(call, events, 30), ["setup 0-1", "ring 1-5", "talk 5-10", "hold 10-14", "talk 14-30"]);
});

test("a call that ends on hold, one never answered, one without ringing", () => {
  assert.deepEqual(bar({ started_at: t(0), ringing_at: t(1), answered_at: t(5) }, [{ at: t(10), type: "held" }], 30), ["setup 0-1", "ring 1-5", "talk 5-10", "hold 10-30"]);
  assert.deepEqual(bar({ started_at: t(0), ringing_at: t(1), answered_at: null }, [], 9), ["setup 0-1", "ring 1-9"]);
  assert.deepEqual(bar({ started_at: t(0), ringing_at: null, answered_at: null }, [], 2), ["setup 0-2"]);
  assert.deepEqual(bar({ started_at: t(0), ringing_at: null, answered_at: t(2) }, [], 8), ["setup 0-2", "talk 2-8"]);
});

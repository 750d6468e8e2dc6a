import assert from "node:assert/strict";
import { test } from "node:test";
import { applyAlert, kindWord, valueWord } from "./alerts";
import type { Alert } from "./types";

function alert(id: string, cleared: string | null = null): Alert {
  return { id, rule: "r", kind: "loss", site: "s", subject: "", value: 5, threshold: 3, raised_at: "2026-01-01T00:00:00.000Z", cleared_at: cleared };
}

test("an alert comes once, newest first, and goes when it is cleared", () => {
  let list = applyAlert([], alert("a"));
  list = applyAlert(list, alert("b"));
  list = applyAlert(list, alert("a"));
  assert.deepEqual(list.map((a) => a.id), ["a", "b"]);
  list = applyAlert(list, alert("b", "2026-01-01T00:01:00.000Z"));
  assert.deepEqual(list.map((a) => a.id), ["a"]);
  assert.deepEqual(applyAlert(list, alert("never seen", "2026-01-01T00:01:00.000Z")).map((a) => a.id), ["a"]);
});

test("values have their unit", () => {
  assert.equal(valueWord("loss", 4.96), "5%");
  assert.equal(valueWord("harvester_away", 31.24), "31.2 s");
  assert.equal(valueWord("drops", 7), "7");
  assert.equal(valueWord("drops", null), "–");
  assert.equal(kindWord("one_way"), "One-way audio");
});

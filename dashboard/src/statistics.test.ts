import assert from "node:assert/strict";
import { test } from "node:test";
import { bars, codeWords, percent, question, spanOf, stepsOf } from "./statistics";
import type { StatisticsRow } from "./types";

const NOW = Date.parse("2026-03-01T10:20:30Z");

function row(at: string, attempts: number, answered: number, most: number): StatisticsRow {
  return {
    at, attempts, answered, unfinished: 0, busy: 0, no_answer: 0, canceled: 0, rejected: 0, failed: attempts - answered, redirected: 0, asr_pct: null, ner_pct: null, ser_pct: null,
    seer_pct: null, isa_pct: null, acd_seconds: null, pdd_seconds: null, ring_seconds: null, talk_seconds: 0, mos_min: null, concurrent_max: most, erlangs: 0, codes: {},
  };
}

test("steps end with the one of now, and are those of the server", () => {
  const day = stepsOf("day", NOW);
  assert.equal(day.length, 96);
  assert.equal(new Date(day[95]!).toISOString(), "2026-03-01T10:15:00.000Z");
  assert.equal(new Date(day[0]!).toISOString(), "2026-02-28T10:30:00.000Z");
  assert.equal(stepsOf("week", NOW).length, 168);
  const month = stepsOf("month", NOW);
  assert.equal(month.length, 31);
  assert.equal(new Date(month[30]!).toISOString(), "2026-03-01T00:00:00.000Z");
});

test("the question is for whole steps, up to the end of the one of now", () => {
  const q = question({ span: "week", site: "east", trunk: "" }, "chart", NOW);
  assert.deepEqual(Object.fromEntries(q), { from: "2026-02-22T11:00:00.000Z", to: "2026-03-01T11:00:00.000Z", by: "hour", site: "east" });
  assert.equal(question({ span: "day", site: "", trunk: "t" }, "trunks", NOW).get("by"), "site,trunk,direction");
  assert.equal(question({ span: "day", site: "", trunk: "t" }, "sites", NOW).get("trunk"), null); // a site's calls, not attempts at a trunk
  assert.equal(question({ span: "day", site: "", trunk: "t" }, "chart", NOW).get("trunk"), "t");
});

test("a step without calls is a gap of its own", () => {
  const made = bars([row("2026-03-01T09:45:00.000Z", 10, 5, 4), row("2026-03-01T10:15:00.000Z", 20, 20, 2)], "day", NOW);
  assert.deepEqual([made.top, made.mostTop], [20, 4]);
  assert.deepEqual(made.bars.slice(-3).map((b) => [b.attempts, b.answered, b.most]), [[0.5, 0.25, 1], [0, 0, 0], [1, 1, 0.5]]);
  assert.equal(made.bars[95]!.row?.answered, 20);
  assert.equal(bars([], "day", NOW).top, 1);
});

test("words", () => {
  assert.equal(percent(null), "–");
  assert.equal(percent(43.75), "43.8 %");
  assert.equal(codeWords({ "486": 3, "200": 41, none: 3 }), "200 × 41, 486 × 3, none × 3");
  assert.equal(codeWords({ "200": 5, "486": 4, "480": 3, "503": 2, "404": 1 }), "200 × 5, 486 × 4, 480 × 3, 503 × 2, …");
  assert.equal(codeWords({}), "");
  assert.equal(spanOf("century"), "day");
});

import test from "node:test";
import assert from "node:assert/strict";
import { formatBytes, formatClock, formatDateTime, formatSpan, formatTime, secondsSince } from "./time";

test("clock", () => {
  for (const [seconds, text] of [[0, "0:00"], [59.9, "0:59"], [60, "1:00"], [75, "1:15"], [3599, "59:59"], [3600, "1:00:00"], [36061, "10:01:01"], [-3, "0:00"]] as const) assert.equal(formatClock(seconds), text);
  assert.equal(formatClock(null), "–");
  assert.equal(formatClock(NaN), "–");
});

test("spans", () => {
  for (const [seconds, text] of [[0.42, "0.42 s"], [9.999, "10.00 s"], [12.34, "12.3 s"], [61, "1:01"]] as const) assert.equal(formatSpan(seconds), text);
  assert.equal(formatSpan(null), "–");
});

test("times in UTC, with milliseconds, before 1970, and what is not a time", () => {
  assert.equal(formatDateTime("2006-11-20T23:59:59.007Z", "utc", true), "2006-11-20 23:59:59.007");
  assert.equal(formatTime("1969-12-31T23:59:59.250Z", "utc", true), "23:59:59.250");
  assert.equal(formatTime("2026-01-01T00:00:00.000Z", "utc"), "00:00:00");
  assert.equal(formatTime(null, "utc"), "–");
  assert.equal(formatDateTime("soon", "utc"), "–");
});

test("bytes", () => {
  for (const [bytes, text] of [[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [57_600_000, "58 MB"], [3.2e12, "3.2 TB"]] as const) assert.equal(formatBytes(bytes), text);
});

test("ages do not go below zero", () => {
  const at = Date.parse("2026-11-20T20:00:00Z");
  assert.equal(secondsSince("2026-11-20T20:00:00.000Z", at + 5000), 5);
  assert.equal(secondsSince("2026-11-20T20:00:10.000Z", at), 0);
  assert.equal(secondsSince(null, at), null);
});

import test from "node:test";
import assert from "node:assert/strict";
import { apiQuery, readFilter, timeRange, writeFilter } from "./filter";

const at = new Date("2026-11-20T15:30:00Z");

test("a search goes to the URL and back", () => {
  for (const url of ["", "?number=%2B49+30+1234", "?number=4711&time=7d&state=answered&site=main", "?time=range&from=2026-11-01T10%3A00&to=2026-11-02T10%3A00", "?sip_call_id=a%40b&recording_state=ready", "?result=busy", "?agent=1c7c4980-dc19-44d0-917a-f93ec2b86f9e&team=sales+north"]) {
    assert.equal(writeFilter(readFilter(url)), url);
  }
});

test("the same search is the same URL whatever the order; unknown parameters and presets go", () => {
  assert.equal(writeFilter(readFilter("?site=a&number=1")), "?number=1&site=a");
  assert.equal(writeFilter(readFilter("?time=century&x=1&from=2026-01-01T00:00")), "");
});

test("presets", () => {
  const range = (time: string, more = {}) => timeRange({ ...readFilter(""), time, ...more }, at, true).map((d) => d?.toISOString() ?? null);
  assert.deepEqual(range("15m"), ["2026-11-20T15:15:00.000Z", null]);
  assert.deepEqual(range("today"), ["2026-11-20T00:00:00.000Z", null]);
  assert.deepEqual(range("yesterday"), ["2026-11-19T00:00:00.000Z", "2026-11-20T00:00:00.000Z"]);
  assert.deepEqual(range(""), [null, null]);
  assert.deepEqual(range("range", { from: "2026-11-01T10:00", to: "nonsense" }), ["2026-11-01T10:00:00.000Z", null]);
});

test("numbers go to number, names to q", () => {
  const query = (number: string) => apiQuery({ ...readFilter(""), number }, at, true);
  assert.equal(query("+49 (30) 12-34").get("number"), "+49 (30) 12-34");
  assert.equal(query("+49 (30) 12-34").get("q"), null);
  assert.equal(query("Vogel").get("q"), "Vogel");
  assert.equal(query("sip:1041@pbx").get("q"), "sip:1041@pbx");
  assert.equal(query("   ").toString(), "");
});

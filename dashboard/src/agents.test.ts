import test from "node:test";
import assert from "node:assert/strict";
import { agentBody, agentNamed, agentWords, csvPieces, extensionWords, validity, withEnd } from "./agents";
import type { Agent, Extension } from "./types";

const ann = { id: "1", name: "Ann Otter", team: "sales", side: "caller" as const, matched_by: "user" as const };
const ext = (part: Partial<Extension>): Extension => ({ site: "", kind: "user", value: "101", valid_from: null, valid_to: null, ...part });

test("agents in words", () => {
  assert.equal(agentWords(undefined), "");
  assert.equal(agentWords([]), "");
  assert.equal(agentWords([ann, { ...ann, name: "Bo", team: "" }]), "Ann Otter (sales), Bo");
  assert.ok(agentNamed([ann], "otter") && agentNamed([ann], "sal") && !agentNamed([ann], "bo") && !agentNamed(undefined, "a"));
});

test("an extension is for a time", () => {
  const at = Date.parse("2026-11-20T12:00:00Z");
  assert.equal(validity(ext({}), at), "now");
  assert.equal(validity(ext({ valid_to: "2026-11-20T12:00:00Z" }), at), "over"); // to the end, without it
  assert.equal(validity(ext({ valid_from: "2026-11-20T12:00:00Z" }), at), "now");
  assert.equal(validity(ext({ valid_from: "2026-11-20T12:00:00.001Z" }), at), "later");
  assert.equal(extensionWords(ext({ site: "par", kind: "address", value: "10.0.0.1" })), "par: 10.0.0.1 (phone)");
});

test("one extension ends, the others stay; one to come never begins", () => {
  const agent: Agent = { id: "1", name: "Ann", team: "t", created_at: "2026-01-01T00:00:00Z", removed_at: null, extensions: [ext({}), ext({ value: "102", valid_from: "2027-01-01T00:00:00.000Z" })] };
  const at = "2026-11-20T12:00:00.000Z";
  assert.deepEqual(withEnd(agent, at, 0).extensions.map((x) => x.valid_to), [at, null]);
  assert.deepEqual(withEnd(agent, at, 1).extensions.map((x) => x.valid_to), [null, "2027-01-01T00:00:00.000Z"]);
});

test("the form as the API wants it", () => {
  const body = agentBody({ name: " Ann ", team: "", extensions: [ext({ value: " 101 ", valid_to: "2026-12-01T00:00:00+01:00" }), ext({ value: " " }), ext({ value: "9", valid_from: "soon" })] });
  assert.equal(body.name, "Ann");
  assert.deepEqual(body.extensions.map((x) => [x.value, x.valid_from, x.valid_to]), [["101", null, "2026-11-30T23:00:00.000Z"], ["9", "soon", null]]);
});

test("a CSV file in pieces: the header again, each line once, none in two", () => {
  const lines = Array.from({ length: 400 }, (_, i) => `Agent ${i},team,${1000 + i}`);
  const pieces = csvPieces(`\ufeffname,team,value\r\n${lines.join("\r\n")}\r\n`);
  assert.ok(pieces.length > 3);
  for (const p of pieces) assert.ok(p.text.startsWith("name,team,value\n") && new TextEncoder().encode(p.text).length <= 1900, p.text);
  assert.deepEqual(pieces.flatMap((p) => p.text.split("\n").slice(1, -1)), lines);
  assert.equal(pieces[0]!.line, 2);
  assert.equal(pieces[1]!.line, 2 + pieces[0]!.text.split("\n").length - 2);
});

test("a line's end within quotes ends no line", () => {
  const pieces = csvPieces('name,team\n"Berg,\nBo","a ""b"""\n\nAnn,x', 30);
  assert.deepEqual(pieces, [
    { line: 2, text: 'name,team\n"Berg,\nBo","a ""b"""\n' },
    { line: 5, text: "name,team\nAnn,x\n" },
  ]);
  assert.deepEqual(csvPieces(""), []);
  assert.deepEqual(csvPieces("name\n"), []);
  assert.deepEqual(csvPieces('name\n"x\ny'), [{ line: 2, text: 'name\n"x\ny\n' }]); // without an end: the server refuses it, with its line
  assert.equal(csvPieces(`name\n${"x".repeat(3000)}\nB`).length, 2);
});

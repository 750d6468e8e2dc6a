import test from "node:test";
import assert from "node:assert/strict";
import { policyWords, ruleDoes, ruleMatches } from "./rules";
import type { RecordingRuleNew } from "./types";

const rule = (part: Partial<RecordingRuleNew>): RecordingRuleNew => ({
  name: "r", position: 1, action: "all", percent: null, site: "", direction: "", number: "", from_number: "", to_number: "", sip_user: "", peer: null,
  after_answer: false, early_media: true, sides: "both", pause_code: "", resume_code: "", pause_seconds: null, ...part,
});

test("what a rule matches", () => {
  assert.equal(ruleMatches(rule({})), "every call");
  assert.equal(ruleMatches(rule({ site: "par", direction: "inbound", to_number: "49", peer: "192.0.2.0/24" })), "site par, inbound, to 49…, peer 192.0.2.0/24");
  assert.equal(ruleMatches(rule({ agent: "1", team: "sales" }), [{ id: "1", name: "Ann" }]), "agent Ann, team sales");
  assert.equal(ruleMatches(rule({ agent: "1" })), "agent 1"); // one that is not in the list
});

test("what it does", () => {
  assert.equal(ruleDoes(rule({})), "Record");
  assert.equal(ruleDoes(rule({ action: "none", sides: "caller" })), "Do not record");
  assert.equal(ruleDoes(rule({ action: "percent", percent: 12.5, after_answer: true, early_media: false, sides: "callee", pause_code: "*9" })), "12.5 % of calls, answered calls only, from the answer on, callee only, *9 pauses");
});

test("what became of a call", () => {
  const p = { decision: "skip" as const, reason: "none", rule: "trunk", by: null, sides: "both", from_answer: false };
  assert.equal(policyWords(null), "");
  assert.equal(policyWords(p), "Not recorded (rule trunk).");
  assert.equal(policyWords({ ...p, reason: "on_demand" }), "Recorded on demand only (rule trunk).");
  assert.equal(policyWords({ ...p, decision: "record", reason: "asked", rule: null, by: "user:ann" }), "Recorded because user:ann asked for it.");
  assert.equal(policyWords({ ...p, decision: "record", reason: "all" }), "");
});

import test from "node:test";
import assert from "node:assert/strict";
import { endWords, eventWords, evidenceWords, relationWords } from "./story";

const say = (type: string, detail = "", side: "caller" | "callee" | null = null, sip_status: number | null = null) => {
  const w = eventWords({ type, detail, side, sip_status });
  return w.rest ? `${w.text} | ${w.rest}` : w.text;
};

test("events in plain words", () => {
  assert.equal(say("held", "sendonly", "caller"), "The caller put the other on hold");
  assert.equal(say("held", "zero_address", "callee"), "The callee put the other on hold (old way, c=0.0.0.0)");
  assert.equal(say("transferred", "blind: 200 sends 100 to 300", "callee", 200), "200 transferred 100 to 300 (blind)");
  assert.equal(say("transfer_failed", "attended: 200 sends 100 to 300", "callee", 486), "200 could not transfer 100 to 300 (486)");
  assert.equal(say("parked", "park: 200 sends 100 to park7", "callee", 200), "200 parked 100 at park7");
  assert.equal(say("glare", "both asked at once", "caller", 491), "Both sides wanted to change the session at once (491)");
  assert.equal(say("legs_joined", "leg by box: score 80"), "Joined with another leg | leg by box: score 80");
  assert.equal(say("leg_started", "x"), "Leg started | x");
  assert.equal(say("something_new", "x"), "Something new | x");
});

test("ends, relations and evidence", () => {
  assert.equal(endWords({ end_reason: "bye", end_assumed: false }), null);
  assert.equal(endWords({ end_reason: "media_silence", end_assumed: true }), "no end was seen: nothing was heard any more");
  assert.equal(relationWords("consult"), "consultation before the transfer");
  assert.equal(relationWords("new_one"), "new one");
  assert.equal(evidenceWords("sdp_origin"), "the same SDP origin");
});

import assert from "node:assert/strict";
import test from "node:test";
import { draftOf, EMPTY, planBody, planWords } from "./dialplan";

test("a plan goes through the form and back", () => {
  const body = planBody({ ...EMPTY, site: " main ", country_code: "+49", trunk_prefix: "0", international_prefixes: "00, 010,", extension_lengths: "3,4", number_base: "+4930123" });
  assert.deepEqual(body.international_prefixes, ["00", "010"]);
  assert.deepEqual(body.extension_lengths, [3, 4]);
  assert.equal(body.site, "main");
  assert.equal(body.country_code, "49");
  assert.equal(body.plain, "none");
  assert.deepEqual(planBody(draftOf(body)), body);
  assert.equal(
    planWords({ ...body, updated_at: "", updated_by: "" }),
    "+49, trunk prefix 0, international 00, 010, extensions of 3 or 4 digits, behind +4930123",
  );
});

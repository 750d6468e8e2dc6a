// Checks what the development server sends against services/api/openapi.yaml: a page tested against a lie is not tested.
import { existsSync, readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import { parse } from "yaml";

const candidates = [process.env.CALLMESH_OPENAPI, new URL("../../../services/api/openapi.yaml", import.meta.url).pathname];

export function loadContract() {
  const file = candidates.find((path) => path && existsSync(path));
  if (!file) return null;
  const doc = parse(readFileSync(file, "utf8"), { merge: true });
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(doc, "openapi");
  const compiled = new Map();
  const failures = [];

  function validator(name) {
    if (!compiled.has(name)) compiled.set(name, ajv.compile({ $ref: `openapi#/components/schemas/${name}` }));
    return compiled.get(name);
  }
  function check(name, value, where) {
    const validate = validator(name);
    if (validate(value)) return true;
    const text = `${where}: ${name}: ${ajv.errorsText(validate.errors).slice(0, 300)}`;
    failures.push(text);
    console.error("contract:", text);
    return false;
  }
  return { check, failures, file, has: (name) => name in doc.components.schemas };
}

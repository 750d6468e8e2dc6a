// Dial plans: what the form says as the API wants it, and a plan in words.
import type { DialPlan, DialPlanNew } from "./types";

export type DialDraft = Record<keyof DialPlanNew, string>;

const DIGITS = ["site", "country_code", "area_code", "trunk_prefix", "number_base"] as const;
const PREFIXES = ["international_prefixes", "outside_prefixes", "short_numbers"] as const;
const LENGTHS = ["extension_lengths", "national_lengths", "local_lengths"] as const;

export const LABELS: [keyof DialPlanNew, string, string][] = [
  ["site", "Site", "*: all without a plan"], ["country_code", "Country code", "49"], ["area_code", "Area code", "30"], ["trunk_prefix", "Trunk prefix", "0"],
  ["international_prefixes", "International prefixes", "00"], ["outside_prefixes", "Outside line", "0"], ["short_numbers", "Short numbers", "110,112"],
  ["extension_lengths", "Digits of an extension", "3,4"], ["local_lengths", "Digits of a local number", "7,8"], ["national_lengths", "Digits of a national number", "9,10,11"],
  ["number_base", "Before an extension, in E.164", "4930123"],
];

export const EMPTY: DialDraft = {
  site: "", country_code: "", area_code: "", trunk_prefix: "", number_base: "", international_prefixes: "", outside_prefixes: "", short_numbers: "",
  extension_lengths: "", national_lengths: "", local_lengths: "", plain: "none",
};

export function draftOf(p: DialPlanNew): DialDraft {
  const draft = { ...EMPTY, plain: p.plain as string };
  for (const k of DIGITS) draft[k] = p[k];
  for (const k of [...PREFIXES, ...LENGTHS]) draft[k] = p[k].join(",");
  return draft;
}

export function planBody(d: DialDraft): DialPlanNew {
  const list = (text: string) => text.split(",").map((x) => x.trim()).filter(Boolean);
  const numbers = (text: string) => list(text).map(Number);
  return {
    site: d.site.trim(), country_code: d.country_code.trim().replace(/^\+/, ""), area_code: d.area_code.trim(), trunk_prefix: d.trunk_prefix.trim(),
    number_base: d.number_base.trim().replace(/^\+/, ""),
    international_prefixes: list(d.international_prefixes), outside_prefixes: list(d.outside_prefixes), short_numbers: list(d.short_numbers),
    extension_lengths: numbers(d.extension_lengths), national_lengths: numbers(d.national_lengths), local_lengths: numbers(d.local_lengths),
    plain: d.plain as DialPlanNew["plain"],
  };
}

/** "+49, area 30, trunk prefix 0, outside line 0, extensions of 4 digits" */
export function planWords(p: DialPlan): string {
  const words = [`+${p.country_code}`];
  if (p.area_code) words.push(`area ${p.area_code}`);
  if (p.trunk_prefix) words.push(`trunk prefix ${p.trunk_prefix}`);
  if (p.international_prefixes.length) words.push(`international ${p.international_prefixes.join(", ")}`);
  if (p.outside_prefixes.length) words.push(`outside line ${p.outside_prefixes.join(", ")}`);
  if (p.extension_lengths.length) words.push(`extensions of ${p.extension_lengths.join(" or ")} digits`);
  if (p.number_base) words.push(`behind +${p.number_base}`);
  if (p.plain !== "none") words.push(`other digits are ${p.plain}`);
  return words.join(", ");
}

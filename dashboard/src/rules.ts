// Rules of recording, in words.
import type { RecordingPolicy, RecordingRuleNew } from "./types";

export const ACTION: Record<RecordingRuleNew["action"], string> = { all: "Record", none: "Do not record", on_demand: "On demand", percent: "A share" };
export const DIRECTION: Record<string, string> = { "": "Any", inbound: "Inbound", outbound: "Outbound", internal: "Internal", transit: "Transit" };
export const SIDES: Record<string, string> = { both: "Both", caller: "Caller only", callee: "Callee only" };

/** What a rule matches. */
export function ruleMatches(r: RecordingRuleNew, agents: { id: string; name: string }[] = []): string {
  const parts = [
    r.site && `site ${r.site}`, r.direction && DIRECTION[r.direction]!.toLowerCase(), r.number && `number ${r.number}…`, r.from_number && `from ${r.from_number}…`,
    r.to_number && `to ${r.to_number}…`, r.sip_user && `user ${r.sip_user}`, r.agent && `agent ${agents.find((a) => a.id === r.agent)?.name ?? r.agent}`, r.team && `team ${r.team}`, r.peer && `peer ${r.peer}`,
  ].filter(Boolean);
  return parts.length ? parts.join(", ") : "every call";
}

/** What it does with them. */
export function ruleDoes(r: RecordingRuleNew): string {
  const parts = [r.action === "percent" ? `${r.percent ?? 0} % of calls` : ACTION[r.action]];
  if (r.action !== "none") {
    if (r.after_answer) parts.push("answered calls only");
    if (!r.early_media) parts.push("from the answer on");
    if (r.sides !== "both") parts.push(SIDES[r.sides]!.toLowerCase());
    if (r.pause_code) parts.push(`${r.pause_code} pauses`);
  }
  return parts.join(", ");
}

/** Why a call is not recorded, or by whose wish it is; "" when there is nothing to say. */
export function policyWords(p: RecordingPolicy | null): string {
  if (!p) return "";
  const rule = p.rule ? ` (rule ${p.rule})` : "";
  if (p.decision === "record") return p.reason === "asked" ? `Recorded because ${p.by ?? "someone"} asked for it.` : "";
  const why: Record<string, string> = { none: "Not recorded", on_demand: "Recorded on demand only", percent: "Not in the share that is recorded", not_answered: "Not recorded: it was not answered" };
  return `${why[p.reason] ?? "Not recorded"}${rule}.`;
}

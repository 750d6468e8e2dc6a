// The director's list: who is who, in words; a CSV file cut into the pieces that one request takes.
import type { Agent, AgentNew, CallAgent, Extension, ExtensionNew } from "./types";

/** "Ann Otter (sales)"; a caller and a callee of one call stand in that order. */
export function agentWords(agents: CallAgent[] | undefined): string {
  return (agents ?? []).map((a) => (a.team ? `${a.name} (${a.team})` : a.name)).join(", ");
}

export function matchWords(by: CallAgent["matched_by"]): string {
  return by === "user" ? "SIP user" : by === "number" ? "number" : "phone's address";
}

export function agentNamed(agents: CallAgent[] | undefined, text: string): boolean {
  return (agents ?? []).some((a) => a.name.toLowerCase().includes(text) || a.team.toLowerCase().includes(text));
}

/** Now, later, over: by the times of an extension. */
export function validity(x: Extension, at: number): "now" | "later" | "over" {
  if (x.valid_to !== null && Date.parse(x.valid_to) <= at) return "over";
  return x.valid_from !== null && Date.parse(x.valid_from) > at ? "later" : "now";
}

export function extensionWords(x: Extension): string {
  return `${x.site ? `${x.site}: ` : ""}${x.value}${x.kind === "address" ? " (phone)" : ""}`;
}

/** The agent with this extension at an end; all else as it is. */
export function withEnd(agent: Agent, at: string, index: number): AgentNew {
  const extensions = agent.extensions.map((x, i) => (i === index ? { ...x, valid_to: x.valid_from !== null && x.valid_from > at ? x.valid_from : at } : x));
  return { name: agent.name, team: agent.team, extensions };
}

/** What the form says as the API wants it: lines without a value are no extensions, an empty time is for ever. */
export function agentBody(draft: AgentNew): AgentNew {
  const time = (text: string | null) => (text && !Number.isNaN(Date.parse(text)) ? new Date(text).toISOString() : text || null);
  const extensions: ExtensionNew[] = draft.extensions
    .filter((x) => x.value.trim())
    .map((x) => ({ site: x.site.trim(), kind: x.kind, value: x.value.trim(), valid_from: time(x.valid_from), valid_to: time(x.valid_to) }));
  return { name: draft.name.trim(), team: draft.team.trim(), extensions };
}

/** Lines of a CSV text; a line's end within quotes ends none. */
function records(text: string): { line: number; text: string }[] {
  const found: { line: number; text: string }[] = [];
  let begin = 0;
  let line = 1;
  let first = 1;
  let quoted = false;
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    if (i < text.length && text[i] !== "\n") continue;
    if (text[i] === "\n") line++;
    if (quoted && i < text.length) continue;
    const record = text.slice(begin, i).replace(/\r$/, "");
    if (record.trim()) found.push({ line: first, text: record });
    begin = i + 1;
    first = line;
  }
  return found;
}

export interface CsvPiece { line: number; text: string }

/** Pieces of at most `most` bytes, the header again before each. A line that is longer alone goes alone: the server says what is wrong with it. */
export function csvPieces(text: string, most = 1900): CsvPiece[] {
  const [header, ...rows] = records(text.replace(/^\ufeff/, ""));
  if (!header) return [];
  const bytes = (s: string) => new TextEncoder().encode(s).length;
  const pieces: CsvPiece[] = [];
  let room = 0;
  for (const row of rows) {
    const n = bytes(row.text) + 1;
    if (!pieces.length || n > room) {
      pieces.push({ line: row.line, text: `${header.text}\n` });
      room = most - bytes(header.text) - 1;
    }
    pieces[pieces.length - 1]!.text += `${row.text}\n`;
    room -= n;
  }
  return pieces;
}

import test from "node:test";
import assert from "node:assert/strict";
import { SseParser, type ServerEvent } from "./sse";

const text = ': hi\nretry: 2000\n\nid: e-1\nevent: call.started\ndata: {"a":1}\n\n: beat\n\nid: e-2\r\nevent: call.ended\r\ndata: x\r\ndata: y\r\n\r\ndata: plain\n\nid: e-3\nevent: stream.reset\n\n';

function parse(chunks: string[]): { events: ServerEvent[]; comments: number } {
  const events: ServerEvent[] = [];
  let comments = 0;
  const parser = new SseParser((e) => events.push(e), () => comments++);
  for (const chunk of chunks) parser.push(chunk);
  return { events, comments };
}

test("events, ids, joined data, comments", () => {
  const { events, comments } = parse([text]);
  assert.equal(comments, 2);
  assert.deepEqual(events, [
    { id: "e-1", event: "call.started", data: '{"a":1}' },
    { id: "e-2", event: "call.ended", data: "x\ny" },
    { id: "e-2", event: "message", data: "plain" },
    { id: "e-3", event: "stream.reset", data: "" },
  ]);
});

test("the same at every split", () => {
  const whole = parse([text]);
  for (let at = 0; at <= text.length; at++) assert.deepEqual(parse([text.slice(0, at), text.slice(at)]), whole, `split at ${at}`);
});

test("an event that is too large is dropped and counted, the next one arrives", () => {
  const seen: string[] = [];
  const parser = new SseParser((e) => seen.push(e.data));
  const piece = "z".repeat(1 << 16);
  parser.push("data: ");
  for (let i = 0; i < 20; i++) parser.push(piece);
  parser.push("\n\ndata: next\n\n");
  assert.deepEqual(seen, ["next"]);
  assert.equal(parser.dropped, 1);
});

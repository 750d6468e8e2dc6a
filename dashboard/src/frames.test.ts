import test from "node:test";
import assert from "node:assert/strict";
import { FrameParser, KIND_AUDIO, KIND_TEXT, readAudio } from "./frames";

function frame(kind: number, flags: number, body: number[]): number[] {
  return [kind, flags, body.length & 0xff, body.length >> 8, ...body];
}

const audioBody = [2, 1, 0xff, 0xfe, 0xf0, 0xff, 0xff, 0xff, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0, 9, 8, 7];
const bytes = Uint8Array.from([
  ...frame(1, 0, [...new TextEncoder().encode('{"rate":8000}')]),
  ...frame(1, 0, []),
  ...frame(2, 3, audioBody),
  ...frame(9, 0, [1, 2]),
  ...frame(2, 0, new Array(700).fill(0x55)),
]);

function parse(chunks: Uint8Array[]): string[] {
  const seen: string[] = [];
  const parser = new FrameParser((kind, flags, body) => seen.push(`${kind}/${flags}/${Array.from(body).join(",")}`));
  for (const chunk of chunks) parser.push(chunk);
  return seen;
}

test("frames come out the same at every split in two", () => {
  const whole = parse([bytes]);
  assert.equal(whole.length, 5);
  for (let at = 0; at <= bytes.length; at++) assert.deepEqual(parse([bytes.subarray(0, at), bytes.subarray(at)]), whole, `split at ${at}`);
});

test("frames come out the same byte by byte", () => {
  assert.deepEqual(parse(Array.from(bytes, (b) => Uint8Array.of(b))), parse([bytes]));
});

test("a frame that is one byte short is not delivered", () => {
  assert.equal(parse([bytes.subarray(0, bytes.length - 1)]).length, 4);
});

test("the largest frame fits", () => {
  const big = Uint8Array.from(frame(2, 0, new Array(0xffff).fill(1)));
  const seen: number[] = [];
  const parser = new FrameParser((_k, _f, body) => seen.push(body.length));
  parser.push(big.subarray(0, 40000));
  parser.push(big.subarray(40000));
  assert.deepEqual(seen, [0xffff]);
});

test("an audio body is read little-endian, and refused when too short", () => {
  const audio = readAudio(3, Uint8Array.from(audioBody))!;
  assert.equal(audio.side, 2);
  assert.equal(audio.codec, 1);
  assert.equal(audio.seq, 0xfeff);
  assert.equal(audio.timestamp, 0xfffffff0);
  assert.equal(audio.atUs, 1_000_000);
  assert.equal(audio.gap, true);
  assert.equal(audio.moved, true);
  assert.deepEqual([...audio.payload], [9, 8, 7]);
  for (let n = 0; n < 16; n++) assert.equal(readAudio(0, Uint8Array.from(audioBody.slice(0, n))), null);
  assert.equal(KIND_TEXT, 1);
  assert.equal(KIND_AUDIO, 2);
});

import test from "node:test";
import assert from "node:assert/strict";
import { RATE, SideRing } from "./ring";

const PTIME = 160;
const MS = RATE / 1000;

/** A packet whose samples carry their own time stamp, so that order can be read off the output. */
function packet(timestamp: number, count = PTIME): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (timestamp + i) >>> 0);
}
const push = (ring: SideRing, ts: number, count = PTIME) => ring.push(ts >>> 0, packet(ts, count), count);
const read = (ring: SideRing, n: number) => Array.from({ length: n }, () => ring.read());

test("sound starts when 60 ms are there, not before", () => {
  const ring = new SideRing();
  push(ring, 1000);
  push(ring, 1160);
  assert.deepEqual(read(ring, 10), new Array(10).fill(0));
  assert.equal(ring.playing, false);
  push(ring, 1320);
  assert.deepEqual(read(ring, 480), Array.from({ length: 480 }, (_, i) => 1000 + i));
});

test("history sent at once does not become latency", () => {
  const ring = new SideRing();
  for (let i = 0; i < 5; i++) push(ring, i * PTIME);
  ring.read();
  assert.equal(ring.fill, 60 * MS - 1);
});

test("a backlog is trimmed to the target after 25 packets, once", () => {
  const ring = new SideRing();
  for (let i = 0; i < 3; i++) push(ring, i * PTIME);
  ring.read();
  let ts = 3 * PTIME;
  for (let i = 0; i < 10; i++, ts += PTIME) push(ring, ts); // 200 ms come in a clump
  for (let i = 0; i < 60; i++, ts += PTIME) {
    push(ring, ts);
    read(ring, PTIME);
  }
  assert.equal(ring.trims, 1);
  assert.ok(Math.abs(ring.fill - 60 * MS) <= PTIME, `fill ${ring.fill}`);
  assert.equal(ring.underruns, 0);
});

test("a fill below one and a half targets is left alone", () => {
  const ring = new SideRing();
  for (let i = 0; i < 3; i++) push(ring, i * PTIME);
  ring.read();
  push(ring, 3 * PTIME); // 80 ms
  for (let ts = 4 * PTIME; ts < 200 * PTIME; ts += PTIME) {
    push(ring, ts);
    read(ring, PTIME);
  }
  assert.equal(ring.trims, 0);
});

test("an underrun primes again and the pause is not played twice", () => {
  const ring = new SideRing();
  for (let i = 0; i < 3; i++) push(ring, i * PTIME);
  read(ring, 480 + 1);
  assert.equal(ring.underruns, 1);
  assert.equal(ring.playing, false);
  push(ring, 8000); // after a pause of speech: no second of silence is inserted
  push(ring, 8160);
  assert.equal(ring.fill, 320);
  assert.equal(ring.read(), 0);
  push(ring, 8320);
  assert.equal(ring.read(), 8000);
});

test("a lost packet is silence of its length", () => {
  const ring = new SideRing();
  for (const i of [0, 1, 3, 4]) push(ring, 1000 + i * PTIME);
  ring.read();
  const out = [ring.fill, ...read(ring, 479)];
  assert.equal(out[0], 479);
  assert.equal(ring.gaps, 1);
  push(ring, 1000 + 5 * PTIME);
  assert.equal(ring.read(), 1000 + 5 * PTIME);
});

test("a packet out of order takes its place, one that is too late is counted", () => {
  const ring = new SideRing();
  push(ring, 0);
  push(ring, 2 * PTIME);
  push(ring, 1 * PTIME);
  assert.equal(ring.fill, 480);
  assert.deepEqual(read(ring, 480), Array.from({ length: 480 }, (_, i) => i));
  push(ring, 3 * PTIME);
  push(ring, PTIME);
  assert.equal(ring.late, 1);
  assert.equal(ring.fill, PTIME);
});

test("time stamps go over the end of 32 bits", () => {
  const ring = new SideRing();
  const start = 0xffffff00;
  for (let i = 0; i < 4; i++) push(ring, start + i * PTIME);
  assert.equal(ring.fill, 640);
  assert.equal(ring.gaps, 0);
  assert.equal(ring.resyncs, 0);
});

test("a jump of more than a second is a new beginning, not silence", () => {
  const ring = new SideRing();
  push(ring, 0);
  push(ring, 5_000_000);
  assert.equal(ring.fill, 2 * PTIME);
  assert.equal(ring.resyncs, 1);
});

test("the ring never holds more than two seconds", () => {
  const ring = new SideRing();
  for (let i = 0; i < 1000; i++) push(ring, i * PTIME);
  assert.ok(ring.fill <= 2 * RATE);
  assert.ok(ring.trims > 0);
  push(ring, 1000 * PTIME, 3 * RATE); // more than fits: refused
  assert.ok(ring.fill <= 2 * RATE);
});

test("moved to live: what was held is dropped", () => {
  const ring = new SideRing();
  for (let i = 0; i < 5; i++) push(ring, i * PTIME);
  ring.restart();
  assert.equal(ring.fill, 0);
  push(ring, 999999);
  assert.equal(ring.fill, PTIME);
});

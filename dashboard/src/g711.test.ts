import test from "node:test";
import assert from "node:assert/strict";
import { alawToLinear, CODEC_L16, CODEC_OTHER, CODEC_PCMA, CODEC_PCMU, decodePayload, ulawToLinear } from "./g711";

// The curves by their formulas (G.711, segments as the standard's tables write them), not by the code under test.
function ulawByFormula(byte: number): number {
  const inverted = 255 - byte;
  const sign = inverted >= 128 ? -1 : 1;
  const segment = Math.floor((inverted % 128) / 16);
  const step = inverted % 16;
  return sign * ((2 * step + 33) * 2 ** segment - 33) * 4;
}

function alawByFormula(byte: number): number {
  const bits = byte ^ 0x55;
  const sign = bits >= 128 ? 1 : -1;
  const segment = Math.floor((bits % 128) / 16);
  const step = bits % 16;
  const magnitude = segment === 0 ? 2 * step + 1 : (2 * step + 33) * 2 ** (segment - 1);
  return sign * magnitude * 8;
}

test("mu-law: all 256 codes follow the formula", () => {
  for (let code = 0; code < 256; code++) assert.equal(ulawToLinear(code) + 0, ulawByFormula(code) + 0, `code ${code}`);
});

test("A-law: all 256 codes follow the formula", () => {
  for (let code = 0; code < 256; code++) assert.equal(alawToLinear(code), alawByFormula(code), `code ${code}`);
});

test("known values", () => {
  assert.equal(ulawToLinear(0xff) + 0, 0);
  assert.equal(ulawToLinear(0x80), 32124);
  assert.equal(ulawToLinear(0x00), -32124);
  assert.equal(alawToLinear(0xd5), 8);
  assert.equal(alawToLinear(0x55), -8);
  assert.equal(alawToLinear(0xaa), 32256);
});

test("payloads of each codec, an odd L16 byte, a codec that cannot be played, a scratch that is too small", () => {
  const out = new Float32Array(4);
  assert.equal(decodePayload(CODEC_PCMU, Uint8Array.of(0x80, 0x00), out), 2);
  assert.ok(Math.abs(out[0]! - 32124 / 32768) < 1e-6 && Math.abs(out[1]! + 32124 / 32768) < 1e-6);
  assert.equal(decodePayload(CODEC_PCMA, Uint8Array.of(0xaa), out), 1);
  assert.ok(Math.abs(out[0]! - 32256 / 32768) < 1e-6);
  assert.equal(decodePayload(CODEC_L16, Uint8Array.of(0x80, 0x00, 0x7f, 0xff, 0x01), out), 2);
  assert.equal(out[0], -1);
  assert.ok(Math.abs(out[1]! - 32767 / 32768) < 1e-6);
  assert.equal(decodePayload(CODEC_OTHER, Uint8Array.of(1, 2, 3), out), 0);
  assert.equal(decodePayload(CODEC_PCMU, new Uint8Array(160), out), 4);
});

import test from "node:test";
import assert from "node:assert/strict";
import { Resampler } from "./resample";

function tone(hz: number, outRate: number, seconds: number): Float32Array {
  let n = 0;
  const resampler = new Resampler(8000, outRate);
  const out = new Float32Array(outRate * seconds);
  resampler.run(out, () => Math.sin((2 * Math.PI * hz * n++) / 8000));
  return out.subarray(outRate / 10);
}

function power(samples: Float32Array, hz: number, rate: number): number {
  let re = 0;
  let im = 0;
  samples.forEach((v, i) => {
    re += v * Math.cos((2 * Math.PI * hz * i) / rate);
    im += v * Math.sin((2 * Math.PI * hz * i) / rate);
  });
  return (2 * Math.hypot(re, im)) / samples.length;
}

for (const rate of [44100, 48000, 96000]) {
  test(`a tone keeps its pitch and level, its image is 40 dB down, at ${rate} Hz`, () => {
    for (const hz of [440, 1000, 2500]) {
      const out = tone(hz, rate, 0.6);
      const level = power(out, hz, rate);
      assert.ok(Math.abs(level - 1) < 0.05, `${hz} Hz: level ${level}`);
      const image = power(out, 8000 - hz, rate);
      assert.ok(image < 0.01, `${hz} Hz: image ${image}`);
    }
  });
}

test("a constant stays constant and input is taken at the right pace", () => {
  let taken = 0;
  const resampler = new Resampler(8000, 48000);
  const out = new Float32Array(48000);
  resampler.run(out, () => {
    taken++;
    return 0.5;
  });
  assert.ok(Math.abs(taken - 8000) <= 1);
  assert.ok(out.subarray(1000).every((v) => Math.abs(v - 0.5) < 1e-3));
});

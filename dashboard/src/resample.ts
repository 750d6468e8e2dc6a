// 8 kHz to the rate of the AudioContext: a windowed sinc of 24 taps in 128 phases (Kaiser, beta 6), about 1.5 ms of delay.

export const TAPS = 24;
const PHASES = 128;
const BETA = 6;

function bessel0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 32; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function makeTable(): Float32Array {
  const table = new Float32Array((PHASES + 1) * TAPS);
  for (let phase = 0; phase <= PHASES; phase++) {
    const row = table.subarray(phase * TAPS, (phase + 1) * TAPS);
    let sum = 0;
    for (let k = 0; k < TAPS; k++) {
      const t = k - (TAPS / 2 - 1) - phase / PHASES;
      const edge = t / (TAPS / 2);
      const window = Math.abs(edge) >= 1 ? 0 : bessel0(BETA * Math.sqrt(1 - edge * edge)) / bessel0(BETA);
      const sinc = t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t);
      row[k] = sinc * window;
      sum += row[k]!;
    }
    for (let k = 0; k < TAPS; k++) row[k]! /= sum;
  }
  return table;
}

const TABLE = makeTable();

export class Resampler {
  private readonly step: number;
  private readonly history = new Float32Array(2 * TAPS); // written twice, so that a row is always contiguous
  private at = 0;
  private phase = 0;

  constructor(inRate: number, outRate: number) {
    this.step = inRate / outRate;
  }

  /** Fills `out`, taking input samples from `next` as they are needed. */
  run(out: Float32Array, next: () => number): void {
    for (let i = 0; i < out.length; i++) {
      this.phase += this.step;
      while (this.phase >= 1) {
        this.phase -= 1;
        const sample = next();
        this.history[this.at] = sample;
        this.history[this.at + TAPS] = sample;
        this.at = (this.at + 1) % TAPS;
      }
      const exact = this.phase * PHASES;
      const row = Math.floor(exact);
      const blend = exact - row;
      const a = row * TAPS;
      let low = 0;
      let high = 0;
      for (let k = 0; k < TAPS; k++) {
        const sample = this.history[this.at + k]!;
        low += sample * TABLE[a + k]!;
        high += sample * TABLE[a + TAPS + k]!;
      }
      out[i] = low + (high - low) * blend;
    }
  }
}

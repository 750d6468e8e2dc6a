// Sound for the development server: tones as G.711, stereo WAV as captured (tag 7), peaks of it.

export function linearToUlaw(sample) {
  const s = Math.max(-32635, Math.min(32635, Math.round(sample)));
  const sign = s < 0 ? 0x80 : 0;
  const m = Math.abs(s) + 0x84;
  let exponent = 7;
  for (let mask = 0x4000; exponent > 0 && (m & mask) === 0; mask >>= 1) exponent--;
  return ~(sign | (exponent << 4) | ((m >> (exponent + 3)) & 0x0f)) & 0xff;
}

/** Samples from..from+count of a tone at 8 kHz. */
export function toneSamples(hz, from, count, amplitude = 8000) {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = amplitude * Math.sin((2 * Math.PI * hz * (from + i)) / 8000);
  return out;
}

export function ulaw(samples) {
  return Buffer.from(Array.from(samples, linearToUlaw));
}

/** Loudness of the two sides over time, so that a wave form has something to show: 1 s speech-like turns. */
function envelope(second, side) {
  const turn = Math.floor(second / 2.7) % 2 === side ? 1 : 0.12;
  return turn * (0.55 + 0.45 * Math.sin(second * 9.1 + side) * Math.sin(second * 2.3));
}

/** Left 440 Hz, right 660 Hz; returns {wav, peaks(pps)}. */
export function makeRecording(seconds, leftHz = 440, rightHz = 660) {
  const n = Math.floor(seconds * 8000);
  const data = Buffer.alloc(n * 2);
  const loud = [new Float32Array(n), new Float32Array(n)];
  for (let i = 0; i < n; i++) {
    [leftHz, rightHz].forEach((hz, side) => {
      const v = 12000 * envelope(i / 8000, side) * Math.sin((2 * Math.PI * hz * i) / 8000);
      loud[side][i] = v;
      data[2 * i + side] = linearToUlaw(v);
    });
  }
  const head = Buffer.alloc(58);
  head.write("RIFF", 0);
  head.writeUInt32LE(50 + data.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(18, 16);
  head.writeUInt16LE(7, 20);
  head.writeUInt16LE(2, 22);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(16000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(8, 34);
  head.writeUInt16LE(0, 36);
  head.write("fact", 38);
  head.writeUInt32LE(4, 42);
  head.writeUInt32LE(n, 46);
  head.write("data", 50);
  head.writeUInt32LE(data.length, 54);
  const wav = Buffer.concat([head, data]);
  const peaks = (pps) => {
    let per = Math.max(1, Math.round(8000 / pps));
    while (Math.ceil(n / per) > 8192) per *= 2;
    const length = Math.ceil(n / per);
    const out = [];
    for (let p = 0; p < length; p++) {
      for (const side of loud) {
        let low = 0;
        let high = 0;
        for (let i = p * per; i < Math.min(n, (p + 1) * per); i++) {
          low = Math.min(low, side[i]);
          high = Math.max(high, side[i]);
        }
        out.push(Math.max(-128, Math.round(low / 256)), Math.min(127, Math.round(high / 256)));
      }
    }
    return { version: 2, channels: 2, sample_rate: 8000, samples_per_pixel: per, bits: 8, length, data: out };
  };
  return { wav, peaks };
}

export function textFrame(object) {
  const body = Buffer.from(object ? JSON.stringify(object) : "");
  const head = Buffer.from([1, 0, body.length & 0xff, body.length >> 8]);
  return Buffer.concat([head, body]);
}

export function audioFrame({ side, codec = 0, seq, timestamp, atUs, flags = 0, payload }) {
  const frame = Buffer.alloc(20 + payload.length);
  frame[0] = 2;
  frame[1] = flags;
  frame.writeUInt16LE(16 + payload.length, 2);
  frame[4] = side;
  frame[5] = codec;
  frame.writeUInt16LE(seq & 0xffff, 6);
  frame.writeUInt32LE(timestamp >>> 0, 8);
  frame.writeBigInt64LE(BigInt(Math.round(atUs)), 12);
  payload.copy(frame, 20);
  return frame;
}

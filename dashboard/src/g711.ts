// G.711 to linear samples in -1..1, by table. ITU-T G.711 sections 3.1 (A-law) and 3.2 (mu-law).

export const CODEC_PCMU = 0;
export const CODEC_PCMA = 1;
export const CODEC_L16 = 2;
export const CODEC_OTHER = 255;

export function ulawToLinear(byte: number): number {
  const u = ~byte & 0xff;
  const magnitude = ((((u & 0x0f) << 3) + 0x84) << ((u >> 4) & 7)) - 0x84;
  return u & 0x80 ? -magnitude : magnitude;
}

export function alawToLinear(byte: number): number {
  const a = byte ^ 0x55;
  const exponent = (a >> 4) & 7;
  let magnitude = ((a & 0x0f) << 4) + 8;
  if (exponent > 0) magnitude = (magnitude + 0x100) << (exponent - 1);
  return a & 0x80 ? magnitude : -magnitude;
}

function table(decode: (byte: number) => number): Float32Array {
  const values = new Float32Array(256);
  for (let i = 0; i < 256; i++) values[i] = decode(i) / 32768;
  return values;
}

const ULAW = table(ulawToLinear);
const ALAW = table(alawToLinear);

/** Decodes a payload into `out` (as much as fits). Returns the samples written, 0 for a codec that cannot be played. */
export function decodePayload(codec: number, payload: Uint8Array, out: Float32Array): number {
  if (codec === CODEC_PCMU || codec === CODEC_PCMA) {
    const values = codec === CODEC_PCMU ? ULAW : ALAW;
    const n = Math.min(payload.length, out.length);
    for (let i = 0; i < n; i++) out[i] = values[payload[i]!]!;
    return n;
  }
  if (codec === CODEC_L16) {
    const n = Math.min(payload.length >> 1, out.length);
    for (let i = 0; i < n; i++) {
      const v = (payload[2 * i]! << 8) | payload[2 * i + 1]!;
      out[i] = (v >= 0x8000 ? v - 0x10000 : v) / 32768;
    }
    return n;
  }
  return 0;
}

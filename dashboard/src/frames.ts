// The listen stream (docs/api.md): u8 kind, u8 flags, u16 length (little-endian), then the body.
// Chunks of fetch() end anywhere; one buffer of the largest frame is all the parser holds.

export const KIND_TEXT = 1;
export const KIND_AUDIO = 2;
export const FLAG_GAP = 1;
export const FLAG_MOVED = 2;
const HEADER = 4;
const AUDIO_HEADER = 16;

export interface AudioFrame {
  side: number;
  codec: number;
  seq: number;
  timestamp: number;
  atUs: number;
  gap: boolean;
  moved: boolean;
  payload: Uint8Array;
}

/** `body` is valid during the call only. */
export type FrameHandler = (kind: number, flags: number, body: Uint8Array) => void;

export class FrameParser {
  private readonly held = new Uint8Array(HEADER + 0xffff);
  private have = 0;

  constructor(private readonly onFrame: FrameHandler) {}

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      const goal = this.have < HEADER ? HEADER : HEADER + this.length();
      const take = Math.min(goal - this.have, chunk.length - at);
      this.held.set(chunk.subarray(at, at + take), this.have);
      this.have += take;
      at += take;
      if (this.have >= HEADER && this.have === HEADER + this.length()) {
        this.have = 0;
        this.onFrame(this.held[0]!, this.held[1]!, this.held.subarray(HEADER, HEADER + this.length()));
      }
    }
  }

  private length(): number {
    return this.held[2]! | (this.held[3]! << 8);
  }
}

/** Returns null when the body is too short to be an audio frame. The payload is a view of `body`. */
export function readAudio(flags: number, body: Uint8Array): AudioFrame | null {
  if (body.length < AUDIO_HEADER) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return {
    side: view.getUint8(0),
    codec: view.getUint8(1),
    seq: view.getUint16(2, true),
    timestamp: view.getUint32(4, true),
    atUs: Number(view.getBigInt64(8, true)),
    gap: (flags & FLAG_GAP) !== 0,
    moved: (flags & FLAG_MOVED) !== 0,
    payload: body.subarray(AUDIO_HEADER),
  };
}

// Runs on the audio thread: packets in through the port, two raw channels out (caller, callee), figures back each 100 ms.
import { decodePayload } from "./g711";
import { RATE, SideRing, type RingStats } from "./ring";
import { Resampler } from "./resample";

declare const sampleRate: number;
declare const currentTime: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, type: new () => AudioWorkletProcessor): void;

export interface PacketMessage { side: 0 | 1; codec: number; timestamp: number; moved: boolean; payload: Uint8Array }
export interface StatsMessage { sides: RingStats[] }

class Listen extends AudioWorkletProcessor {
  private readonly rings = [new SideRing(), new SideRing()];
  private readonly resamplers = [new Resampler(RATE, sampleRate), new Resampler(RATE, sampleRate)];
  private readonly scratch = new Float32Array(RATE);
  private readonly readers = this.rings.map((ring) => () => ring.read());
  private lastStats = 0;
  private stopped = false;

  constructor() {
    super();
    this.port.onmessage = (event: MessageEvent<PacketMessage | "stop">) => {
      if (event.data === "stop") this.stopped = true;
      else this.take(event.data);
    };
  }

  private take(packet: PacketMessage): void {
    const ring = this.rings[packet.side];
    if (!ring) return;
    if (packet.moved) ring.restart();
    ring.push(packet.timestamp, this.scratch, decodePayload(packet.codec, packet.payload, this.scratch));
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const out = outputs[0]!;
    for (let side = 0; side < out.length && side < 2; side++) this.resamplers[side]!.run(out[side]!, this.readers[side]!);
    if (currentTime - this.lastStats >= 0.1) {
      this.lastStats = currentTime;
      const message: StatsMessage = { sides: this.rings.map((ring) => ring.stats()) };
      this.port.postMessage(message);
    }
    return !this.stopped;
  }
}

registerProcessor("callmesh-listen", Listen);

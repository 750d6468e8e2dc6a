// One side of a listened call: two seconds of samples, placed by RTP timestamp, read in order.
// Start at the target fill; each 25 packets look at the lowest fill seen and, above 1.5 x target, drop down to
// the target (a backlog would otherwise stay for ever); on underrun prime again. Nothing here allocates after the constructor.

export const RATE = 8000;
const LOOK_EACH = 25;
const MAX_GAP = RATE; // a longer hole is a new beginning, not a second of silence

export interface RingStats { fill: number; trims: number; underruns: number; late: number; gaps: number; resyncs: number }

export class SideRing {
  private readonly samples: Float32Array;
  private readonly target: number;
  private write = 0; // absolute sample index behind the newest sample
  private readAt = 0;
  private anchorTs = 0;
  private anchorAt = 0;
  private anchored = false;
  private primed = false;
  private lowest = Infinity;
  private packets = 0;
  trims = 0;
  underruns = 0;
  late = 0;
  gaps = 0;
  resyncs = 0;

  constructor(targetMs = 60, seconds = 2) {
    this.samples = new Float32Array(seconds * RATE);
    this.target = Math.round((targetMs * RATE) / 1000);
  }

  get fill(): number {
    return this.write - this.readAt;
  }

  get playing(): boolean {
    return this.primed;
  }

  stats(): RingStats {
    return { fill: this.fill, trims: this.trims, underruns: this.underruns, late: this.late, gaps: this.gaps, resyncs: this.resyncs };
  }

  /** Places `count` samples of a packet with RTP timestamp `timestamp` (8 kHz units). */
  push(timestamp: number, data: Float32Array, count: number): void {
    if (count <= 0 || count > this.samples.length) return;
    let at = this.place(timestamp);
    if (at + count <= this.readAt) {
      this.late++;
      return;
    }
    if (at > this.write) {
      this.gaps++;
      this.fillSilence(this.write, at);
    }
    const skip = Math.max(0, this.readAt - at);
    at += skip;
    for (let i = skip; i < count; i++, at++) this.samples[at % this.samples.length] = data[i]!;
    if (at > this.write) this.write = at;
    if (this.fill > this.samples.length) this.dropTo(this.target);
    this.look();
  }

  /** The next sample; 0 while the ring is priming. */
  read(): number {
    if (!this.primed) {
      if (this.fill < this.target) return 0;
      this.readAt = this.write - this.target; // history sent at once would be latency for ever
      this.primed = true;
      this.lowest = Infinity;
      this.packets = 0;
    }
    const left = this.write - this.readAt;
    if (left <= 0) {
      this.primed = false;
      this.underruns++;
      return 0;
    }
    if (left < this.lowest) this.lowest = left;
    return this.samples[this.readAt++ % this.samples.length]!;
  }

  /** The listener was moved to live: what is held is old. */
  restart(): void {
    this.readAt = this.write;
    this.anchored = false;
    this.primed = false;
    this.resyncs++;
  }

  private place(timestamp: number): number {
    if (this.anchored && (this.primed || this.fill > 0)) {
      const at = this.anchorAt + ((timestamp - this.anchorTs) | 0); // modulo 2^32, nearest
      if (at - this.write <= MAX_GAP && this.write - at <= MAX_GAP) {
        this.anchorTs = timestamp;
        this.anchorAt = at;
        return at;
      }
      this.resyncs++;
    } else if (this.anchored && !this.primed && ((timestamp - this.anchorTs) | 0) < 0) {
      return this.anchorAt + ((timestamp - this.anchorTs) | 0); // a late one after an underrun
    }
    this.anchored = true;
    this.anchorTs = timestamp;
    this.anchorAt = this.write;
    return this.write;
  }

  private fillSilence(from: number, to: number): void {
    for (let at = from; at < to; at++) this.samples[at % this.samples.length] = 0;
  }

  private look(): void {
    if (!this.primed || ++this.packets < LOOK_EACH) return;
    this.packets = 0;
    if (this.lowest !== Infinity && this.lowest > 1.5 * this.target) {
      this.readAt += this.lowest - this.target;
      this.trims++;
    }
    this.lowest = Infinity;
  }

  private dropTo(fill: number): void {
    this.readAt = this.write - fill;
    this.trims++;
  }
}

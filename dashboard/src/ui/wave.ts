// Draws the stereo wave form: caller in the upper lane, callee in the lower, gaps shaded, the played part in colour.
import type { Gap, Peaks } from "../types";

export interface WaveColours { played: string[]; ahead: string; line: string; gap: string; head: string }

export function waveColours(element: Element): WaveColours {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return { played: [read("--caller"), read("--callee")], ahead: read("--wave"), line: read("--line"), gap: read("--gap"), head: read("--ink") };
}

export function drawWave(canvas: HTMLCanvasElement, peaks: Peaks, gaps: Gap[], duration: number, position: number, colours: WaveColours): void {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const g = canvas.getContext("2d")!;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  const lanes = peaks.channels;
  const lane = height / lanes;
  for (const gap of gaps) {
    if (duration <= 0) break;
    g.fillStyle = colours.gap;
    const channel = Math.min(lanes, Math.max(1, gap.channel)) - 1;
    g.fillRect((gap.from / duration) * width, channel * lane, Math.max(1, ((gap.to - gap.from) / duration) * width), lane);
  }
  const seconds = (peaks.length * peaks.samples_per_pixel) / peaks.sample_rate || duration;
  const full = 1 << (peaks.bits - 1);
  const head = duration > 0 ? (position / duration) * width : 0;
  for (let channel = 0; channel < lanes; channel++) {
    const middle = lane * (channel + 0.5);
    g.fillStyle = colours.line;
    g.fillRect(0, middle, width, 1);
    for (let x = 0; x < width; x++) {
      const from = Math.floor(((x / width) * duration * peaks.length) / seconds);
      const to = Math.max(from + 1, Math.floor((((x + 1) / width) * duration * peaks.length) / seconds));
      let low = 0;
      let high = 0;
      for (let i = from; i < to && i < peaks.length; i++) {
        const at = 2 * (i * lanes + channel);
        low = Math.min(low, peaks.data[at] ?? 0);
        high = Math.max(high, peaks.data[at + 1] ?? 0);
      }
      const top = middle - (high / full) * (lane / 2 - 3);
      const bottom = middle - (low / full) * (lane / 2 - 3);
      g.fillStyle = x < head ? colours.played[channel] ?? colours.ahead : colours.ahead;
      g.fillRect(x, top, 1, Math.max(1, bottom - top));
    }
  }
  if (lanes === 2) {
    g.fillStyle = colours.line;
    g.fillRect(0, lane, width, 1);
  }
  g.fillStyle = colours.head;
  g.fillRect(Math.min(width - 1, head), 0, 1.5, height);
}

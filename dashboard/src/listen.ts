// Listening to one call: ticket, streaming fetch, frames to the worklet, sound through two panned sides.
// A player belongs to the page, not to a view: it goes on while the reader looks at other things.
import { signal } from "@preact/signals";
import { api, ApiError } from "./api";
import { FrameParser, KIND_AUDIO, KIND_TEXT, readAudio, type AudioFrame } from "./frames";
import { CODEC_OTHER } from "./g711";
import { RATE, type RingStats } from "./ring";
import type { Call } from "./types";
import type { PacketMessage, StatsMessage } from "./worklet";

declare const WORKLET_URL: string;

export type ListenStatus = "idle" | "opening" | "playing" | "ended" | "failed";
export interface ListenView {
  status: ListenStatus;
  call: Call | null;
  callState: string;
  codec: string;
  message: string;
  unplayable: boolean;
}

const IDLE: ListenView = { status: "idle", call: null, callState: "", codec: "", message: "", unplayable: false };
export const listen = signal<ListenView>(IDLE);
export const levels = signal<[number, number]>([0, 0]);
export interface ListenFigures { bufferMs: [number, number]; delayMs: number | null; trims: number; underruns: number; gaps: number; late: number; packets: number }
const NO_FIGURES: ListenFigures = { bufferMs: [0, 0], delayMs: null, trims: 0, underruns: 0, gaps: 0, late: 0, packets: 0 };
export const figures = signal<ListenFigures>(NO_FIGURES);

export interface Mix { volume: number; spread: number; muted: [boolean, boolean] }
export const mix = signal<Mix>({ volume: 1, spread: 1, muted: [false, false] });

interface Graph {
  context: AudioContext;
  worklet: AudioWorkletNode;
  gains: [GainNode, GainNode];
  panners: [StereoPannerNode, StereoPannerNode];
  analysers: [AnalyserNode, AnalyserNode];
  master: GainNode;
}

let graph: Graph | null = null;
let abort: AbortController | null = null;
let meterTimer = 0;
let packets = 0;
let serverAhead: number | null = null; // server clock minus ours, ms, from the first frame
const newestAt: [number, number] = [0, 0]; // capture time of the newest packet a side, ms

async function buildGraph(): Promise<Graph> {
  const context = new AudioContext({ latencyHint: "interactive" });
  await Promise.all([context.resume(), context.audioWorklet.addModule(WORKLET_URL)]);
  const worklet = new AudioWorkletNode(context, "callmesh-listen", { numberOfInputs: 0, numberOfOutputs: 1, outputChannelCount: [2] });
  const splitter = context.createChannelSplitter(2);
  const master = context.createGain();
  worklet.connect(splitter);
  const side = (index: 0 | 1): [GainNode, StereoPannerNode, AnalyserNode] => {
    const gain = context.createGain();
    const panner = context.createStereoPanner();
    const analyser = context.createAnalyser();
    analyser.fftSize = 2048;
    splitter.connect(analyser, index);
    splitter.connect(gain, index);
    gain.connect(panner).connect(master);
    return [gain, panner, analyser];
  };
  const a = side(0);
  const b = side(1);
  master.connect(context.destination);
  worklet.port.onmessage = (event: MessageEvent<StatsMessage>) => showFigures(event.data.sides);
  return { context, worklet, gains: [a[0], b[0]], panners: [a[1], b[1]], analysers: [a[2], b[2]], master };
}

function showFigures(sides: RingStats[]): void {
  const sum = (pick: (side: RingStats) => number) => sides.reduce((total, side) => total + pick(side), 0);
  const ms = (side: RingStats | undefined) => Math.round(((side?.fill ?? 0) * 1000) / RATE);
  const buffer: [number, number] = [ms(sides[0]), ms(sides[1])];
  figures.value = {
    bufferMs: buffer,
    delayMs: delay(buffer),
    trims: sum((s) => s.trims),
    underruns: sum((s) => s.underruns),
    gaps: sum((s) => s.gaps),
    late: sum((s) => s.late),
    packets,
  };
}

/** From the wire at the harvester to our speaker: age of the newest packet plus what is held. Live calls only. */
function delay(buffer: [number, number]): number | null {
  const call = listen.value.call;
  if (serverAhead === null || !graph || !call?.live) return null;
  const side = newestAt[0] >= newestAt[1] ? 0 : 1;
  if (newestAt[side] === 0) return null;
  const age = Date.now() + serverAhead - newestAt[side];
  const output = (graph.context.outputLatency || graph.context.baseLatency || 0) * 1000;
  return age < -1000 || age > 60_000 ? null : Math.round(Math.max(0, age) + buffer[side] + output);
}

export function setMix(change: Partial<Mix>): void {
  mix.value = { ...mix.value, ...change };
  applyMix();
}

function applyMix(): void {
  if (!graph) return;
  const { volume, spread, muted } = mix.value;
  graph.master.gain.value = volume;
  for (const side of [0, 1] as const) {
    graph.gains[side].gain.value = muted[side] ? 0 : 1;
    graph.panners[side].pan.value = side === 0 ? -spread : spread;
  }
}

const meterSamples = new Float32Array(2048);

function readLevel(analyser: AnalyserNode): number {
  analyser.getFloatTimeDomainData(meterSamples);
  let sum = 0;
  for (let i = 1024; i < 2048; i++) sum += meterSamples[i]! ** 2;
  const rms = Math.sqrt(sum / 1024);
  return Math.min(1, Math.max(0, 1 + (20 * Math.log10(rms + 1e-6)) / 60)); // -60 dB..0 dB -> 0..1
}

function onText(body: Uint8Array): void {
  if (body.length === 0) return;
  const text = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
  if (text["type"] === "state") {
    const state = String(text["state"]);
    if (state === "ended") finish("ended", "The call has ended.");
    else listen.value = { ...listen.value, callState: state };
  } else if (typeof text["server_time"] === "string") {
    serverAhead = Date.parse(text["server_time"]) - Date.now();
    const channels = (text["channels"] as { codec?: string }[] | undefined) ?? [];
    const codecs = [...new Set(channels.map((c) => c.codec).filter(Boolean))].join(" / ");
    listen.value = { ...listen.value, status: "playing", codec: codecs || String(text["codec"] ?? "") };
  }
}

function onAudio(frame: AudioFrame): void {
  if (!graph || (frame.side !== 1 && frame.side !== 2)) return;
  const side = frame.side === 1 ? 0 : 1;
  packets++;
  newestAt[side] = Math.max(newestAt[side], frame.atUs / 1000);
  if (frame.codec === CODEC_OTHER) {
    if (!listen.value.unplayable) listen.value = { ...listen.value, unplayable: true };
    return;
  }
  const payload = frame.payload.slice();
  const message: PacketMessage = { side, codec: frame.codec, timestamp: frame.timestamp, moved: frame.moved, payload };
  graph.worklet.port.postMessage(message, [payload.buffer]);
}

async function pump(call: Call, mine: AbortController): Promise<void> {
  const { ticket } = await api.listenTicket(call.id);
  const response = await api.listen(call.id, ticket, mine.signal);
  const parser = new FrameParser((kind, flags, body) => {
    if (mine.signal.aborted) return;
    if (kind === KIND_TEXT) onText(body);
    else if (kind === KIND_AUDIO) {
      const frame = readAudio(flags, body);
      if (frame) onAudio(frame);
    }
  });
  const reader = response.body!.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parser.push(value);
  }
}

function closeGraph(): void {
  clearInterval(meterTimer);
  levels.value = [0, 0];
  const old = graph;
  graph = null;
  expose();
  if (!old) return;
  old.worklet.port.postMessage("stop");
  old.worklet.disconnect();
  void old.context.close();
}

function finish(status: ListenStatus, message: string): void {
  abort?.abort();
  abort = null;
  listen.value = { ...listen.value, status, message };
  closeGraph();
}

export function stopListening(): void {
  finish("idle", "");
  listen.value = IDLE;
  figures.value = NO_FIGURES;
}

/** Must be called from a click or a key: browsers start sound only then. */
export async function startListening(call: Call): Promise<void> {
  if (abort) finish("idle", "");
  const mine = new AbortController();
  abort = mine;
  packets = 0;
  serverAhead = null;
  newestAt[0] = newestAt[1] = 0;
  figures.value = NO_FIGURES;
  listen.value = { ...IDLE, status: "opening", call, callState: call.state };
  try {
    const made = await buildGraph();
    if (mine.signal.aborted) {
      void made.context.close();
      return;
    }
    graph = made;
    expose();
    applyMix();
    meterTimer = window.setInterval(() => {
      if (graph) levels.value = [readLevel(graph.analysers[0]), readLevel(graph.analysers[1])];
    }, 66);
    await pump(call, mine);
    if (!mine.signal.aborted) finish("failed", "The stream broke off.");
  } catch (error) {
    if (mine.signal.aborted) return;
    finish("failed", describe(error));
  }
}

function describe(error: unknown): string {
  if (!window.isSecureContext) return "Browsers allow live sound over https or from localhost only; this page came by plain http.";
  if (!(error instanceof ApiError)) return "Sound could not be started in this browser.";
  if (error.code === "call_not_live") return "The call is over.";
  if (error.code === "taps_full" || error.code === "listeners_full") return `All listening places are taken. (${error.message})`;
  return error.message;
}

/** For whoever must measure the sound: the two sides before volume and pan. */
function expose(): void {
  (globalThis as unknown as { callmeshListen: unknown }).callmeshListen = graph
    ? { context: graph.context, analysers: graph.analysers, worklet: graph.worklet, figures: () => figures.peek() }
    : null;
}

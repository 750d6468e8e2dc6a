// The player of one recording: <audio> does ranges and speed; WebAudio splits the two sides so that one can be muted.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, may } from "../api";
import { theme } from "../prefs";
import { formatBytes, formatClock } from "../time";
import type { AudioFormat, Recording } from "../types";
import { Icon } from "./icons";
import { bindKeys } from "./keys";
import { useLoad } from "./load";
import { drawWave, waveColours } from "./wave";

const FORMATS: [AudioFormat, string][] = [["wav", "WAV, as stored"], ["ogg", "Ogg/Opus"], ["flac", "FLAC"], ["mp3", "MP3"]];
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];

interface Mixer { context: AudioContext; gains: GainNode[] }

/** Made at the first play: a context needs a click, and an element can be tapped once only. */
function makeMixer(audio: HTMLAudioElement, channels: number): Mixer {
  const context = new AudioContext();
  const source = context.createMediaElementSource(audio);
  const splitter = context.createChannelSplitter(2);
  const merger = context.createChannelMerger(2);
  source.connect(splitter);
  const gains = [0, 1].map((side) => {
    const gain = context.createGain();
    splitter.connect(gain, channels > 1 ? side : 0);
    gain.connect(merger, 0, side);
    return gain;
  });
  merger.connect(context.destination);
  return { context, gains };
}

function Wave({ recording, position, seek }: { recording: Recording; position: number; seek: (seconds: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const pps = Math.max(1, Math.min(100, Math.ceil(4000 / Math.max(1, recording.duration_seconds))));
  const peaks = useLoad(recording.id, (signal) => api.peaks(recording, pps, signal));
  const length = recording.duration_seconds;
  useEffect(() => {
    const observer = new ResizeObserver(() => setWidth(canvas.current?.clientWidth ?? 0));
    observer.observe(canvas.current!);
    return () => observer.disconnect();
  }, []);
  const chosenTheme = theme.value;
  useEffect(() => {
    if (canvas.current && peaks.data) drawWave(canvas.current, peaks.data, recording.gaps, length, position, waveColours(canvas.current));
  }, [peaks.data, position, width, chosenTheme]);
  const at = (event: PointerEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    seek(Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * length);
  };
  return (
    <div
      class="wave"
      role="slider"
      tabIndex={0}
      aria-label="Position in the recording"
      aria-valuemin={0}
      aria-valuemax={Math.round(length)}
      aria-valuenow={Math.round(position)}
      aria-valuetext={`${formatClock(position)} of ${formatClock(length)}`}
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId);
        at(e);
      }}
      onPointerMove={(e) => {
        if (e.buttons & 1) at(e);
      }}
    >
      <canvas ref={canvas} />
      {peaks.error ? <span class="wave-note">The wave form could not be loaded: {peaks.error.message}</span> : peaks.data ? null : <span class="wave-note">Loading wave form…</span>}
    </div>
  );
}

export function Player({ recording, names }: { recording: Recording; names: [string, string] }) {
  const audio = useRef<HTMLAudioElement>(null);
  const mixer = useRef<Mixer | null>(null);
  const [position, setPosition] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  const [muted, setMuted] = useState<[boolean, boolean]>([false, false]);
  const [trouble, setTrouble] = useState("");
  const channels = recording.channels.length;

  const toggle = () => {
    const element = audio.current!;
    if (!mixer.current) mixer.current = makeMixer(element, channels);
    mixer.current.gains.forEach((gain, side) => (gain.gain.value = muted[side] ? 0 : 1));
    void mixer.current.context.resume();
    if (element.paused) void element.play().catch((e: Error) => setTrouble(e.message));
    else element.pause();
  };
  const seek = (seconds: number) => {
    const element = audio.current!;
    element.currentTime = Math.max(0, Math.min(recording.duration_seconds, seconds));
    setPosition(element.currentTime);
  };
  const changeSpeed = (next: number) => {
    setSpeed(next);
    audio.current!.playbackRate = next;
  };
  const mute = (side: 0 | 1) => {
    const next: [boolean, boolean] = [muted[0], muted[1]];
    next[side] = !next[side];
    setMuted(next);
    const gain = mixer.current?.gains[side];
    if (gain) gain.gain.value = next[side] ? 0 : 1;
  };
  useEffect(() => {
    const step = (by: number) => (event: KeyboardEvent) => seek(audio.current!.currentTime + (event.shiftKey ? 6 * by : by));
    const faster = (by: number) => () => changeSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, SPEEDS.indexOf(speed) + by))]!);
    return bindKeys({ " ": toggle, ArrowLeft: step(-5), ArrowRight: step(5), m: () => mute(0), M: () => mute(1), "<": faster(-1), ">": faster(1) });
  });
  useEffect(() => () => void mixer.current?.context.close(), []);
  useEffect(() => {
    if (!playing) return undefined;
    let frame = 0;
    const tick = () => {
      setPosition(audio.current?.currentTime ?? 0);
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame);
  }, [playing]);

  return (
    <section class="player" aria-label="Recording">
      <div class="player-lanes">
        {[0, 1].slice(0, Math.max(1, channels)).map((side) => (
          <button key={side} type="button" class={`lane-name side-${side}`} aria-pressed={muted[side]} title={muted[side] ? "Unmute" : "Mute"} onClick={() => mute(side as 0 | 1)}>
            <span class="side-role">{side === 0 ? "Caller" : "Callee"}{muted[side] ? " · muted" : ""}</span>
            <span>{names[side]}</span>
          </button>
        ))}
      </div>
      <Wave recording={recording} position={position} seek={seek} />
      <div class="transport">
        <button type="button" class="button primary" onClick={toggle}><Icon name={playing ? "pause" : "play"} size={14} /> {playing ? "Pause" : "Play"}</button>
        <span class="num" data-position={position.toFixed(2)}>{formatClock(position)} / {formatClock(recording.duration_seconds)}</span>
        <label class="inline">
          Speed
          <select value={String(speed)} onChange={(e) => changeSpeed(Number(e.currentTarget.value))}>
            {SPEEDS.map((s) => <option key={s} value={String(s)}>{s}×</option>)}
          </select>
        </label>
        <span class="dim small">
          {recording.channels.map((c) => c.codec).filter((c, i, all) => all.indexOf(c) === i).join(" / ")} · {recording.sample_rate / 1000} kHz · {formatBytes(recording.size_bytes)}
          {recording.gaps.length > 0 ? ` · ${recording.gaps.length} gaps` : ""}
        </span>
        <span class="mono dim small hash" title={`SHA-256 ${recording.sha256}`}>sha256 {recording.sha256.slice(0, 12)}…</span>
        {may("recordings:download") ? (
          <details class="menu">
            <summary class="button"><Icon name="download" size={14} /> Download</summary>
            <ul>
              {FORMATS.map(([format, text]) => (
                <li key={format}><a href={api.audioUrl(recording, format)} download={`${recording.id}.${format}`}>{text}</a></li>
              ))}
              <li><a href={api.vconUrl(recording.call_id)} download={`${recording.call_id}.vcon.json`}>vCon</a></li>
              {may("messages:read") ? <li><a href={api.pcapngUrl(recording.call_id)} download={`${recording.call_id}.pcapng`}>Packets (pcapng)</a></li> : null}
            </ul>
          </details>
        ) : null}
      </div>
      {trouble ? <p class="tone-bad" role="alert">{trouble}</p> : null}
      <audio
        ref={audio}
        src={api.audioUrl(recording)}
        preload="metadata"
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onEnded={() => setPlaying(false)}
        onSeeked={(e) => setPosition(e.currentTarget.currentTime)}
        onError={() => setTrouble("The recording could not be played in this browser; it can be downloaded.")}
      />
    </section>
  );
}

// The SIP ladder: lanes are endpoints, rows are messages and streams in order of time; a row opens the raw text.
import { useEffect, useRef, useState } from "preact/hooks";
import { queryOf, setQuery } from "../router";
import { formatTime } from "../time";
import type { Ladder, LadderArrow, Message } from "../types";
import { Icon } from "../ui/icons";
import { Empty } from "../ui/states";

const ROW = 30;
const TOP = 46;
const LEFT = 168;
const SHOWN = 200;

function tone(arrow: LadderArrow): string {
  if (arrow.kind === "rtp") return "rtp";
  if (arrow.kind === "request") return "req";
  const status = /^\d{3}/.exec(arrow.label)?.[0] ?? "";
  return status >= "400" ? "err" : status >= "200" ? "ok" : "prov";
}

function Arrow({ arrow, y, x1, x2, repeat }: { arrow: LadderArrow; y: number; x1: number; x2: number; repeat: boolean }) {
  const self = x1 === x2;
  const right = x2 > x1;
  const head = right ? `M${x2 - 8} ${y - 4.5}L${x2} ${y}L${x2 - 8} ${y + 4.5}` : `M${x2 + 8} ${y - 4.5}L${x2} ${y}L${x2 + 8} ${y + 4.5}`;
  const most = Math.max(18, Math.floor((self ? 180 : Math.abs(x2 - x1)) / 6.6));
  const label = arrow.label.length > most ? `${arrow.label.slice(0, most - 1)}…` : arrow.label;
  return (
    <g class={`arrow ${tone(arrow)}${repeat ? " again" : ""}`}>
      {self ? <path d={`M${x1} ${y - 6}h26v12h-26`} /> : <path class="shaft" d={`M${x1} ${y}H${x2}`} />}
      {self ? <path d={`M${x1 + 8} ${y + 1.5}L${x1} ${y + 6}L${x1 + 8} ${y + 10.5}`} /> : <path d={head} />}
      <text x={self ? x1 + 32 : (x1 + x2) / 2} y={y - 6} text-anchor={self ? "start" : "middle"}>{label}{repeat && !arrow.label.includes("(again)") ? " (again)" : ""}</text>
    </g>
  );
}

interface DiagramProps { room: number; ladder: Ladder; messages: Message[]; chosen: number; choose: (row: number) => void; limit: number }

function Diagram({ room, ladder, messages, chosen, choose, limit }: DiagramProps) {
  const count = Math.max(1, ladder.endpoints.length);
  const lane = Math.max(150, Math.min(300, (room - LEFT - 4) / count));
  const width = Math.floor(LEFT + lane * count);
  const arrows = ladder.arrows.slice(0, limit);
  const height = TOP + ROW * arrows.length + 14;
  const x = (index: number) => LEFT + lane * (index + 0.5);
  const repeats = new Set(messages.filter((m) => m.retransmission).map((m) => m.n));
  let before = 0;
  return (
    <svg class="ladder" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="group" aria-label="SIP ladder">
      {ladder.endpoints.map((e) => (
        <g key={e.index} class="lane">
          <path d={`M${x(e.index)} ${TOP - 8}V${height - 6}`} />
          <text x={x(e.index)} y={17} text-anchor="middle" class="lane-name">{e.label || `${e.ip}:${e.port}`}</text>
          {e.label && !e.label.includes(e.ip) ? <text x={x(e.index)} y={32} text-anchor="middle" class="lane-port">{`${e.ip}:${e.port}`}</text> : null}
        </g>
      ))}
      {arrows.map((arrow, row) => {
        const y = TOP + ROW * row + 20;
        const at = Date.parse(arrow.at);
        const delta = row === 0 ? 0 : (at - before) / 1000;
        before = at;
        const pick = () => choose(row);
        return (
          <g
            key={row}
            class={`step${row === chosen ? " chosen" : ""}`}
            role="button"
            tabindex={0}
            data-row
            aria-pressed={row === chosen}
            onClick={pick}
            onKeyDown={(e) => {
              if (e.key !== "Enter" && e.key !== " ") return;
              e.preventDefault();
              pick();
            }}
          >
            <rect x={0} y={y - 18} width={width} height={ROW} />
            <text x={8} y={y} class="when">{formatTime(arrow.at, undefined, true)}</text>
            <text x={LEFT - 10} y={y} class="delta" text-anchor="end">{row === 0 ? "" : `+${delta.toFixed(3)}`}</text>
            <Arrow arrow={arrow} y={y} x1={x(arrow.from)} x2={x(arrow.to)} repeat={arrow.message !== null && repeats.has(arrow.message)} />
          </g>
        );
      })}
    </svg>
  );
}

function Raw({ arrow, message, close }: { arrow: LadderArrow; message: Message | undefined; close: () => void }) {
  const pane = useRef<HTMLElement>(null);
  useEffect(() => {
    pane.current?.scrollTo(0, 0);
  }, [message]);
  return (
    <aside class="raw" aria-label="Message" ref={pane}>
      <header>
        <div>
          <b>{arrow.label}</b>
          <p class="dim small mono">
            {formatTime(arrow.at, undefined, true)}
            {message?.src && message.dst ? ` · ${message.src.ip}:${message.src.port} → ${message.dst.ip}:${message.dst.port} · ${message.transport}` : ""}
            {message?.retransmission ? " · retransmission" : ""}
          </p>
        </div>
        <button type="button" class="icon-button" aria-label="Close message" onClick={close}><Icon name="close" /></button>
      </header>
      {message ? <pre tabIndex={0}>{message.raw}</pre> : <p class="dim">{arrow.kind === "rtp" ? "A media stream; its figures are under Streams." : "The text of this message was not kept."}</p>}
    </aside>
  );
}

export function LadderView({ ladder, messages }: { ladder: Ladder; messages: Message[] }) {
  const [limit, setLimit] = useState(SHOWN);
  const [room, setRoom] = useState(900);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!box.current) return undefined;
    const observer = new ResizeObserver(() => setRoom(box.current?.clientWidth ?? 900));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const asked = queryOf("m");
  const chosen = asked === "" ? -1 : ladder.arrows.findIndex((a, row) => (a.message !== null ? String(a.message) === asked : `r${row}` === asked));
  const choose = (row: number) => {
    const arrow = ladder.arrows[row];
    setQuery({ m: arrow ? (arrow.message !== null ? String(arrow.message) : `r${row}`) : "" });
  };
  if (ladder.arrows.length === 0) return <Empty title="No SIP messages are kept for this call" />;
  const arrow = ladder.arrows[chosen];
  const message = arrow && arrow.message !== null ? messages.find((m) => m.n === arrow.message) : undefined;
  return (
    <div class={`ladder-split${arrow ? " open" : ""}`}>
      <div ref={box} class="scroll-x ladder-box" tabIndex={0} role="region" aria-label="Ladder diagram">
        <Diagram room={room} ladder={ladder} messages={messages} chosen={chosen} choose={(row) => choose(row === chosen ? -1 : row)} limit={Math.max(limit, chosen + 1)} />
        {ladder.arrows.length > limit ? (
          <button type="button" class="button more" onClick={() => setLimit(limit + 500)}>Show {Math.min(500, ladder.arrows.length - limit)} more of {ladder.arrows.length}</button>
        ) : null}
      </div>
      {arrow ? <Raw arrow={arrow} message={message} close={() => choose(-1)} /> : null}
    </div>
  );
}

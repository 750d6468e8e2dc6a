// Server-Sent Events by hand: fetch() lets us send Last-Event-ID at the first connection and see the heartbeats,
// which EventSource hides. One event may hold MAX_EVENT characters; what is larger is dropped and counted.

export interface ServerEvent { id: string; event: string; data: string }

const MAX_EVENT = 1 << 20;

export class SseParser {
  private rest = "";
  private id = "";
  private event = "";
  private data: string[] = [];
  private size = 0;
  private skipping = false;
  dropped = 0;

  constructor(
    private readonly onEvent: (event: ServerEvent) => void,
    private readonly onComment: () => void = () => undefined,
  ) {}

  push(text: string): void {
    this.rest += text;
    let from = 0;
    for (;;) {
      const end = this.rest.indexOf("\n", from);
      if (end < 0) break;
      const stop = end > from && this.rest[end - 1] === "\r" ? end - 1 : end;
      this.line(this.rest.slice(from, stop));
      from = end + 1;
    }
    this.rest = this.rest.slice(from);
    if (this.rest.length > MAX_EVENT) {
      this.rest = "";
      this.skipping = true;
    }
  }

  private line(line: string): void {
    if (line === "") return this.dispatch();
    if (line.startsWith(":")) return this.onComment();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "id") this.id = value;
    else if (field === "event") this.event = value;
    else if (field === "data") {
      this.size += value.length;
      if (this.size > MAX_EVENT) this.skipping = true;
      else this.data.push(value);
    }
  }

  private dispatch(): void {
    if (this.skipping) this.dropped++;
    else if (this.data.length > 0 || this.event) this.onEvent({ id: this.id, event: this.event || "message", data: this.data.join("\n") });
    this.event = "";
    this.data = [];
    this.size = 0;
    this.skipping = false;
  }
}

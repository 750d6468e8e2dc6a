// One stroke width, one grid. Decorative: the word beside an icon says what it means.
const PATHS: Record<string, string> = {
  live: "M3 12h4l3-8 4 16 3-8h4",
  calls: "M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a1.5 1.5 0 0 1-1.5 1.5A15.5 15.5 0 0 1 3.5 5.5 1.5 1.5 0 0 1 5 4z",
  recordings: "M4 10v4M8 6v12M12 9v6M16 4v16M20 10v4",
  sites: "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01",
  agents: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 20c1-4 4-6 8-6s7 2 8 6",
  statistics: "M4 20h16M7 20v-6M12 20V8M17 20V4",
  rules: "M5 6h2M5 12h2M5 18h2M10 6h9M10 12h9M10 18h9",
  help: "M9 9a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 2.3M12 17h.01",
  listen: "M4 14v-2a8 8 0 0 1 16 0v2M4 14h3v6H5a1 1 0 0 1-1-1zM20 14h-3v6h2a1 1 0 0 0 1-1z",
  stop: "M7 7h10v10H7z",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  close: "M6 6l12 12M18 6L6 18",
  download: "M12 4v11M7 10l5 5 5-5M5 20h14",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM20 20l-4.8-4.8",
  warn: "M12 4l9 16H3zM12 10v4M12 17h.01",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  exit: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  back: "M14 6l-6 6 6 6",
  started: "M12 12h.01M7 12h.01M17 12h.01",
  ringing: "M6 17V11a6 6 0 0 1 12 0v6l1.5 1.5h-15zM10 21h4",
  early: "M5 9v6h3l5 4V5L8 9zM16 9a4 4 0 0 1 0 6",
  answered: "M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a1.5 1.5 0 0 1-1.5 1.5A15.5 15.5 0 0 1 3.5 5.5 1.5 1.5 0 0 1 5 4z",
  held: "M9 6v12M15 6v12",
  ended: "M4 15c5-5 11-5 16 0l-2 3-4-2v-2.5M10 13.5V16l-4 2-2-3",
  ear: "M7 10a5 5 0 1 1 10 0c0 3-3 3.5-3 6.5A2.5 2.5 0 0 1 9.5 18",
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name] ?? ""} />
    </svg>
  );
}

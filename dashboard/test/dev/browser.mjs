// The browser of the tests: Debian's Chromium, without a head, driven by playwright-core.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
];

export async function openBrowser() {
  const executablePath = process.env.CHROMIUM || ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
  if (!executablePath) throw new Error("no Chromium: install it or name it in CHROMIUM");
  return chromium.launch({ executablePath, args: ARGS });
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Violations of impact serious or critical, as lines. */
export async function axe(page) {
  await page.evaluate(axeSource);
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return result.violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`).join(" | ")}`);
}

/** Runs named steps one after the other; one that fails does not stop the others. */
export function makeSteps(page, shots) {
  const failed = [];
  const facts = {};
  if (shots) mkdirSync(shots, { recursive: true });
  async function step(name, run) {
    const began = Date.now();
    try {
      const note = await run();
      console.log(`ok      ${name}${note ? `: ${note}` : ""} (${Date.now() - began} ms)`);
    } catch (error) {
      failed.push(name);
      console.log(`FAILED  ${name}: ${String(error.message ?? error).split("\n").slice(0, 6).join("\n        ")}`);
      if (shots) await page.screenshot({ path: `${shots}/failed-${name.replace(/\W+/g, "-")}.png` }).catch(() => undefined);
    }
  }
  const shot = async (name) => {
    if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
  };
  return { step, shot, failed, facts };
}

export function must(condition, text) {
  if (!condition) throw new Error(text);
}

/** Strength of one frequency in samples, 0..1 for a full-scale tone (Goertzel). */
export function strength(samples, hz, rate) {
  const k = 2 * Math.cos((2 * Math.PI * hz) / rate);
  let a = 0;
  let b = 0;
  for (let i = 0; i < samples.length; i++) {
    const next = samples[i] + k * a - b;
    b = a;
    a = next;
  }
  return (2 * Math.sqrt(Math.max(0, a * a + b * b - k * a * b))) / samples.length;
}

/** The strongest frequency of the telephone band, to 1 Hz. */
export function strongest(samples, rate) {
  const exact = Float64Array.from(samples);
  let best = { hz: 0, level: 0 };
  const look = (from, to, step) => {
    for (let hz = from; hz <= to; hz += step) {
      const level = strength(exact, hz, rate);
      if (level > best.level) best = { hz, level };
    }
  };
  const width = rate / samples.length; // of one line of the spectrum
  look(150, 3600, Math.max(1, width / 2));
  look(best.hz - width, best.hz + width, 1);
  return { hz: Math.round(best.hz), level: best.level };
}

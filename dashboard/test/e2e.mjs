// The page in a real browser against a running callmesh:
//   node test/e2e.mjs BASE_URL LOGIN PASSWORD [--left-hz 440] [--right-hz 660] [--wait 60] [--max-delay-ms 600]
//                     [--traffic COMMAND] [--no-live] [--call ID] [--shots DIR]
// A live call must begin (or be going on) while it runs unless --no-live; --call names the finished call to open,
// otherwise the newest recorded one is taken. --traffic: started
// when the board is open, ended with the test: the call it makes must then appear. --left-hz, --right-hz: tones that caller and callee send.
// Ends with one line of JSON and exit code 0 when all steps were good.
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { axe, makeSteps, must, openBrowser, strength, strongest } from "./dev/browser.mjs";

const TOLERANCE_HZ = 12;

async function login(page, { base, login: name, password }) {
  await page.goto(base, { waitUntil: "domcontentloaded" });
  await page.waitForSelector("form [name=login]");
  await page.fill("[name=login]", name);
  await page.fill("[name=password]", `${password}-wrong`);
  await page.click("button[type=submit]");
  await page.waitForSelector(".login-error");
  await page.fill("[name=password]", password);
  await page.click("button[type=submit]");
  await page.waitForSelector(".top nav");
  await page.evaluate(() => (globalThis.sameDocument = true));
}

const rowIds = (page) => page.$$eval("tr[data-call]", (rows) => rows.map((r) => r.dataset.call));

async function liveAppears(page, options, facts) {
  await page.waitForSelector(".feed-live");
  const known = await rowIds(page);
  if (options.traffic) options.child = spawn("/bin/sh", ["-c", `exec ${options.traffic}`], { stdio: "ignore" });
  // Without --traffic the one call may have begun before the page was there: then it must be on the board by itself.
  const strict = options.traffic || known.length === 0;
  const came = await page
    .waitForFunction((ids) => [...document.querySelectorAll("tr[data-call]")].some((r) => !ids.includes(r.dataset.call)), known, { timeout: strict ? options.wait * 1000 : 8000 })
    .catch(() => null);
  must(came || !strict, "no call appeared");
  facts.live_call = (await rowIds(page)).find((id) => !known.includes(id)) ?? known[0];
  must(await page.evaluate(() => globalThis.sameDocument === true), "the page was loaded anew");
  const clock = "tr[data-call] td.clock";
  const before = await page.$$eval(clock, (cells) => cells.map((c) => c.textContent));
  await page.waitForFunction(([sel, old]) => [...document.querySelectorAll(sel)].some((c, i) => c.textContent !== old[i]), [clock, before], { timeout: 5000 });
  return came ? "" : `${known.length} had begun before the page was open`;
}

/** Samples of both sides as the worklet gave them, before volume and pan. */
function takeSound(page) {
  return page.evaluate(async () => {
    const { analysers, context, figures } = globalThis.callmeshListen;
    for (const analyser of analysers) analyser.fftSize = 16384;
    await new Promise((done) => setTimeout(done, 700));
    const sides = analysers.map((analyser) => {
      const samples = new Float32Array(analyser.fftSize);
      analyser.getFloatTimeDomainData(samples);
      return [...samples];
    });
    return { rate: context.sampleRate, sides, figures: figures(), state: context.state };
  });
}

function checkTones(sides, rate, wanted, what) {
  const found = sides.map((samples) => strongest(samples, rate));
  found.forEach((side, i) => {
    must(side.level > 0.003, `${what}: side ${i + 1} is silent (${side.level.toFixed(4)})`);
    if (!wanted[i]) return;
    must(Math.abs(side.hz - wanted[i]) <= TOLERANCE_HZ, `${what}: side ${i + 1} has ${side.hz} Hz, not ${wanted[i]} Hz`);
    const other = wanted[1 - i];
    if (other && Math.abs(other - wanted[i]) > 50) must(strength(sides[i], other, rate) < side.level / 10, `${what}: side ${i + 1} also carries the other side's ${other} Hz`);
  });
  return found.map((side) => `${side.hz} Hz at ${(20 * Math.log10(side.level)).toFixed(0)} dB`).join(" | ");
}

async function listenLive(page, options, facts) {
  // The call that came; when it is not answered soon (others may call, too), any that is.
  const talking = ":has(.s-answered) button";
  const mine = page.locator(`tr[data-call="${facts.live_call}"]${talking}`);
  await mine.waitFor({ timeout: 10000 }).catch(() => undefined);
  const button = (await mine.count()) > 0 ? mine : page.locator(`tr[data-call]${talking}`).first();
  await button.waitFor({ timeout: options.wait * 1000 });
  facts.live_call = await button.evaluate((b) => b.closest("tr").dataset.call);
  await page.locator(`tr[data-call="${facts.live_call}"] button`).click();
  const clicked = Date.now();
  await page.waitForSelector('.dock[data-status="playing"]', { timeout: 10000 });
  await page.waitForFunction(() => globalThis.callmeshListen?.figures().bufferMs.every((ms) => ms > 0), null, { timeout: 10000 });
  facts.sound_after_ms = Date.now() - clicked;
  await page.waitForTimeout(2500);
  const sound = await takeSound(page);
  must(sound.state === "running", `the audio context is ${sound.state}`);
  facts.listen = sound.figures;
  const text = checkTones(sound.sides, sound.rate, [options.leftHz, options.rightHz], "live");
  if (sound.figures.delayMs !== null) must(sound.figures.delayMs <= options.maxDelayMs, `delay ${sound.figures.delayMs} ms`);
  return `${text}; delay ${sound.figures.delayMs} ms, buffer ${sound.figures.bufferMs.join("/")} ms, trims ${sound.figures.trims}, underruns ${sound.figures.underruns}`;
}

async function meters(page) {
  await page.waitForFunction(() => {
    const values = [...document.querySelectorAll(".meter")].map((m) => Number(m.getAttribute("aria-valuenow")));
    return values.length === 2 && values.every((v) => v > 10);
  }, null, { timeout: 5000 });
  await page.click(".side-0 .side-name");
  must((await page.getAttribute(".side-0 .side-name", "aria-pressed")) === "true", "mute does not stay");
  await page.click(".side-0 .side-name");
}

async function openFinished(page, options) {
  if (options.call) {
    await page.goto(`${options.base}/calls/${options.call}`);
  } else {
    await page.goto(`${options.base}/calls?state=ended&recording_state=ready`);
    for (const end = Date.now() + options.wait * 1000; ; ) {
      const found = await page.waitForSelector(".grid tbody tr", { timeout: 3000 }).catch(() => null);
      if (found) break;
      must(Date.now() < end, "no recorded call was found");
      await page.reload();
    }
    await page.keyboard.press("j"); // by keyboard, as the help says
    await page.keyboard.press("Enter");
  }
  await page.waitForSelector(".view-call .call-head");
  return page.getAttribute(".view-call", "data-call");
}

async function backToList(page) {
  const call = page.url();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => location.pathname === "/calls" && location.search.includes("recording_state=ready"), null, { timeout: 5000 });
  await page.goBack();
  await page.waitForSelector(".view-call");
  must(page.url() === call, `back leads to ${page.url()}`);
}

async function ladder(page) {
  await page.waitForSelector(".ladder .step");
  const labels = await page.$$eval(".ladder .arrow text", (all) => all.map((t) => t.textContent));
  must(labels.some((l) => l.startsWith("INVITE")), `no INVITE among ${labels.slice(0, 5).join(", ")}`);
  const lanes = await page.locator(".ladder .lane").count();
  must(lanes >= 2, `${lanes} lanes`);
  const rtp = await page.locator(".ladder .arrow.rtp").count();
  await page.locator(".ladder .step").first().focus();
  await page.keyboard.press("Enter");
  const raw = await page.textContent(".raw pre");
  must(/^INVITE \S+ SIP\/2\.0/.test(raw), `raw text begins ${raw.slice(0, 40)}`);
  must(new URL(page.url()).searchParams.get("m") !== null, "the chosen message is not in the URL");
  return `${labels.length} arrows (${rtp} RTP), ${lanes} lanes`;
}

async function streams(page) {
  await page.click("#tab-streams");
  await page.waitForSelector("#tab-panel .grid tbody tr");
  const sides = await page.$$eval("#tab-panel .side-tag", (all) => all.map((t) => t.textContent));
  must(sides.includes("caller") && sides.includes("callee"), `sides ${sides.join(", ")}`);
  await page.click("#tab-legs");
  await page.waitForSelector("#tab-panel .grid tbody tr");
  await page.click("#tab-story");
  await page.waitForSelector(".story li");
  await page.click("#tab-streams");
  return `${sides.length} streams`;
}

async function player(page, answers) {
  await page.waitForSelector(".player canvas");
  const painted = () =>
    page.$eval(".wave canvas", (canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let n = 0;
      for (let i = 3; i < data.length; i += 4) if (data[i] > 0) n++;
      return n;
    });
  for (let i = 0; i < 50 && (await painted()) < 2000; i++) await page.waitForTimeout(100);
  must((await painted()) >= 2000, "the wave form is not drawn");
  const length = await page.$eval("audio", (a) => a.duration);
  must(length > 0, `the recording is ${length} s long`);
  await page.click(".transport .primary");
  await page.waitForFunction(() => document.querySelector("audio").currentTime > 0.25, null, { timeout: 10000 });
  const box = await page.locator(".wave").boundingBox();
  await page.mouse.click(box.x + box.width * 0.7, box.y + box.height / 2);
  await page.waitForFunction((goal) => {
    const audio = document.querySelector("audio");
    return !audio.seeking && audio.currentTime >= goal - 0.2 && audio.currentTime < goal + 3;
  }, length * 0.7, { timeout: 10000 });
  await page.selectOption(".transport select", "2");
  must((await page.$eval("audio", (a) => a.playbackRate)) === 2, "speed");
  await page.click(".player .lane-name.side-1");
  await page.click(".player .lane-name.side-1");
  await page.click(".transport .primary");
  const partial = answers.filter((a) => a.audio && a.status === 206);
  must(partial.length > 0, `no 206 among ${answers.filter((a) => a.audio).map((a) => a.status).join(", ")}`);
  return `${length.toFixed(1)} s, ${partial.length} answers 206`;
}

const FORMATS = ["wav", "ogg", "flac", "mp3"];

// Each format in a player of its own: it knows its length, plays, and goes on playing from where it was sent to.
async function playFormat(page, format) {
  const played = await page.evaluate(async (format) => {
    const url = new URL(document.querySelector("audio").src);
    url.searchParams.set("format", format);
    const audio = new Audio(url.href);
    audio.muted = true;
    const until = (what, test) => new Promise((good, bad) => {
      const end = performance.now() + 15000;
      const look = () => (audio.error ? bad(new Error(`${format}: ${audio.error.message}`)) : test() ? good() : performance.now() > end ? bad(new Error(`${format}: no ${what}`)) : setTimeout(look, 20));
      look();
    });
    await until("length", () => audio.duration > 0);
    await audio.play();
    await until("sound", () => audio.currentTime > 0.2);
    const goal = audio.duration * 0.7;
    audio.currentTime = goal;
    await until("seek", () => !audio.seeking && audio.currentTime >= goal && audio.currentTime < goal + 3);
    await until("sound after the seek", () => audio.currentTime > goal + 0.2 || audio.ended);
    audio.pause();
    return audio.duration;
  }, format);
  return played;
}

async function stereoFile(page, options, format) {
  const file = await page.evaluate(async (format) => {
    const url = new URL(document.querySelector("audio").src);
    url.searchParams.set("format", format);
    const response = await fetch(url);
    const bytes = await response.arrayBuffer();
    const size = bytes.byteLength; // decodeAudioData takes the buffer away
    const context = new OfflineAudioContext(2, 8000, 8000);
    const audio = await context.decodeAudioData(bytes);
    const sides = [];
    for (let c = 0; c < audio.numberOfChannels; c++) {
      const data = audio.getChannelData(c);
      let best = [0, -1];
      for (let at = 0; at + 4096 <= data.length; at += 2048) {
        let sum = 0;
        for (let i = at; i < at + 4096; i++) sum += data[i] ** 2;
        if (sum > best[1]) best = [at, sum];
      }
      sides.push([...data.slice(best[0], best[0] + 4096)]);
    }
    return { channels: audio.numberOfChannels, rate: audio.sampleRate, seconds: audio.duration, size, sides };
  }, format);
  must(file.channels === 2, `${format}: ${file.channels} channels`);
  return { seconds: file.seconds, text: `${format} ${file.seconds.toFixed(3)} s, ${file.size} B; ${checkTones(file.sides, file.rate, [options.leftHz, options.rightHz], format)}` };
}

async function formats(page, options) {
  const facts = [];
  let seconds = 0;
  for (const format of FORMATS) {
    const file = await stereoFile(page, options, format);
    const played = await playFormat(page, format);
    if (format === "wav") seconds = file.seconds;
    must(Math.abs(file.seconds - seconds) < 0.002, `${format} is ${file.seconds} s long, the recording ${seconds} s`);
    must(Math.abs(played - seconds) < 0.1, `${format} plays ${played} s of ${seconds} s`);
    facts.push(file.text);
  }
  return facts.join("\n      ");
}

async function search(page, base) {
  await page.goto(`${base}/calls`);
  await page.waitForSelector(".grid tbody tr");
  const users = await page.$$eval(".grid tbody .party-user", (all) => all.map((u) => u.textContent));
  const digits = users.map((u) => u.replace(/\D/g, "")).find((d) => d.length >= 4);
  must(digits, "no party has four digits");
  const wanted = digits.slice(-Math.min(7, digits.length));
  await page.keyboard.press("/");
  await page.keyboard.type(wanted);
  await page.waitForFunction((d) => {
    const rows = [...document.querySelectorAll(".grid tbody tr")];
    return rows.length > 0 && rows.every((r) => [...r.querySelectorAll(".party-user")].some((u) => u.textContent.replace(/\D/g, "").endsWith(d)));
  }, wanted, { timeout: 8000 });
  must(new URL(page.url()).searchParams.get("number") === wanted, "the search is not in the URL");
  const rows = await page.locator(".grid tbody tr").count();
  await page.reload();
  await page.waitForFunction((n) => document.querySelectorAll(".grid tbody tr").length === n, rows, { timeout: 8000 });
  await page.fill("[data-search]", "nobody-has-this-name");
  await page.waitForSelector(".blank-title");
  return `${rows} calls by ${wanted}`;
}

async function accessible(page, base, call) {
  const found = [];
  const visit = async (name) => {
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      await page.waitForTimeout(150);
      for (const line of await axe(page)) found.push(`${name} ${scheme}: ${line}`);
    }
  };
  const views = [["live", "/live", ".view-live"], ["calls", "/calls", ".grid tbody tr, .blank"], ["recordings", "/recordings", ".grid tbody tr, .blank"], ["harvesters", "/harvesters", ".card, .blank"], ["rules", "/rules", ".grid tbody tr, .blank"], ["agents", "/agents", ".grid tbody tr, .blank"], ["statistics", "/statistics", ".stat-chart, .blank"]];
  if (call) views.push(["call", `/calls/${call}`, ".ladder"], ["streams", `/calls/${call}?tab=streams`, "#tab-panel .grid"], ["story", `/calls/${call}?tab=story`, ".story"]);
  for (const [name, path, ready] of views) {
    await page.goto(base + path);
    await page.waitForSelector(ready);
    await visit(name);
  }
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  await visit("help");
  await page.keyboard.press("Escape");
  must(found.length === 0, found.slice(0, 12).join("\n"));
  return `${views.length + 1} views in two themes`;
}

export async function runE2e(options, extra = async () => undefined) {
  const browser = await openBrowser();
  const page = await browser.newPage({ viewport: { width: 1440, height: 860 } });
  const answers = [];
  const complaints = [];
  page.on("response", (r) => answers.push({ status: r.status(), audio: /\/recordings\/[^/]+\/audio/.test(r.url()) }));
  page.on("pageerror", (e) => complaints.push(e.message));
  page.on("console", (m) => {
    if (/Content Security Policy|Refused to/i.test(m.text())) complaints.push(m.text());
  });
  const { step, shot, failed, facts } = makeSteps(page, options.shots);
  try {
    await step("login, and a wrong password is refused", () => login(page, options));
    if (options.live) {
      await step("a live call appears without reload, its clock ticks", () => liveAppears(page, options, facts));
      await step("listen: both tones, each on its side", () => listenLive(page, options, facts));
      await step("listen: meters move, a side mutes", () => meters(page));
      await shot("live-listen");
      await step("listen: accessible while listening", async () => {
        const lines = await axe(page);
        must(lines.length === 0, lines.join("\n"));
      });
      await step("listen: stop", async () => {
        await page.click(".dock-end .button");
        await page.waitForSelector(".dock", { state: "detached" });
        must(await page.evaluate(() => globalThis.callmeshListen === null), "the sound goes on");
      });
    }
    await step("a finished call opens by keyboard", async () => (facts.call = await openFinished(page, options)));
    if (!options.call) await step("Esc leads back to the search, the browser's back to the call", () => backToList(page));
    await step("ladder, raw text", () => ladder(page));
    await shot("call");
    await step("streams, legs, timeline", () => streams(page));
    await step("player: wave form, play, seek, speed", () => player(page, answers));
    await shot("player");
    await step("the recording in each format: plays, seeks, caller left, callee right", () => formats(page, options));
    await step("search by number; the URL is the search", () => search(page, options.base));
    await step("axe: nothing serious", () => accessible(page, options.base, facts.call));
    await extra({ page, step, shot, facts });
    await step("log out", async () => {
      await page.goto(`${options.base}/live`);
      await page.click("[aria-label='Log out']");
      await page.waitForSelector("form [name=login]");
    });
    await step("no script error, nothing refused by the content policy", () => must(complaints.length === 0, complaints.slice(0, 5).join("\n")));
  } finally {
    await browser.close();
    options.child?.kill();
  }
  console.log(JSON.stringify({ ok: failed.length === 0, failed, ...facts }));
  return failed.length === 0;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const text = { type: "string" };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { "left-hz": text, "right-hz": text, wait: text, "max-delay-ms": text, call: text, shots: text, traffic: text, "no-live": { type: "boolean" } },
  });
  const [base, name, password] = positionals;
  if (!password) {
    console.error("usage: node test/e2e.mjs BASE_URL LOGIN PASSWORD [--left-hz N] [--right-hz N] [--wait S] [--max-delay-ms N] [--traffic COMMAND] [--no-live] [--call ID] [--shots DIR]");
    process.exit(2);
  }
  const ok = await runE2e({
    base: base.replace(/\/$/, ""), login: name, password, live: !values["no-live"], call: values.call, traffic: values.traffic, shots: values.shots,
    leftHz: Number(values["left-hz"] ?? 0), rightHz: Number(values["right-hz"] ?? 0), wait: Number(values.wait ?? 60), maxDelayMs: Number(values["max-delay-ms"] ?? 600),
  });
  process.exit(ok ? 0 : 1);
}

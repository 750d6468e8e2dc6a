// All steps of e2e.mjs against the development server, and those that need a hand on the server:
// a broken feed, a call that ends under its listener, two thousand calls on the board.
import { makeSteps, must, openBrowser } from "./dev/browser.mjs";
import { startDevServer } from "./devserver.mjs";
import { runE2e } from "./e2e.mjs";

const shots = process.env.SHOTS || undefined;
const dev = await startDevServer({ active: 40, past: 600, rate: 1, leftHz: 440, rightHz: 660 });
console.log(`development server ${dev.url}; contract ${dev.contract ? dev.contract.file : "not found"}`);

async function brokenFeed({ page, step, shot }) {
  await step("a broken feed is said, heals by itself and misses nothing", async () => {
    await page.goto(`${dev.url}/live`);
    await page.waitForSelector(".feed-live");
    dev.feed(false);
    await page.waitForSelector(".banner", { timeout: 8000 });
    const unseen = dev.addCall();
    await page.waitForTimeout(500);
    must((await page.locator(`tr[data-call="${unseen.id}"]`).count()) === 0, "the event came over a broken feed");
    await shot("stale");
    dev.feed(true);
    await page.waitForSelector(".feed-live", { timeout: 15000 });
    await page.waitForSelector(`tr[data-call="${unseen.id}"]`, { timeout: 5000 });
    await page.waitForSelector(".banner", { state: "detached" });
  });
  await step("after stream.reset the board is the new snapshot", async () => {
    await page.waitForSelector(".feed-live");
    dev.feed(false);
    const { gone, come } = dev.rebirth();
    dev.feed(true);
    await page.waitForSelector(`tr[data-call="${come}"]`, { timeout: 10000 });
    const ids = await page.evaluate(async () => {
      const box = document.querySelector(".board");
      const seen = new Set();
      for (box.scrollTop = 0; ; box.scrollTop += 300) {
        await new Promise((done) => setTimeout(done, 60));
        for (const row of document.querySelectorAll("tr[data-call]")) seen.add(row.dataset.call);
        if (box.scrollTop + box.clientHeight >= box.scrollHeight - 2) break;
      }
      box.scrollTop = 0;
      return [...seen];
    });
    must(ids.length > 20 && !ids.includes(gone), "a call that ended unheard still stands on the board");
  });
  await step("listening stops when the call ends", async () => {
    const row = page.locator("tr[data-call]:has(.s-answered):has(button)").first();
    const id = await row.getAttribute("data-call");
    await page.locator(`tr[data-call="${id}"] button`).click();
    await page.waitForSelector('.dock[data-status="playing"]');
    await page.waitForTimeout(600);
    dev.endCall(id);
    await page.waitForSelector('.dock[data-status="ended"]', { timeout: 5000 });
    must((await page.textContent(".dock-message")).includes("ended"), "the dock does not say so");
    await page.click(".dock-end .button:last-child");
  });
  await step("more pages by keyset", async () => {
    await page.goto(`${dev.url}/calls`);
    await page.waitForSelector(".grid tbody tr");
    const before = await page.locator(".grid tbody tr").count();
    await page.click(".button.more");
    await page.waitForFunction((n) => document.querySelectorAll(".grid tbody tr").length > n, before);
    const ids = await page.$$eval(".row-link", (all) => all.map((a) => a.href));
    must(new Set(ids).size === ids.length, "a call stands twice");
  });
}

async function manyCalls() {
  const many = await startDevServer({ active: 2000, past: 10, rate: 8 });
  const browser = await openBrowser();
  const page = await browser.newPage({ viewport: { width: 1440, height: 860 } });
  const { step, failed } = makeSteps(page, shots);
  await step("2,000 calls with 20 changes a second: the board stays windowed and smooth", async () => {
    await page.goto(many.url);
    await page.fill("[name=login]", "admin");
    await page.fill("[name=password]", "callmesh");
    await page.click("button[type=submit]");
    await page.waitForFunction(() => Number(document.querySelector("[data-total]")?.textContent.replace(/\D/g, "")) >= 1900, null, { timeout: 15000 });
    const rows = await page.locator("tr[data-call]").count();
    must(rows > 15 && rows < 80, `${rows} rows stand in the document`);
    const client = await page.context().newCDPSession(page);
    await client.send("Performance.enable", { timeDomain: "threadTicks" }); // CPU time: other work here does not count
    const work = async () => {
      const { metrics } = await client.send("Performance.getMetrics");
      const of = (name) => metrics.find((m) => m.name === name).value;
      return 1000 * (of("ScriptDuration") + of("LayoutDuration") + of("RecalcStyleDuration"));
    };
    const workBefore = await work();
    const frames = await page.evaluate(async () => {
      const box = document.querySelector(".board");
      const times = [];
      let last = performance.now();
      for (let i = 0; i < 120; i++) {
        box.scrollTop += 300;
        await new Promise((done) => requestAnimationFrame(done));
        times.push(performance.now() - last);
        last = performance.now();
      }
      times.sort((a, b) => a - b);
      return { median: times[60], p95: times[114] };
    });
    // What the page itself costs; the frame time also holds Chromium's painting by CPU and whatever else runs here.
    const own = ((await work()) - workBefore) / 120;
    must(own < 16, `script, style and layout take ${own.toFixed(1)} ms a frame`);
    const last = await page.$$eval("tr[data-call]", (all) => Number(all[all.length - 1].getAttribute("aria-rowindex")));
    must(last > 500, `scrolled to row ${last} only`);
    return `${rows} rows in the document, own work ${own.toFixed(1)} ms a frame, frame median ${frames.median.toFixed(1)} ms, p95 ${frames.p95.toFixed(1)} ms`;
  });
  await step("the page's memory stays where it is while calls come and go", async () => {
    const client = await page.context().newCDPSession(page);
    const look = async () => {
      await client.send("HeapProfiler.collectGarbage");
      const { usedSize } = await client.send("Runtime.getHeapUsage");
      const { nodes } = await client.send("Memory.getDOMCounters");
      return { usedSize, nodes, calls: Number((await page.textContent("[data-total]")).replace(/\D/g, "")) };
    };
    await page.waitForTimeout(3000);
    const before = await look();
    await page.waitForTimeout(25000);
    const after = await look();
    const rows = await page.locator("tr[data-call]").count();
    must(after.nodes < rows * 120 + 2000, `${after.nodes} nodes for ${rows} rows`);
    const more = Math.max(0, after.calls - before.calls) * 5000; // the generated mesh grows a little; a call is under 5 kB
    must(after.usedSize < before.usedSize * 1.08 + more + 200_000, `heap grew from ${before.usedSize} to ${after.usedSize} B`);
    return `${(before.usedSize / 1e6).toFixed(2)} MB with ${before.calls} calls, 25 s later ${(after.usedSize / 1e6).toFixed(2)} MB with ${after.calls}, ${after.nodes} nodes`;
  });
  await browser.close();
  many.close();
  return failed.length === 0 && (many.contract?.failures.length ?? 0) === 0;
}

const first = await runE2e({ base: dev.url, login: "admin", password: "callmesh", live: true, leftHz: 440, rightHz: 660, wait: 20, maxDelayMs: 400, shots }, brokenFeed);
dev.close();
const second = await manyCalls();
const lies = dev.contract?.failures ?? [];
if (lies.length > 0) console.log(`FAILED  the development server broke the contract ${lies.length} times: ${lies[0]}`);
process.exit(first && second && lies.length === 0 ? 0 : 1);

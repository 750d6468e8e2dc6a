// Builds the page into dist/: hashed names under assets/, a gzip twin beside each text file.
// `--tests` bundles the unit tests into a folder that goes away and runs them instead. Needs Node 18 or later.
import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

const here = new URL(".", import.meta.url).pathname;
const src = (name) => join(here, "src", name);
const common = {
  bundle: true,
  format: "esm",
  target: ["es2021"],
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
};

if (process.argv.includes("--tests")) {
  const out = mkdtempSync(join(tmpdir(), "callmesh-dashboard-"));
  const tests = readdirSync(join(here, "src")).filter((f) => f.endsWith(".test.ts"));
  await build({ ...common, entryPoints: tests.map(src), outdir: out, outExtension: { ".js": ".mjs" }, entryNames: "[name]", platform: "node", sourcemap: "inline" });
  const files = tests.map((name) => join(out, name.replace(/ts$/, "mjs")));
  const run = spawnSync(process.execPath, ["--test", "--test-reporter=tap", ...files], { stdio: "inherit" });
  rmSync(out, { recursive: true, force: true });
  process.exit(run.status ?? 1);
}

const dist = join(here, "dist");
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const product = { ...common, minify: true, metafile: true, legalComments: "none", outdir: join(dist, "assets"), entryNames: "[name]-[hash]" };
const outOf = (result, ext) => basename(Object.keys(result.metafile.outputs).find((name) => name.endsWith(ext)));

// The worklet first: the page must know its hashed name.
const worklet = await build({ ...product, entryPoints: [src("worklet.ts")] });
const workletUrl = `/assets/${outOf(worklet, ".js")}`;
const page = await build({
  ...product,
  entryPoints: [src("main.tsx")],
  define: { WORKLET_URL: JSON.stringify(workletUrl) },
});
const icon = readFileSync(join(here, "public/favicon.svg"));
writeFileSync(join(dist, "favicon.svg"), icon);
writeFileSync(
  join(dist, "index.html"),
  readFileSync(join(here, "public/index.html"), "utf8")
    .replace("%CSS%", `/assets/${outOf(page, ".css")}`)
    .replace("%JS%", `/assets/${outOf(page, ".js")}`),
);

let first = 0;
for (const dir of [dist, join(dist, "assets")]) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) continue;
    const body = readFileSync(path);
    const packed = gzipSync(body, { level: 9 });
    writeFileSync(`${path}.gz`, packed);
    if (!name.startsWith("worklet")) first += packed.length;
    console.log(`${path.slice(dist.length + 1).padEnd(34)} ${String(body.length).padStart(7)} B  ${String(packed.length).padStart(6)} B gz`);
  }
}
const limit = 60 * 1024;
console.log(`first load ${first} B gz of ${limit}`);
if (first > limit) {
  console.error("the first load is over its budget");
  process.exit(1);
}

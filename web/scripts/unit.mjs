// Runs test/*.test.ts by node's own runner, each bundled to plain JavaScript before.
import { spawnSync } from "node:child_process";
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = join(web, "node_modules/.unit");
const tests = (await readdir(join(web, "test"))).filter((name) => name.endsWith(".test.ts"));
await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });
await build({
  absWorkingDir: web,
  entryPoints: tests.map((name) => `test/${name}`),
  bundle: true,
  format: "esm",
  platform: "node",
  outExtension: { ".js": ".mjs" },
  outdir,
  sourcemap: "inline",
  logLevel: "warning",
});
const built = tests.map((name) => join(outdir, name.replace(/\.ts$/, ".mjs")));
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...built], {
  cwd: web,
  stdio: "inherit",
});
process.exitCode = status ?? 1;

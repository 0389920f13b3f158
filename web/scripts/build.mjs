// Builds hrdem/app/static/: the same bytes from the same sources, wherever it runs.
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const maplibre = join(web, "node_modules/maplibre-gl");
const outputs = process.argv[2] ?? join(web, "../hrdem/app/static");

/** Files of other rooms: the map's data is made by the scripts in web/data. */
const FOREIGN = ["data"];

const named = (name, content) => {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 10);
  return name.replace(".", `-${hash}.`);
};

async function write(name, content) {
  await writeFile(join(outputs, name), content);
  return name;
}

/** Bundles one entry and gives the text of its only output. */
async function bundle(entry, options = {}) {
  const { outputFiles } = await build({
    absWorkingDir: web,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022", "chrome123", "firefox120", "safari17.5"],
    legalComments: "none",
    charset: "utf8",
    write: false,
    logLevel: "warning",
    ...options,
  });
  return outputFiles[0].text;
}

async function load(entry) {
  const code = await bundle(entry, { minify: false });
  return import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);
}

const escapeHtml = (text) =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");

const drawIcon = (path) =>
  `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="${path}"/></svg>`;

/** The template with its {{words}}, {{files}} and {{@icons}} filled in. */
function fill(template, values, paths) {
  return template.replace(/\{\{(@?)(\w+)\}\}/g, (_, at, key) => {
    const known = at ? paths : values;
    if (!(key in known)) throw new Error(`index.html names {{${at}${key}}}, which is not known.`);
    return at ? drawIcon(known[key]) : escapeHtml(known[key]);
  });
}

await mkdir(outputs, { recursive: true });
for (const name of await readdir(outputs)) {
  if (!FOREIGN.includes(name)) await rm(join(outputs, name), { recursive: true });
}

const mapCode = await readFile(join(maplibre, "dist/maplibre-gl.mjs"));
const workerCode = await readFile(join(maplibre, "dist/maplibre-gl-worker.mjs"));
const mapName = await write(named("maplibre-gl.mjs", mapCode), mapCode);
const workerName = await write(named("maplibre-gl-worker.mjs", workerCode), workerCode);
await cp(join(maplibre, "LICENSE.txt"), join(outputs, "maplibre-gl-LICENSE.txt"));

const code = await bundle("src/main.ts", {
  external: ["/static/*"],
  define: {
    MAP_MODULE: JSON.stringify(`/static/${mapName}`),
    MAP_WORKER: JSON.stringify(`/static/${workerName}`),
  },
});
const start = await bundle("src/start.ts", { format: "iife" });
const style = await bundle("src/style.css", { loader: { ".svg": "dataurl" } });

const files = {
  main: await write(named("page.js", code), code),
  start: await write(named("start.js", start), start),
  style: await write(named("style.css", style), style),
};
await cp(join(web, "src/icon.svg"), join(outputs, "icon.svg"));

const template = await readFile(join(web, "src/index.html"), "utf8");
const { WORDS } = await load("src/words/index.ts");
const { PATHS } = await load("src/dom/icon_paths.ts");
for (const [language, words] of Object.entries(WORDS)) {
  const texts = Object.fromEntries(
    Object.entries(words).filter(([, value]) => typeof value === "string"),
  );
  const page = fill(template, { ...texts, ...files, language }, PATHS);
  await write(language === "en" ? "index.html" : `index.${language}.html`, page);
}

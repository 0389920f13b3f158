import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { en } from "../src/words/en.ts";
import { fr } from "../src/words/fr.ts";

const SOURCES = "src";

/** Texts that are for the browser, not for people: keys, GeoJSON, MapLibre, HTTP. */
const NOT_WORDS = new Set([
  ...["Enter", "Escape", "Backspace", "Home", "End", "PageUp", "PageDown"],
  ...["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Files", "AbortError"],
  ...["Feature", "FeatureCollection", "Point", "LineString", "Polygon"],
  ...["Map.Title", "NavigationControl.ZoomIn", "NavigationControl.ZoomOut"],
  "Content-Type",
]);

const sources = (): string[] =>
  readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".ts") && !name.startsWith("words"),
  );

/** The texts in quotes of a source, without its comments. */
function literals(code: string): string[] {
  const bare = code.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
  return [...bare.matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].map(([, text]) => text ?? "");
}

test("both languages have the same words", () => {
  assert.deepEqual(Object.keys(fr).sort(), Object.keys(en).sort());
  for (const [key, english] of Object.entries(en)) {
    const french = fr[key as keyof typeof fr];
    assert.equal(typeof french, typeof english, key);
    if (typeof english === "function" && typeof french === "function") {
      assert.equal(french.length, english.length, key);
    }
  }
});

test("every word is used", () => {
  const page = readFileSync(join(SOURCES, "index.html"), "utf8");
  const names = readFileSync(join(SOURCES, "words/names.ts"), "utf8");
  const code = sources().map((name) => readFileSync(join(SOURCES, name), "utf8"));
  const all = [page, names, ...code].join("\n");
  const unused = Object.keys(en).filter((key) => !new RegExp(`\\b${key}\\b`).test(all));
  assert.deepEqual(unused, []);
});

test("no source but the words has a text for people", () => {
  for (const name of sources()) {
    const found = literals(readFileSync(join(SOURCES, name), "utf8")).filter(
      (text) => /^[A-ZÀ-Ý][a-zà-ÿ]{2,}/.test(text) && !NOT_WORDS.has(text),
    );
    assert.deepEqual(found, [], name);
  }
});

test("the page itself has no text for people but in its words", () => {
  const page = readFileSync(join(SOURCES, "index.html"), "utf8");
  const texts = page.replace(/\{\{@?\w+\}\}/g, "").replace(/<[^>]*>/g, " ");
  assert.doesNotMatch(texts, /[a-z]{2,}/i);
});

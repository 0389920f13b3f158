import { findCrs, isAborted } from "../api/client.ts";
import { fill, h } from "../dom/element.ts";
import { trouble, troubleOf } from "../dom/trouble.ts";
import type { Trouble } from "../state/state.ts";
import type { Words } from "../words/index.ts";

const PAUSE_MILLISECONDS = 150;

/** The code of a number, or of a code as it is; null for a name, which the server looks up. */
export function parseCrs(text: string): string | null {
  const [, digits] = /^(?:EPSG:)?(\d{4,6})$/i.exec(text.trim()) ?? [];
  return digits === undefined ? null : `EPSG:${digits}`;
}

/** A field for a coordinate system: names are offered while typing, and become their code. */
export function createCrsField(
  field: HTMLInputElement,
  list: HTMLElement,
  words: Words,
  onChange: (problem: Trouble | null) => void,
): void {
  let timer = 0;
  let request = new AbortController();

  async function look(text: string): Promise<string | null> {
    request.abort();
    request = new AbortController();
    const found = await findCrs(text, request.signal);
    fill(list, ...found.map(({ code, name }) => h("option", { value: code }, `${name} (${code})`)));
    return found[0]?.code ?? null;
  }

  async function resolve(text: string): Promise<void> {
    try {
      const code = await look(text);
      if (field.value.trim() !== text) return; // changed meanwhile
      if (code === null) {
        onChange(trouble(words.crs_none(text), words.crs_none_hint));
        return;
      }
      field.value = code;
      onChange(null);
    } catch (error) {
      if (!isAborted(error)) onChange(troubleOf(error, words));
    }
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    const text = field.value.trim();
    if (text.length < 2 || parseCrs(text) !== null) return;
    timer = window.setTimeout(() => look(text).catch(() => undefined), PAUSE_MILLISECONDS);
  });
  field.addEventListener("change", (event) => {
    clearTimeout(timer);
    const text = field.value.trim();
    if (text === "" || parseCrs(text) !== null) return; // the form reads it
    event.stopPropagation();
    resolve(text);
  });
}

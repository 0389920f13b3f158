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

/** Whether the text has to be looked up. */
export const isName = (text: string): boolean => text.trim() !== "" && parseCrs(text) === null;

/** A field for a coordinate system: names are offered while typing, and become their code. */
export function createCrsField(
  field: HTMLInputElement,
  list: HTMLElement,
  words: Words,
  onChange: (problem: Trouble | null) => void,
): void {
  let timer = 0;
  let request = new AbortController();
  let sought: string | null = null; // the name that is looked up, or was not found

  async function look(text: string): Promise<string | null> {
    request.abort();
    request = new AbortController();
    const found = await findCrs(text, request.signal);
    fill(list, ...found.map(({ code, name }) => h("option", { value: code }, `${name} (${code})`)));
    return found[0]?.code ?? null;
  }

  async function resolve(text: string): Promise<void> {
    sought = text;
    onChange(null);
    try {
      const code = await look(text);
      if (sought !== text) return; // changed meanwhile
      if (code === null) {
        onChange(trouble(words.crs_none(text), words.crs_none_hint));
        return;
      }
      field.value = code;
      onChange(null);
    } catch (error) {
      if (isAborted(error) || sought !== text) return;
      sought = null; // so that it is looked up again
      onChange(troubleOf(error, words));
    }
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    sought = null;
    const text = field.value.trim();
    if (text.length < 2 || !isName(text)) return;
    timer = window.setTimeout(() => look(text).catch(() => undefined), PAUSE_MILLISECONDS);
  });
  // a change that was taken back until the field is left is no `change`
  for (const left of ["change", "blur"]) {
    field.addEventListener(left, () => {
      clearTimeout(timer);
      const text = field.value.trim();
      if (isName(text) && text !== sought) void resolve(text);
    });
  }
}

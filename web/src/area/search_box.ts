import { findPlaces, isAborted } from "../api/client.ts";
import type { Candidate, Position } from "../api/types.ts";
import { announce } from "../dom/announce.ts";
import { byId, fill, h } from "../dom/element.ts";
import { trouble, troubleOf } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import type { AreaStep, Found } from "./area_step.ts";

const PAUSE_MILLISECONDS = 150;
const KINDS = {
  sheet: "kind_sheet",
  point: "kind_point",
  box: "kind_box",
  place: "kind_place",
} as const;

/** The search field: a combobox as the ARIA practices describe it. */
export function createSearchBox(
  { words, language }: Page,
  area: AreaStep,
  goTo: (at: Position) => void,
): void {
  const form = byId("search");
  const input = byId<HTMLInputElement>("search-text");
  const list = byId("search-list");
  let candidates: Candidate[] = [];
  let active = -1;
  let foundFor = ""; // the text that the list answers
  let timer = 0;
  let request = new AbortController();

  function close(): void {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  }

  function stop(): void {
    clearTimeout(timer);
    request.abort();
    close();
  }

  /** The area of what was found; of a place, which has none, the map shows where to draw one. */
  function pick({ label, area: found, lon, lat }: Candidate): Found | null {
    input.value = label;
    if (found) return { area: found, label };
    if (lon !== null && lat !== null) goTo([lon, lat]);
    return null;
  }

  function choose(candidate: Candidate): void {
    stop();
    void area.useFound(async () => pick(candidate));
  }

  function mark(index: number): void {
    active = index;
    for (const [place, option] of [...list.children].entries()) {
      option.setAttribute("aria-selected", String(place === index));
      if (place === index) {
        input.setAttribute("aria-activedescendant", option.id);
        option.scrollIntoView({ block: "nearest" });
      }
    }
  }

  function show(found: Candidate[]): void {
    candidates = found;
    fill(
      list,
      ...found.map((candidate, index) =>
        h(
          "div",
          {
            id: `search-option-${index}`,
            role: "option",
            "aria-selected": "false",
            mousedown: (event) => event.preventDefault(), // keeps the focus in the field
            click: () => choose(candidate),
          },
          h("span", {}, candidate.label),
          h("span", { class: "small" }, candidate.detail ?? words[KINDS[candidate.kind]]),
        ),
      ),
    );
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(found.length > 0));
    announce(words.search_count(found.length));
    if (found.length > 0) mark(0);
  }

  /** Lists what there is while somebody types. */
  async function look(text: string): Promise<void> {
    request = new AbortController();
    try {
      const found = await findPlaces(text, language, request.signal);
      foundFor = text;
      area.show(null);
      show(found);
    } catch (error) {
      if (!isAborted(error)) area.show(troubleOf(error, words));
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    request.abort();
    const text = input.value.trim();
    if (text.length < 2) close();
    else timer = window.setTimeout(() => look(text), PAUSE_MILLISECONDS);
  });

  function step(by: number): void {
    if (candidates.length === 0) return;
    if (list.hidden) show(candidates);
    else mark((active + by + candidates.length) % candidates.length);
  }

  input.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") close();
    if (by === undefined) return;
    event.preventDefault();
    step(by);
  });

  input.addEventListener("blur", stop);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "") return;
    const chosen = list.hidden || foundFor !== text ? undefined : candidates[active];
    if (chosen) {
      choose(chosen);
      return;
    }
    stop();
    void area.useFound(async (signal) => {
      const [first] = await findPlaces(text, language, signal);
      if (input.value.trim() !== text) return null; // changed meanwhile
      if (first) return pick(first);
      area.show(trouble(words.search_none(text), words.search_none_hint));
      return null;
    });
  });
}

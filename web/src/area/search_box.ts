import { findPlaces, isAborted } from "../api/client.ts";
import type { Candidate, Position } from "../api/types.ts";
import { announce } from "../dom/announce.ts";
import { byId, fill, h } from "../dom/element.ts";
import { trouble, troubleOf } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import type { AreaStep } from "./area_step.ts";

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

  function choose(candidate: Candidate): void {
    close();
    input.value = candidate.label;
    if (candidate.area) void area.useArea(candidate.area, candidate.label);
    else if (candidate.lon !== null && candidate.lat !== null) goTo([candidate.lon, candidate.lat]);
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

  async function search(text: string): Promise<Candidate[] | null> {
    request.abort();
    request = new AbortController();
    try {
      const found = await findPlaces(text, language, request.signal);
      foundFor = text;
      area.show(null);
      show(found);
      return found;
    } catch (error) {
      if (!isAborted(error)) area.show(troubleOf(error, words));
      return null;
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    const text = input.value.trim();
    if (text.length < 2) {
      request.abort();
      close();
      return;
    }
    timer = window.setTimeout(() => search(text), PAUSE_MILLISECONDS);
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

  input.addEventListener("blur", close);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    const text = input.value.trim();
    if (text === "") return;
    const chosen = list.hidden || foundFor !== text ? undefined : candidates[active];
    if (chosen) {
      choose(chosen);
      return;
    }
    const found = await search(text);
    const [first] = found ?? [];
    if (first) choose(first);
    else if (found) area.show(trouble(words.search_none(text), words.search_none_hint));
  });
}

import { fetchHeight, fetchProfile, isAborted, type Measured } from "../api/client.ts";
import type { Height, Position } from "../api/types.ts";
import { byId, fill, h } from "../dom/element.ts";
import { showTrouble, trouble, troubleOf } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import { withUnit } from "../words/names.ts";
import { profileChart, seen } from "./profile_chart.ts";

const MEASURABLE = ["dtm", "dsm", "chm"];

export interface Measuring {
  height(at: Position): Promise<void>;
  profile(line: Position[]): Promise<void>;
  close(): void;
}

/** Heights at a point and profiles along a line, in a card over the map. */
export function createMeasuring(page: Page, onStation: (at: Position | null) => void): Measuring {
  const { store, words, formats } = page;
  const card = byId("measured");
  const title = byId("measured-title");
  const body = byId("measured-body");
  let running = new AbortController();

  const measured = (): Measured => {
    const { products, collection, fill: others } = store.get().choices;
    const product = products.find((name) => MEASURABLE.includes(name)) ?? "dtm";
    return { product, collection, fill: others };
  };

  async function show<T>(
    name: string,
    find: (signal: AbortSignal) => Promise<T>,
    draw: (found: T) => HTMLElement | null,
  ): Promise<void> {
    running.abort();
    running = new AbortController();
    const { signal } = running;
    onStation(null);
    title.textContent = name;
    card.hidden = false;
    fill(body, h("p", { class: "small" }, words.looking_up));
    try {
      const drawn = draw(await find(signal));
      if (drawn) fill(body, drawn);
      else showTrouble(body, trouble(words.height_none, words.try_height));
    } catch (error) {
      if (!isAborted(error)) showTrouble(body, troubleOf(error, words));
    }
  }

  function heightCard(at: Position, found: Height): HTMLElement | null {
    if (found.value === null) return null;
    const { value, unit, source, survey, year, vertical_datum: datum } = found;
    const fact = (name: string, text: string | null) =>
      text === null ? null : h("div", {}, h("dt", {}, name), h("dd", {}, text));
    const dated = survey === null || year === null ? survey : `${survey} (${year})`;
    return h(
      "div",
      {},
      h("p", { class: "reading" }, withUnit(formats.number(value), unit)),
      h("p", { class: "small" }, formats.position(at)),
      h(
        "dl",
        { class: "facts" },
        fact(words.height_datum, datum),
        fact(words.height_survey, dated),
        fact(words.height_source, source),
      ),
    );
  }

  function close(): void {
    running.abort();
    const focused = card.contains(document.activeElement);
    const tool = store.get().line ? "line" : "height";
    card.hidden = true;
    if (focused) document.querySelector<HTMLElement>(`#map-bar [data-tool=${tool}]`)?.focus();
    onStation(null);
    store.set({ point: null, line: null, tool: "move" });
  }

  byId("measured-close").addEventListener("click", close);
  card.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });

  return {
    height(at) {
      store.set({ point: at, line: null });
      return show(
        words.height_at,
        (signal) => fetchHeight(at, measured(), signal),
        (found) => heightCard(at, found),
      );
    },
    profile(line) {
      store.set({ line, point: null });
      return show(
        words.profile,
        (signal) => fetchProfile(line, measured(), signal),
        (found) =>
          seen(found.stations).length === 0
            ? null
            : profileChart(page, found, (station) =>
                onStation(station && [station.lon, station.lat]),
              ),
      );
    },
    close,
  };
}

import type { Profile, Station } from "../api/types.ts";
import { h, svg } from "../dom/element.ts";
import type { Page } from "../page.ts";
import { withUnit } from "../words/names.ts";

const WIDTH = 560;
const NARROW_WIDTH = 320; // whose letters a phone does not shrink
const NARROW = "(max-width: 760px)"; // as in style.css
const HEIGHT = 150;
const LEFT = 52;
const FOOT = 22;

type Seen = Station & { value: number };

export const seen = (stations: readonly Station[]): Seen[] =>
  stations.filter((station): station is Seen => station.value !== null);

/** Metres climbed and descended along the stations that have data. */
export function climbs(stations: readonly Station[]): { climb: number; descent: number } {
  let [climb, descent] = [0, 0];
  const known = seen(stations);
  for (const [index, { value }] of known.entries()) {
    const rise = value - (known[index - 1]?.value ?? value);
    if (rise > 0) climb += rise;
    else descent -= rise;
  }
  return { climb, descent };
}

/** The runs of stations with data: a gap breaks the line. */
export function runs(stations: readonly Station[]): Seen[][] {
  const found: Seen[][] = [];
  let open: Seen[] | null = null;
  for (const station of stations) {
    if (station.value === null) open = null;
    else if (open) open.push(station as Seen);
    else {
      open = [station as Seen];
      found.push(open);
    }
  }
  return found;
}

/** A profile as a drawing that follows the pointer and the arrow keys, and as a table. */
export function profileChart(
  page: Page,
  { stations, unit }: Profile,
  onStation: (station: Station | null) => void,
): HTMLElement {
  const { words, formats } = page;
  const named = (value: number) => withUnit(formats.number(value), unit);
  const chartWidth = matchMedia(NARROW).matches ? NARROW_WIDTH : WIDTH;
  const values = seen(stations).map(({ value }) => value);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const length = stations.at(-1)?.distance ?? 0;
  const span = high - low || 1;
  const x = (distance: number) => LEFT + (distance / (length || 1)) * (chartWidth - LEFT - 8);
  const y = (value: number) => 8 + (1 - (value - low) / span) * (HEIGHT - 16);
  const lines = runs(stations).map((run) =>
    svg("polyline", {
      points: run.map((s) => `${x(s.distance).toFixed(1)},${y(s.value).toFixed(1)}`).join(" "),
    }),
  );
  const text = (at: [number, number], anchor: string, content: string) =>
    svg("text", { x: at[0], y: at[1], "text-anchor": anchor }, content);
  const mark = svg("circle", { class: "mark", r: 5, visibility: "hidden" });
  const reading = h("output", { class: "small" }, "\u00a0");

  const drawing = svg(
    "svg",
    {
      class: "chart profile",
      viewBox: `0 0 ${chartWidth} ${HEIGHT + FOOT}`,
      role: "slider",
      tabindex: 0,
      "aria-label": words.profile_alt(formats.distance(length), named(low), named(high)),
      "aria-valuemin": 0,
      "aria-valuemax": Math.round(length),
      "aria-valuenow": 0,
    },
    svg("line", { class: "axis", x1: LEFT, y1: HEIGHT, x2: chartWidth, y2: HEIGHT }),
    text([LEFT - 6, y(high) + 6], "end", formats.number(high)),
    text([LEFT - 6, y(low)], "end", formats.number(low)),
    text([LEFT, HEIGHT + FOOT - 5], "start", formats.distance(0)),
    text([chartWidth, HEIGHT + FOOT - 5], "end", formats.distance(length)),
    ...lines,
    mark,
  );

  let at = 0;
  function point(index: number): void {
    at = Math.max(0, Math.min(stations.length - 1, index));
    const station = stations[at];
    if (!station) return;
    const height = station.value === null ? words.height_none : named(station.value);
    const told = words.station(formats.distance(station.distance), height);
    reading.textContent = told;
    drawing.setAttribute("aria-valuenow", String(Math.round(station.distance)));
    drawing.setAttribute("aria-valuetext", told);
    mark.setAttribute("visibility", station.value === null ? "hidden" : "visible");
    mark.setAttribute("cx", String(x(station.distance)));
    mark.setAttribute("cy", String(y(station.value ?? low)));
    onStation(station);
  }

  drawing.addEventListener("pointermove", (event) => {
    const { left, width } = drawing.getBoundingClientRect();
    const share = (((event.clientX - left) / width) * chartWidth - LEFT) / (chartWidth - LEFT - 8);
    point(Math.round(share * (stations.length - 1)));
  });
  const large = Math.max(1, Math.round(stations.length / 10));
  const steps: Record<string, () => number> = {
    ArrowRight: () => at + 1,
    ArrowUp: () => at + 1,
    ArrowLeft: () => at - 1,
    ArrowDown: () => at - 1,
    PageUp: () => at + large,
    PageDown: () => at - large,
    Home: () => 0,
    End: () => stations.length - 1,
  };
  drawing.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    point(step());
  });

  return h("div", {}, drawing, reading, figures(page, stations, named), table(page, stations));
}

function figures(page: Page, stations: Station[], named: (value: number) => string): HTMLElement {
  const { words, formats } = page;
  const { climb, descent } = climbs(stations);
  const slopes = stations.flatMap(({ slope }) => (slope === null ? [] : [Math.abs(slope)]));
  const fact = (name: string, value: string) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl",
    { class: "facts" },
    fact(words.length, formats.distance(stations.at(-1)?.distance ?? 0)),
    fact(words.climb, named(climb)),
    fact(words.descent, named(descent)),
    slopes.length > 0 ? fact(words.steepest, `${formats.number(Math.max(...slopes), 1)}°`) : null,
  );
}

function table({ words, formats }: Page, stations: Station[]): HTMLElement {
  const heads = [words.distance, words.height, words.slope];
  const cell = (value: number | null, digits: number) =>
    h("td", {}, value === null ? "" : formats.number(value, digits));
  const rows = () =>
    stations.map(({ distance, value, slope }) =>
      h("tr", {}, cell(distance, 1), cell(value, 2), cell(slope, 1)),
    );
  const body = h("tbody");
  const details = h(
    "details",
    {
      toggle: () => {
        if (body.childElementCount === 0) body.append(...rows());
      },
    },
    h("summary", {}, words.as_table),
    h(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": words.profile },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
        body,
      ),
    ),
  );
  return details;
}

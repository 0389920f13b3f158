import type { View } from "../api/types.ts";
import { h, svg } from "../dom/element.ts";
import type { Page } from "../page.ts";
import { withUnit } from "../words/names.ts";

const WIDTH = 320;
const HEIGHT = 120;
const FOOT = 18;

/** A histogram as a drawing, with its numbers as a table for those who cannot see it. */
export function histogram(
  { words, formats }: Page,
  { edges, counts }: View["histogram"],
  unit: string | null,
): HTMLElement {
  const named = (value: number) => withUnit(formats.number(value), unit);
  const total = Math.max(
    1,
    counts.reduce((sum, count) => sum + count, 0),
  ); // of large files, a part
  const most = Math.max(1, ...counts);
  const step = WIDTH / Math.max(1, counts.length);
  const bars = counts.map((count, index) => {
    const height = (count / most) * HEIGHT;
    return svg("rect", {
      x: (index * step).toFixed(2),
      y: (HEIGHT - height).toFixed(2),
      width: Math.max(0.5, step - 0.5).toFixed(2),
      height: height.toFixed(2),
    });
  });
  const [low, high] = [edges[0] ?? 0, edges.at(-1) ?? 0];
  const peak = edges[counts.indexOf(most)] ?? low;
  const label = (x: number, anchor: string, text: string) =>
    svg("text", { x, y: HEIGHT + FOOT - 4, "text-anchor": anchor }, text);
  const drawing = svg(
    "svg",
    {
      class: "chart",
      viewBox: `0 0 ${WIDTH} ${HEIGHT + FOOT}`,
      role: "img",
      "aria-label": words.histogram_alt(named(low), named(high), named(peak)),
    },
    svg("g", { class: "bars" }, ...bars),
    svg("line", { class: "axis", x1: 0, y1: HEIGHT, x2: WIDTH, y2: HEIGHT }),
    label(0, "start", named(low)),
    label(WIDTH, "end", named(high)),
  );
  const rows = counts.map((count, index) =>
    h(
      "tr",
      {},
      h("td", {}, formats.number(edges[index] ?? 0)),
      h("td", {}, formats.number(edges[index + 1] ?? 0)),
      h("td", {}, formats.percent((100 * count) / total)),
    ),
  );
  return h(
    "figure",
    {},
    h("figcaption", {}, words.histogram),
    drawing,
    h(
      "details",
      {},
      h("summary", {}, words.as_table),
      h(
        "div",
        { class: "scroll", tabindex: 0, role: "region", "aria-label": words.histogram },
        h(
          "table",
          {},
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ...[words.from, words.to, words.share].map((word) => h("th", { scope: "col" }, word)),
            ),
          ),
          h("tbody", {}, ...rows),
        ),
      ),
    ),
  );
}

import type { Estimate } from "../api/types.ts";
import { coarser } from "../choices/choices_form.ts";
import { byId, fill, h } from "../dom/element.ts";
import { icon } from "../dom/icons.ts";
import { showTrouble } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import type { Estimated } from "../state/state.ts";
import { collectionName } from "../words/names.ts";

const MAX_SURVEYS = 8;

/** Step 3: what the request costs and what there is, before anything is downloaded. */
export function createEstimateView(page: Page, retry: () => void): void {
  const { store, words } = page;
  const body = byId("estimate");
  const section = byId("estimate-section");
  const short = byId("summary");

  function render(estimated: Estimated): void {
    section.hidden = estimated.state === "none";
    body.setAttribute("aria-busy", String(estimated.state === "working"));
    switch (estimated.state) {
      case "none":
        fill(body);
        short.textContent = words.choose_area_first;
        break;
      case "working":
        if (!estimated.last) {
          fill(body, h("p", { class: "small" }, words.estimating));
          short.textContent = words.estimating;
        }
        break;
      case "failed":
        showTrouble(body, estimated.trouble);
        if (!estimated.trouble.fault) {
          body.append(h("button", { type: "button", click: retry }, words.try_again));
        }
        short.textContent = estimated.trouble.message;
        break;
      case "ready":
        fill(body, ...parts(page, estimated.value));
        short.textContent = summary(page, estimated.value);
        break;
    }
  }

  store.watch(({ estimate }) => estimate, render);
  render(store.get().estimate);
}

const time = ({ words, formats }: Page, seconds: number | null): string =>
  seconds === null ? words.unknown : words.about(formats.duration(seconds));

const bytes = ({ words, formats }: Page, count: number | null): string =>
  count === null ? words.unknown : formats.bytes(count);

function summary(page: Page, estimate: Estimate): string {
  const { words, formats } = page;
  return words.estimate_spoken(
    formats.area(estimate.area_km2),
    bytes(page, estimate.transfer_bytes),
    time(page, estimate.seconds),
    formats.percent(estimate.total_percent),
  );
}

function parts(page: Page, estimate: Estimate): (HTMLElement | null)[] {
  return [
    facts(page, estimate),
    coverage(page, estimate),
    surveys(page, estimate),
    notes(estimate),
  ];
}

function facts(page: Page, estimate: Estimate): HTMLElement {
  const { words, formats } = page;
  const cached = estimate.cached_bytes
    ? words.fact_cached(formats.bytes(estimate.cached_bytes))
    : null;
  const fact = (name: string, value: string, note: string | null = null) =>
    h(
      "div",
      {},
      h("dt", {}, name),
      h("dd", {}, value, note ? h("span", { class: "small" }, note) : null),
    );
  return h(
    "dl",
    { class: "facts" },
    fact(words.fact_transfer, bytes(page, estimate.transfer_bytes), cached),
    fact(words.fact_output, formats.bytes(estimate.output_bytes)),
    fact(words.fact_time, time(page, estimate.seconds)),
    fact(words.fact_area, formats.area(estimate.area_km2)),
    fact(
      words.fact_grid,
      words.grid(formats.count(estimate.width), formats.count(estimate.height)),
      words.cell(formats.number(estimate.resolution[0], 6), estimate.crs),
    ),
  );
}

function coverage(page: Page, estimate: Estimate): HTMLElement {
  const { words, formats, store } = page;
  const { config, choices } = store.get();
  const bars = estimate.coverage.map(({ collection, percent }) => {
    const text = words.coverage_of(collectionName(collection, words), formats.percent(percent));
    return h("li", {}, text, h("progress", { max: 100, value: percent, "aria-label": text }));
  });
  const fillable = coarser(config?.collections ?? [], choices.collection);
  const gaps = estimate.total_percent < 100 && choices.fill.length < fillable.length;
  return h(
    "div",
    { class: "coverage" },
    h("h3", {}, words.coverage),
    h("ul", {}, ...bars),
    estimate.coverage.length > 1
      ? h("p", { class: "small" }, words.coverage_total(formats.percent(estimate.total_percent)))
      : null,
    gaps
      ? h(
          "button",
          {
            type: "button",
            click: () => store.set({ choices: { ...store.get().choices, fill: fillable } }),
          },
          words.fill_now,
        )
      : null,
  );
}

function surveys({ words, formats }: Page, estimate: Estimate): HTMLElement | null {
  if (estimate.surveys === null) return h("p", { class: "small" }, words.surveys_wait);
  if (estimate.surveys.length === 0) {
    return estimate.surveys_unknown ? h("p", { class: "small" }, words.surveys_none) : null;
  }
  const rows = estimate.surveys.slice(0, MAX_SURVEYS).map(({ name, year, percent }) => {
    const written = year === null ? words.unknown : String(year);
    return h("li", {}, words.survey(name, written, formats.percent(percent)));
  });
  return h(
    "details",
    {},
    h("summary", {}, `${words.surveys} (${formats.count(estimate.surveys.length)})`),
    h("ul", { class: "plain small" }, ...rows),
  );
}

function notes(estimate: Estimate): HTMLElement | null {
  if (estimate.warnings.length === 0) return null;
  return h(
    "div",
    { class: "note" },
    icon("warning"),
    h("ul", { class: "plain" }, ...estimate.warnings.map((warning) => h("li", {}, warning))),
  );
}

import type { Estimate } from "../api/types.ts";
import { coarser } from "../choices/choices_form.ts";
import { byId, h, update } from "../dom/element.ts";
import { readable } from "../dom/fault_text.ts";
import { icon } from "../dom/icons.ts";
import { keepInPlace } from "../dom/keep_in_place.ts";
import { showTrouble } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import type { Estimated, Trouble } from "../state/state.ts";
import { collectionName } from "../words/names.ts";

const MAX_SURVEYS = 8;
const NOT_YET = "…";

/** Step 3: what the request costs and what there is, before anything is downloaded. */
export function createEstimateView(page: Page, retry: () => void): void {
  const { store, words } = page;
  const body = byId("estimate");
  const section = byId("estimate-section");
  const short = byId("summary");

  const draw = (...children: (HTMLElement | null)[]) => update(body, h("div", {}, ...children));

  function failure(trouble: Trouble): (HTMLElement | null)[] {
    const problems = h("div");
    showTrouble(problems, trouble);
    const again = h("button", { type: "button", click: retry }, words.try_again);
    return [problems, trouble.temporary ? again : null];
  }

  function render(estimated: Estimated): void {
    section.hidden = estimated.state === "none";
    body.setAttribute("aria-busy", String(estimated.state === "working"));
    switch (estimated.state) {
      case "none":
        draw();
        short.textContent = store.get().area ? words.no_product : words.choose_area_first;
        break;
      case "working":
        if (!estimated.last) {
          draw(...parts(page, null, [])); // as high as it will be: what is below stays
          short.textContent = words.estimating;
        }
        break;
      case "failed":
        draw(...failure(estimated.trouble));
        short.textContent = estimated.trouble.message;
        break;
      case "ready":
        draw(...parts(page, estimated.value, estimated.trouble ? failure(estimated.trouble) : []));
        short.textContent = summary(page, estimated.value);
        break;
    }
  }

  store.watch(
    ({ estimate }) => estimate,
    (estimated) => keepInPlace(byId("jobs-section"), byId("steps"), () => render(estimated)),
  );
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

/** What is shown of an estimate, or of the one that is waited for. */
function parts(
  page: Page,
  estimate: Estimate | null,
  failure: (HTMLElement | null)[],
): (HTMLElement | null)[] {
  const failed = failure.length > 0;
  return [
    facts(page, estimate),
    coverage(page, estimate),
    ...(failed ? [h("h3", {}, page.words.surveys), ...failure] : [surveys(page, estimate)]),
    estimate && notes(page, estimate),
  ];
}

function facts(page: Page, estimate: Estimate | null): HTMLElement {
  const { words, formats } = page;
  type Tell = (estimate: Estimate) => string | null;
  const fact = (name: string, tell: Tell, tellMore: Tell = () => null) => {
    const value = estimate ? tell(estimate) : NOT_YET;
    const more = estimate ? tellMore(estimate) : null;
    const note = more && h("span", { class: "small" }, more);
    return h("div", {}, h("dt", {}, name), h("dd", {}, value, note));
  };
  return h(
    "dl",
    { class: "facts" },
    fact(
      words.fact_transfer,
      (of) => bytes(page, of.transfer_bytes),
      (of) => (of.cached_bytes ? words.fact_cached(formats.bytes(of.cached_bytes)) : null),
    ),
    fact(words.fact_output, (of) => formats.bytes(of.output_bytes)),
    fact(words.fact_time, (of) => time(page, of.seconds)),
    fact(words.fact_area, (of) => formats.area(of.area_km2)),
    fact(
      words.fact_grid,
      (of) => words.grid(formats.count(of.width), formats.count(of.height)),
      (of) => words.cell(formats.number(of.resolution[0], 6), of.crs),
    ),
  );
}

function coverage(page: Page, estimate: Estimate | null): HTMLElement {
  const { words, formats, store } = page;
  const { config, choices } = store.get();
  const percent = (value: number | null) => (value === null ? NOT_YET : formats.percent(value));
  const waited = [choices.collection, ...choices.fill];
  const covered = estimate?.coverage ?? waited.map((collection) => ({ collection, percent: null }));
  const bars = covered.map(({ collection, percent: value }) => {
    const text = words.coverage_of(collectionName(collection, words), percent(value));
    return h("li", {}, text, h("progress", { max: 100, value: value ?? 0, "aria-label": text }));
  });
  const fillable = coarser(config?.collections ?? [], choices.collection);
  const total = estimate?.total_percent ?? null;
  const gaps = total !== null && total < 100 && choices.fill.length < fillable.length;
  return h(
    "div",
    { class: "coverage" },
    h("h3", {}, words.coverage),
    h("ul", {}, ...bars),
    covered.length > 1 ? h("p", { class: "small" }, words.coverage_total(percent(total))) : null,
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

function surveys({ words, formats }: Page, estimate: Estimate | null): HTMLElement | null {
  const told = (text: string, style = "") => h("p", { class: `surveys small ${style}` }, text);
  if (!estimate?.surveys) return told(words.surveys_wait, "waiting");
  if (estimate.surveys.length === 0) {
    return estimate.surveys_unknown ? told(words.surveys_none) : null;
  }
  const rows = estimate.surveys.slice(0, MAX_SURVEYS).map(({ name, year, percent }) => {
    const written = year === null ? words.unknown : String(year);
    return h("li", {}, words.survey(name, written, formats.percent(percent)));
  });
  return h(
    "details",
    { class: "surveys" },
    h("summary", {}, `${words.surveys} (${formats.count(estimate.surveys.length)})`),
    h("ul", { class: "plain small" }, ...rows),
  );
}

/** What the server will not download, and its warnings. */
function notes({ store, words, formats }: Page, estimate: Estimate): HTMLElement | null {
  const warnings = estimate.warnings.map(readable).filter((warning) => warning !== "");
  const limit = store.get().config?.limits["download_bytes"];
  const missing = (estimate.transfer_bytes ?? 0) - (estimate.cached_bytes ?? 0);
  const isTooLarge = typeof limit === "number" && missing > limit;
  if (warnings.length === 0 && !isTooLarge) return null;
  return h(
    "div",
    { class: "note" },
    icon("warning"),
    h(
      "ul",
      { class: "plain" },
      isTooLarge && h("li", {}, words.too_large(formats.bytes(limit))),
      ...warnings.map((warning) => h("li", { lang: "en" }, warning)),
    ),
  );
}

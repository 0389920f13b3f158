import { fetchView, pictureAddress } from "../api/client.ts";
import type { Job, View } from "../api/types.ts";
import { openDialog } from "../dom/dialog.ts";
import { fill, h } from "../dom/element.ts";
import { showTrouble, troubleOf } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import { productName, withUnit } from "../words/names.ts";
import { histogram } from "./histogram.ts";

const STATISTICS = {
  minimum: "stat_minimum",
  mean: "stat_mean",
  maximum: "stat_maximum",
} as const;

/** A look at a finished job: its picture, histogram and statistics, product by product. */
export async function showResult(page: Page, job: Job): Promise<void> {
  const { words } = page;
  const products = job.request.products.map((product) => {
    const body = h("section", { "aria-label": productName(product, words) });
    return { product, body };
  });
  openDialog(
    words.result_of(job.request.products.map((each) => productName(each, words)).join(", ")),
    ...products.map(({ body }) => body),
  );
  await Promise.all(products.map(({ product, body }) => draw(page, job, product, body)));
}

async function draw(page: Page, job: Job, product: string, body: HTMLElement): Promise<void> {
  const { words, language } = page;
  const name = productName(product, words);
  const picture = h("img", {
    class: "quicklook",
    src: pictureAddress(job.id, product, language),
    alt: words.quicklook_alt(name, job.label),
  });
  fill(body, h("h3", {}, name), picture, h("p", { class: "small" }, words.looking_up));
  try {
    const view = await fetchView(job.id, product);
    fill(
      body,
      h("h3", {}, name),
      picture,
      h(
        "div",
        { class: "columns" },
        histogram(page, view.histogram, view.unit),
        statistics(page, view),
      ),
    );
  } catch (error) {
    const problems = h("div", { role: "alert" });
    fill(body, h("h3", {}, name), picture, problems);
    showTrouble(problems, troubleOf(error, words));
  }
}

function statistics({ words, formats }: Page, view: View): HTMLElement {
  const row = (name: string, value: string) =>
    h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value));
  const { statistics: found, unit } = view;
  const rows = Object.entries(STATISTICS).flatMap(([key, word]) => {
    const value = found[key];
    if (typeof value !== "number") return [];
    return [row(words[word], withUnit(formats.number(value), unit))];
  });
  const { pixels, valid } = found;
  if (typeof pixels === "number" && typeof valid === "number") {
    rows.push(row(words.pixels, formats.count(pixels)));
    rows.push(row(words.stat_valid, formats.percent((100 * valid) / Math.max(1, pixels))));
  }
  return h("table", {}, h("caption", {}, words.statistics), h("tbody", {}, ...rows));
}

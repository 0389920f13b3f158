import type { Config } from "../api/types.ts";
import { byId, fill, h } from "../dom/element.ts";
import { showTrouble, trouble } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import type { Choices, Estimated, Trouble } from "../state/state.ts";
import { collectionName } from "../words/names.ts";
import { createCrsField, isName, parseCrs } from "./crs_field.ts";

const OTHER = "other";

/** null for an empty text, NaN for one that is no positive number. */
export function parseResolution(text: string): number | null {
  if (text.trim() === "") return null;
  const value = Number(text.trim().replace(",", "."));
  return value > 0 && Number.isFinite(value) ? value : Number.NaN;
}

/** The mosaics that are coarser than the one chosen: only they can fill its gaps. */
export function coarser(collections: Config["collections"], chosen: string): string[] {
  const own = collections.find(({ name }) => name === chosen)?.resolution ?? 0;
  return collections.filter(({ resolution }) => resolution > own).map(({ name }) => name);
}

/** Grid, format and more: what most people leave as it is. */
export function createChoicesForm({ store, words }: Page): void {
  const form = byId<HTMLFormElement>("choices-form");
  const problems = byId("choices-trouble");
  const fillList = byId("fill-boxes");
  const fillBoxes = () => [...fillList.querySelectorAll<HTMLInputElement>("input")];
  const select = (name: string) => form.elements.namedItem(name) as HTMLSelectElement;
  const input = (name: string) => form.elements.namedItem(name) as HTMLInputElement;
  let crsProblem: Trouble | null = null; // of the name that is written

  function offer(name: string, values: { value: string; text: string }[], keep = 0): void {
    const element = select(name);
    const kept = [...element.options].slice(0, keep);
    fill(element, ...kept, ...values.map(({ value, text }) => h("option", { value }, text)));
  }

  function offerFill(): void {
    const { config, choices } = store.get();
    const names = coarser(config?.collections ?? [], choices.collection);
    byId("fill").hidden = names.length === 0;
    if (String(names) !== String(fillBoxes().map(({ value }) => value))) {
      const boxes = names.map((name) =>
        h(
          "label",
          { class: "tick" },
          h("input", { type: "checkbox", value: name }),
          collectionName(name, words),
        ),
      );
      fill(fillList, ...boxes);
    }
    for (const box of fillBoxes()) box.checked = choices.fill.includes(box.value);
  }

  function configure(config: Config): void {
    const plain = (values: string[]) => values.map((value) => ({ value, text: value }));
    offer(
      "collection",
      config.collections.map(({ name }) => ({ value: name, text: collectionName(name, words) })),
    );
    const formats: Record<string, string> = { gtiff: words.format_gtiff, cog: words.format_cog };
    offer(
      "format",
      config.formats.map((value) => ({ value, text: formats[value] ?? value })),
    );
    offer("resampling", plain(config.resampling), 1);
    offer("vertical_datum", plain(config.vertical_datums), 1);
    show(store.get().choices);
  }

  function show(choices: Choices): void {
    select("collection").value = choices.collection;
    select("format").value = choices.format;
    select("resampling").value = choices.resampling ?? "";
    select("vertical_datum").value = choices.vertical_datum ?? "";
    select("crop").value = choices.crop === null ? "" : choices.crop ? "yes" : "no";
    input("source_band").checked = choices.source_band;
    input("resolution").value = choices.resolution === null ? "" : String(choices.resolution);
    showCrs(choices.crs);
    offerFill();
  }

  function showCrs(crs: string | null): void {
    const element = select("crs");
    const known = [...element.options].some(({ value }) => value === crs);
    if (crs === null) element.value = "";
    else if (known) element.value = crs;
    else {
      element.value = OTHER;
      input("crs_other").value = crs;
    }
    byId("crs-row").hidden = element.value !== OTHER;
  }

  function offerCrs(estimated: Estimated): void {
    if (estimated.state !== "ready") return;
    const values = estimated.value.crs_choices.map(({ code, name }) => ({
      value: code,
      text: `${name} (${code})`,
    }));
    const other = select("crs").value === OTHER;
    const last = [...select("crs").options].at(-1);
    offer("crs", values, 1);
    if (last) select("crs").append(last);
    if (other) select("crs").value = OTHER;
    else showCrs(store.get().choices.crs);
  }

  /** Shows what is wrong with a field, and returns whether none is wrong or looked up. */
  function check(resolution: number | null, isNamed: boolean): boolean {
    const isWrong = Number.isNaN(resolution);
    const named = isNamed ? crsProblem : null;
    input("resolution").setAttribute("aria-invalid", String(isWrong));
    input("crs_other").setAttribute("aria-invalid", String(named !== null));
    const wrong = trouble(words.resolution_wrong, words.resolution_wrong_hint);
    showTrouble(problems, isWrong ? wrong : named);
    return !isWrong && !isNamed;
  }

  function read(): void {
    const resolution = parseResolution(input("resolution").value);
    const other = select("crs").value === OTHER;
    byId("crs-row").hidden = !other;
    const settled = check(resolution, other && isName(input("crs_other").value));
    if (!settled) {
      store.set({ settled });
      return;
    }
    const { config, choices } = store.get();
    const collection = select("collection").value || choices.collection;
    const allowed = coarser(config?.collections ?? [], collection);
    const ticked = fillBoxes().filter(({ checked }) => checked);
    const crop = select("crop").value;
    store.set({
      settled,
      choices: {
        products: choices.products,
        collection,
        fill: ticked.map(({ value }) => value).filter((name) => allowed.includes(name)),
        crs: other ? parseCrs(input("crs_other").value) : select("crs").value || null,
        resolution,
        resampling: select("resampling").value || null,
        format: select("format").value || choices.format,
        vertical_datum: select("vertical_datum").value || null,
        crop: crop === "" ? null : crop === "yes",
        source_band: input("source_band").checked,
      },
    });
  }

  createCrsField(input("crs_other"), byId("crs-found"), words, (problem) => {
    crsProblem = problem;
    read();
  });
  form.addEventListener("change", read);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    read();
  });
  store.watch(
    ({ config }) => config,
    (config) => config && configure(config),
  );
  store.watch(({ choices }) => choices.collection, offerFill);
  store.watch(({ choices }) => choices.fill, offerFill);
  store.watch(({ estimate }) => estimate, offerCrs);
}

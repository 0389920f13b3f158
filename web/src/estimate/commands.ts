import { areaFileAddress } from "../api/client.ts";
import { announce } from "../dom/announce.ts";
import { byId, fill, h } from "../dom/element.ts";
import { icon } from "../dom/icons.ts";
import { keepInPlace } from "../dom/keep_in_place.ts";
import type { Page } from "../page.ts";
import type { Words } from "../words/index.ts";

const SHOWN_MILLISECONDS = 1500;

/** A text to copy, with its button. */
export function copyable(title: string, text: string, words: Words): HTMLElement {
  const button = h("button", { type: "button", class: "copy" }, icon("copy"), words.copy);
  button.setAttribute("aria-label", `${words.copy}: ${title}`);
  button.addEventListener("click", async () => {
    await copy(text);
    announce(words.copied);
    fill(button, icon("check"), words.copied);
    setTimeout(() => fill(button, icon("copy"), words.copy), SHOWN_MILLISECONDS);
  });
  return h(
    "div",
    { class: "copyable" },
    h("div", { class: "row" }, h("h3", {}, title), button),
    h("pre", {}, h("code", {}, text)),
  );
}

/** Browsers give the clipboard only to pages of this machine or of https. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = h("textarea", { readonly: true }, text);
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** The file that both read, where the area is not written in them. */
const areaFile = (id: string, words: Words): HTMLElement =>
  h(
    "p",
    { class: "small" },
    `${words.area_file} `,
    h("a", { href: areaFileAddress(id), download: "area.geojson" }, words.area_file_get),
  );

/** The same request as a command and in Python. */
export function createCommands({ store, words }: Page): void {
  const details = byId("commands");
  const body = byId("commands-body");
  let shown = "";

  function render(): void {
    const { area, estimate } = store.get();
    details.hidden = estimate.state !== "ready" && estimate.state !== "working";
    body.inert = estimate.state !== "ready"; // what stands there is of another request
    if (estimate.state === "working") return;
    const texts =
      estimate.state === "ready"
        ? {
            [words.command_line]: estimate.value.command_line,
            [words.python]: estimate.value.python,
          }
        : {};
    const file = estimate.state === "ready" && area && "upload" in area.area && area.area.upload;
    const now = JSON.stringify([texts, file]);
    if (now === shown) return; // what is selected or pressed stays
    shown = now;
    const copies = Object.entries(texts).map(([title, text]) => copyable(title, text, words));
    fill(body, ...copies, file && areaFile(file, words));
  }

  store.watch(
    ({ estimate }) => estimate,
    () => keepInPlace(byId("jobs-section"), byId("steps"), render),
  );
  render();
}

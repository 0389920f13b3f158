import { fileAddress } from "../api/client.ts";
import type { Job, JobFile } from "../api/types.ts";
import { h } from "../dom/element.ts";
import { readable } from "../dom/fault_text.ts";
import { icon } from "../dom/icons.ts";
import { faultTrouble, showTrouble } from "../dom/trouble.ts";
import { copyable } from "../estimate/commands.ts";
import type { Page } from "../page.ts";
import { productName } from "../words/names.ts";

export interface JobActions {
  cancel(job: Job): void;
  again(job: Job, newest: boolean): void;
  remove(job: Job): void;
  look(job: Job): void;
}

export function stateText({ words }: Page, job: Job): string {
  switch (job.state) {
    case "queued":
      return words.job_queued(job.position ?? 1);
    case "running":
      return words.job_running;
    case "done":
      return words.job_done;
    case "failed":
      return words.job_failed;
    case "cancelled":
      return words.job_cancelled;
  }
}

export const jobTitle = ({ words }: Page, job: Job): string =>
  job.request.products.map((product) => productName(product, words)).join(", ");

/** One job: how far it is, its files, and what can be done with it. */
export function jobCard(page: Page, job: Job, actions: JobActions): HTMLElement {
  const { formats, words } = page;
  const title = jobTitle(page, job);
  const named = (id: string) => `job-${job.id}-${id}`;
  const card = h(
    "article",
    { class: `job ${job.state}`, "aria-labelledby": named("title") },
    h("h3", { id: named("title") }, title),
    h(
      "p",
      { class: "small" },
      h("span", { class: "state" }, stateText(page, job)),
      ` · ${formats.time(job.created)}`,
    ),
  );
  card.append(h("p", { class: "small" }, job.label));
  if (job.state === "queued" || job.state === "running") card.append(progress(page, job, title));
  if (job.error && job.state === "failed") {
    const problems = h("div");
    showTrouble(problems, faultTrouble(job.error, words));
    card.append(problems);
  }
  for (const warning of job.warnings.map(readable).filter((text) => text !== "")) {
    card.append(h("p", { class: "small", lang: "en" }, warning));
  }
  if (job.state === "done") card.append(downloads(page, job));
  card.append(buttons(page, job, title, actions));
  if (job.state === "done") card.append(more(page, job, actions));
  return card;
}

function progress({ words, formats }: Page, job: Job, title: string): HTMLElement {
  const {
    fraction,
    received_bytes: received,
    total_bytes: total,
    seconds_left: left,
  } = job.progress ?? {
    fraction: null,
    received_bytes: null,
    total_bytes: null,
    seconds_left: null,
  };
  const texts = [
    fraction === null ? null : formats.percent(fraction * 100),
    received !== null && total !== null
      ? words.progress_of(formats.bytes(received), formats.bytes(total))
      : null,
    left === null ? null : words.left(formats.duration(left)),
  ].filter((text) => text !== null);
  const value = fraction === null ? {} : { value: fraction };
  return h(
    "div",
    {},
    h("progress", { max: 1, ...value, "aria-label": `${words.progress}: ${title}` }),
    h("p", { class: "small" }, texts.join(" · ") || "\u00a0"),
  );
}

const isRaster = ({ role }: JobFile): boolean => role === "raster";

const link = (job: Job, file: JobFile, style: string, ...content: (Node | string)[]): HTMLElement =>
  h("a", { class: style, href: fileAddress(job.id, file.name), download: file.name }, ...content);

function downloads({ words, formats }: Page, job: Job): HTMLElement {
  const rasters = job.files.filter(isRaster);
  const named = ({ product, name }: JobFile) =>
    words.download_of(rasters.length > 1 ? productName(product ?? name, words) : words.the_file);
  const size = ({ bytes }: JobFile) => h("span", { class: "size" }, formats.bytes(bytes));
  return h(
    "div",
    { class: "downloads" },
    ...rasters.map((file) =>
      link(job, file, "button primary", icon("download"), named(file), size(file)),
    ),
  );
}

function buttons(page: Page, job: Job, title: string, actions: JobActions): HTMLElement {
  const { words } = page;
  const button = (text: string, click: () => void, style = "") =>
    h("button", { type: "button", class: style, "aria-label": `${text}: ${title}`, click }, text);
  const made: HTMLElement[] = [];
  if (job.state === "queued" || job.state === "running") {
    made.push(button(words.cancel, () => actions.cancel(job)));
  } else {
    if (job.state === "done") made.push(button(words.look, () => actions.look(job)));
    else made.push(button(words.resume, () => actions.again(job, false)));
    made.push(button(words.remove, () => actions.remove(job), "quiet"));
  }
  return h("p", { class: "row" }, ...made);
}

function more(page: Page, job: Job, actions: JobActions): HTMLElement {
  const { words } = page;
  const roles = {
    layer: words.role_layer,
    item: words.role_item,
    picture: words.role_picture,
    area: words.role_area,
  } as const;
  const others = job.files.flatMap((file) =>
    file.role === "raster"
      ? []
      : [h("li", {}, link(job, file, "", `${roles[file.role]}: ${file.name}`))],
  );
  return h(
    "details",
    {},
    h("summary", {}, words.other_files),
    h("ul", { class: "plain" }, ...others),
    h(
      "button",
      { type: "button", click: () => actions.again(job, true) },
      icon("again"),
      words.again_newest,
    ),
    copyable(words.command_line, job.command_line, words),
    copyable(words.python, job.python, words),
  );
}

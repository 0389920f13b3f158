import { ApiError, UnreachableError } from "../api/client.ts";
import type { Trouble } from "../state/state.ts";
import type { Words } from "../words/index.ts";
import { fill, h } from "./element.ts";
import { icon } from "./icons.ts";

/** What went wrong and what to do next, from whatever was thrown. */
export function troubleOf(error: unknown, words: Words): Trouble {
  if (error instanceof ApiError && error.fault) {
    const { message, hint } = error.fault;
    return { message, hint: hint ?? "", fault: error.fault };
  }
  if (error instanceof UnreachableError) {
    return { message: words.unreachable, hint: words.unreachable_hint, fault: null };
  }
  return { message: words.went_wrong, hint: words.went_wrong_hint, fault: null };
}

export const trouble = (message: string, hint: string): Trouble => ({ message, hint, fault: null });

/** Shows the trouble in an element that is an alert, beside what caused it. */
export function showTrouble(element: HTMLElement, shown: Trouble | null): void {
  if (!shown) {
    fill(element);
    return;
  }
  const { message, hint } = shown;
  fill(
    element,
    h(
      "div",
      { class: "trouble" },
      icon("warning"),
      h("div", {}, h("p", {}, h("strong", {}, message)), hint ? h("p", {}, hint) : null),
    ),
  );
}

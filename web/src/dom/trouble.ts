import { ApiError, TOO_MANY, UnreachableError } from "../api/client.ts";
import type { Trouble } from "../state/state.ts";
import type { Words } from "../words/index.ts";
import { fill, h } from "./element.ts";
import { icon } from "./icons.ts";

/** What went wrong and what to do next, from whatever was thrown. */
export function troubleOf(error: unknown, words: Words): Trouble {
  if (error instanceof ApiError && error.fault) {
    const { message, hint } = error.fault;
    const temporary = error.status >= 500 || error.status === TOO_MANY;
    return { message, hint: hint ?? "", fault: error.fault, temporary };
  }
  if (error instanceof UnreachableError) {
    return { ...trouble(words.unreachable, words.unreachable_hint), temporary: true };
  }
  return { ...trouble(words.went_wrong, words.went_wrong_hint), temporary: true };
}

export const trouble = (message: string, hint: string): Trouble => ({
  message,
  hint,
  fault: null,
  temporary: false,
});

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

import { ApiError, TOO_MANY, UnreachableError } from "../api/client.ts";
import type { Fault } from "../api/types.ts";
import type { Trouble } from "../state/state.ts";
import type { Words } from "../words/index.ts";
import { fill, h } from "./element.ts";
import { faultText } from "./fault_text.ts";
import { icon } from "./icons.ts";

/** What a fault is in the words of the page. */
export const faultTrouble = (fault: Fault, words: Words, isOfFile = false): Trouble => ({
  ...faultText(fault, words, isOfFile),
  fault,
  temporary: false,
});

/** What went wrong and what to do next, from whatever was thrown. */
export function troubleOf(error: unknown, words: Words, isOfFile = false): Trouble {
  if (error instanceof ApiError && error.fault) {
    const temporary = error.status >= 500 || error.status === TOO_MANY;
    return { ...faultTrouble(error.fault, words, isOfFile), temporary };
  }
  if (error instanceof UnreachableError) {
    return { ...trouble(words.unreachable, words.unreachable_hint), temporary: true };
  }
  return { ...trouble(words.went_wrong, words.went_wrong_hint), temporary: true };
}

export const trouble = (message: string, hint: string): Trouble => ({
  message,
  hint,
  detail: "",
  fault: null,
  temporary: false,
});

/** Shows the trouble in an element that is an alert, beside what caused it. */
export function showTrouble(element: HTMLElement, shown: Trouble | null): void {
  if (!shown) {
    fill(element);
    return;
  }
  const { message, hint, detail } = shown;
  fill(
    element,
    h(
      "div",
      { class: "trouble" },
      icon("warning"),
      h(
        "div",
        {},
        h("p", {}, h("strong", {}, message)),
        hint ? h("p", {}, hint) : null,
        detail ? h("p", { class: "small", lang: "en" }, detail) : null,
      ),
    ),
  );
}

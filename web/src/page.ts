import type { Formats } from "./format/numbers.ts";
import type { AppStore } from "./state/state.ts";
import type { Words } from "./words/index.ts";

/** What every part of the page works with. */
export interface Page {
  store: AppStore;
  words: Words;
  formats: Formats;
  language: string;
}

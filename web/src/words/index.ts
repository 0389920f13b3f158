import { en, type Words } from "./en.ts";
import { fr } from "./fr.ts";

export type { Words };

export const WORDS: Readonly<Record<string, Words>> = { en, fr };

/** The language that the server chose for the page. */
export const language = (document: { documentElement: { lang: string } }): string =>
  document.documentElement.lang in WORDS ? document.documentElement.lang : "en";

import type { Fault } from "../api/types.ts";
import { en, type Words } from "../words/en.ts";

/** What went wrong, in the words of the page. */
export interface FaultText {
  message: string;
  hint: string;
  /** The server's own message, which is in English; empty where it adds nothing. */
  detail: string;
}

type Kind = readonly [
  message: keyof Words & `fault_${string}`,
  hint: keyof Words & `fault_${string}`,
];

const GONE: Kind = ["fault_gone", "fault_gone_hint"];
const BUSY: Kind = ["fault_busy", "fault_busy_hint"];
const OUTSIDE: Kind = ["fault_outside", "fault_outside_hint"];
const OTHER: Kind = ["fault_other", "fault_other_hint"];

const BY_CLASS: Readonly<Record<string, Kind>> = {
  ChooseLayerError: ["fault_layer", "fault_layer_hint"],
  Unknown: GONE,
  UnknownArea: GONE,
  Busy: BUSY,
  TooManyJobs: ["fault_jobs", "fault_jobs_hint"],
};
const BY_PARAMETER: Readonly<Record<string, Kind>> = {
  max_download: ["fault_download", "fault_download_hint"],
  resolution: ["fault_resolution", "fault_resolution_hint"],
};
const BY_CODE: Readonly<Record<number, Kind>> = {
  4: ["fault_no_data", "fault_no_data_hint"],
  5: ["fault_service", "fault_service_hint"],
  6: ["fault_changed", "fault_changed_hint"],
  7: ["fault_disk", "fault_disk_hint"],
};

/** An option of the command line or a parameter, which the page has none of. */
const PARAMETER = /(?:--|`)([a-z][a-z_-]+)/;

const SENTENCE_END = /(?<=[.!?…]) +(?=[A-Z`-])/;

const speaksOfParameters = (text: string): boolean => PARAMETER.test(text);

/** The sentences of the server that speak of no such thing. */
export const readable = (text: string): string =>
  text
    .split(SENTENCE_END)
    .filter((sentence) => !speaksOfParameters(sentence))
    .join(" ");

function kindOf({ code, class: kind, message, hint, parameter }: Fault, usual: Kind): Kind {
  const named = parameter ?? PARAMETER.exec(`${message} ${hint ?? ""}`)?.[1];
  if (code === 4 && message.includes("outside Canada")) return OUTSIDE;
  return (
    BY_CLASS[kind] ?? BY_CODE[code] ?? BY_PARAMETER[(named ?? "").replaceAll("-", "_")] ?? usual
  );
}

/**
 * A fault in the words of the page. The server tells of it in English, and partly with options of
 * the command line: what can be read on the page stays, the rest is said by the page itself.
 */
export function faultText(fault: Fault, words: Words, isOfFile = false): FaultText {
  const [message, hint] = kindOf(fault, isOfFile ? ["fault_file", "fault_file_hint"] : OTHER);
  if (words === en) {
    return {
      message: speaksOfParameters(fault.message) ? words[message] : fault.message,
      hint: fault.hint && !speaksOfParameters(fault.hint) ? fault.hint : words[hint],
      detail: "",
    };
  }
  return { message: words[message], hint: words[hint], detail: readable(fault.message) };
}

import type { Box } from "../api/types.ts";
import { byId } from "../dom/element.ts";
import { trouble } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import type { AreaStep } from "./area_step.ts";

const SIDES = ["west", "south", "east", "north"] as const;

const DEGREES =
  /^([+-]?)(\d+(?:\.\d*)?|\.\d+)\s*°?\s*(?:(\d{1,2}(?:\.\d*)?)\s*'\s*(?:(\d{1,2}(?:\.\d*)?)\s*"\s*)?)?([NSEWO]?)$/i;

/**
 * Degrees as people write them: also with a decimal comma, a real minus, minutes and seconds, or a
 * letter (O is ouest). A longitude without a sign or a letter is west, as everywhere in Canada.
 */
export function parseDegrees(text: string, isLongitude = false): number | null {
  const plain = text
    .trim()
    .replace("\u2212", "-")
    .replaceAll(",", ".")
    .replace(/[\u2032\u2019]/g, "'")
    .replace(/[\u2033\u201d]/g, '"');
  const found = DEGREES.exec(plain);
  if (!found) return null;
  const [, sign = "", degrees, minutes = 0, seconds = 0, letter = ""] = found;
  const value = Number(degrees) + Number(minutes) / 60 + Number(seconds) / 3600;
  const isWest = isLongitude && sign === "" && letter === "";
  return sign === "-" || /[SWO]/i.test(letter) || isWest ? -value : value;
}

/** The form of four coordinates. */
export function createCoordinates({ store, words }: Page, area: AreaStep): void {
  const form = byId<HTMLFormElement>("coordinates-form");
  const field = (side: string) => form.elements.namedItem(side) as HTMLInputElement;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values: number[] = [];
    for (const side of SIDES) {
      const input = field(side);
      const value = parseDegrees(input.value, side === "west" || side === "east");
      input.setAttribute("aria-invalid", String(value === null));
      if (value === null) {
        area.show(trouble(words.not_a_number(words[side]), words.not_a_number_hint));
        input.focus();
        return;
      }
      values.push(value);
    }
    const [w = 0, s = 0, e = 0, n = 0] = values;
    if (w >= e || s >= n) {
      area.show(trouble(words.empty_box, words.empty_box_hint));
      field(w >= e ? "west" : "south").focus();
      return;
    }
    void area.useBox([w, s, e, n] satisfies Box);
  });

  store.watch(
    (state) => state.area,
    (chosen) => {
      if (!chosen) return;
      for (const [index, side] of SIDES.entries()) {
        field(side).value = String(Number(chosen.bbox[index]?.toFixed(6)));
      }
    },
  );
}

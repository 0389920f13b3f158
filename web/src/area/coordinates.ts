import type { Box } from "../api/types.ts";
import { byId } from "../dom/element.ts";
import { trouble } from "../dom/trouble.ts";
import type { Page } from "../page.ts";
import type { AreaStep } from "./area_step.ts";

const SIDES = ["west", "south", "east", "north"] as const;

/** Degrees as people write them: also with a decimal comma, a real minus or a degree sign. */
export function parseDegrees(text: string): number | null {
  const plain = text.trim().replace("\u2212", "-").replace(",", ".").replace(/\s*°$/, "");
  return /^[+-]?\d+(\.\d*)?$|^[+-]?\.\d+$/.test(plain) ? Number(plain) : null;
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
      const value = parseDegrees(input.value);
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

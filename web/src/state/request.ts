import type { ExtractRequest } from "../api/types.ts";
import type { Choices, ChosenArea, State } from "./state.ts";

/** The request that the page stands for, or null while there is no area or no product. */
export function buildRequest(area: ChosenArea | null, choices: Choices): ExtractRequest | null {
  if (!area || choices.products.length === 0) return null;
  const { crop, ...others } = choices;
  return { area: area.area, ...others, crop: crop ?? area.kind === "shape" };
}

export const requestOf = (state: State): ExtractRequest | null =>
  buildRequest(state.area, state.choices);

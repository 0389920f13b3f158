import { svg } from "./element.ts";
import { PATHS } from "./icon_paths.ts";

export type Icon = keyof typeof PATHS;

/** A drawing beside words that say the same: screen readers pass it over. */
export const icon = (name: Icon): SVGElement =>
  svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );

import { byId } from "./element.ts";

/** Says something to screen readers once, without moving the focus. */
export function announce(text: string): void {
  byId("spoken").textContent = text;
}

import { byId } from "../dom/element.ts";
import { showTrouble, trouble } from "../dom/trouble.ts";
import type { Page } from "../page.ts";

/** The boxes to tick, one a product. */
export function createProductChoice({ store, words }: Page): void {
  const field = byId("products");
  const problems = byId("products-trouble");
  const boxes = [...field.querySelectorAll<HTMLInputElement>("input")];

  for (const box of boxes) box.checked = store.get().choices.products.includes(box.value);
  const details = field.querySelector("details");
  if (details?.querySelector("input:checked")) details.open = true;

  field.addEventListener("change", () => {
    const products = boxes.filter(({ checked }) => checked).map(({ value }) => value);
    store.set({ choices: { ...store.get().choices, products } });
    showTrouble(
      problems,
      products.length === 0 ? trouble(words.no_product, words.no_product_hint) : null,
    );
  });
}

/** Elements by functions: no HTML text is ever parsed, so nothing in it can run. */

type Child = Node | string | null | false;
type Value = string | number | boolean | null | undefined | EventListener;
export type Attributes = Record<string, Value>;

const SVG = "http://www.w3.org/2000/svg";

function assign(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
}

/** Makes an element; functions among its attributes listen to the event of that name. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  assign(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS(SVG, tag) as SVGElement;
  assign(element, attributes);
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** The element of index.html that has this id. */
export function byId<T extends HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(id);
  return element as T;
}

/** Puts the children in place of those that are there, unless they are equal. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child) => child !== null && child !== false));
}

/**
 * Makes an element equal to a fresh one of its kind, and keeps its first and last children as far
 * as they are equal: a button that is pressed on, or has the focus, stays the same one.
 */
export function update(element: Element, fresh: Element): void {
  let after: Element | null = null; // which what is new stands before
  const old = [...element.children];
  const children = [...fresh.children];
  element.className = fresh.className;
  while (old[0]?.isEqualNode(children[0] ?? null)) {
    old.shift();
    children.shift();
  }
  while (old.at(-1)?.isEqualNode(children.at(-1) ?? null)) {
    after = old.pop() ?? null;
    children.pop();
  }
  for (const child of old) child.remove();
  for (const child of children) element.insertBefore(child, after);
}

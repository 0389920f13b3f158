/** Makes a change above an element, which stays where it is if the pointer is on it or the focus in it. */
export function keepInPlace(element: Element, scrolled: Element, change: () => void): void {
  const used = element.matches(":hover, :focus-within");
  const { top } = element.getBoundingClientRect();
  change();
  if (used) scrolled.scrollTop += element.getBoundingClientRect().top - top;
}

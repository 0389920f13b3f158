import { byId } from "./dom/element.ts";

const dark = matchMedia("(prefers-color-scheme: dark)");
const watchers = new Set<(dark: boolean) => void>();

const chosen = (): string | undefined => document.documentElement.dataset["theme"];

export const isDark = (): boolean => (chosen() ? chosen() === "dark" : dark.matches);

export const watchTheme = (changed: (dark: boolean) => void): void => {
  watchers.add(changed);
};

/** The switch of light and dark; until it is used, the system decides. */
export function createThemeSwitch(): void {
  const button = byId("theme");
  const render = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    for (const changed of watchers) changed(isDark());
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset["theme"] = theme;
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // closed to us: chosen for this page only
    }
    render();
  });
  dark.addEventListener("change", render);
  render();
}

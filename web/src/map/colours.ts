/** Colours of the map in the light and in the dark; style.css has those of the page. */
export interface Colours {
  water: string;
  land: string;
  shore: string;
  border: string;
  label: string;
  halo: string;
  area: string;
  coverage: string;
  sketch: string;
}

export const LIGHT: Colours = {
  water: "#d4e3ec",
  land: "#f5f3ec",
  shore: "#9db4c2",
  border: "#b0a898",
  label: "#4d5a63",
  halo: "#ffffff",
  area: "#0b5fa5",
  coverage: "#2e7d4f",
  sketch: "#b3440f",
};

export const DARK: Colours = {
  water: "#16222c",
  land: "#232b31",
  shore: "#4a6170",
  border: "#5a5f63",
  label: "#b9c4cb",
  halo: "#14191d",
  area: "#7cc0ff",
  coverage: "#7fd6a2",
  sketch: "#ffb07c",
};

/** Drawings of 24 by 24 units, by lines alone. */
export const PATHS = {
  box: "M4 6h16v12H4z",
  polygon: "M12 3l9 7-3.5 10h-11L3 10z",
  file: "M12 16V4m0 0L7 9m5-5l5 5M4 17v3h16v-3",
  download: "M12 4v12m0 0l-5-5m5 5l5-5M4 17v3h16v-3",
  height: "M3 20l6-11 4 6 3-4 5 9z",
  line: "M3 18l5-8 5 5 8-11",
  close: "M5 5l14 14M19 5L5 19",
  copy: "M9 9h11v12H9zM5 15H4V3h11v2",
  check: "M4 12l6 6L20 6",
  layers: "M12 3l9 5-9 5-9-5zM3 13l9 5 9-5",
  again: "M20 11a8 8 0 1 0-2 6m2-11v5h-5",
  warning: "M12 3l10 18H2zM12 10v5m0 2.5v.5",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L21 21",
  bin: "M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14",
  picture: "M3 5h18v14H3zM3 16l5-5 4 4 3-3 6 5",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
} as const;

import type { Box, Position } from "../api/types.ts";

/** What is being drawn: pure values, moved by the pointer and by the keyboard alike. */
export interface Drawing {
  shape: "box" | "polygon" | "line" | "point";
  points: Position[];
  /** Where the next point would be. */
  hover: Position | null;
}

export type Drawn =
  | { shape: "box"; box: Box }
  | { shape: "polygon" | "line"; points: Position[] }
  | { shape: "point"; at: Position };

const FEWEST = { point: 1, box: 2, line: 2, polygon: 3 };

export const begin = (shape: Drawing["shape"]): Drawing => ({ shape, points: [], hover: null });

export const hover = (drawing: Drawing, at: Position | null): Drawing => ({
  ...drawing,
  hover: at,
});

const DIGITS = 1e6; // a tenth of a metre: finer than a hand draws

const round = (value: number): number => Math.round(value * DIGITS) / DIGITS;

/** The drawing with one more point; one on the last counts as none, as one that leaves a box flat. */
export function place(drawing: Drawing, at: Position): Drawing {
  const { shape, points } = drawing;
  const next: Position = [round(at[0]), round(at[1])];
  const moved = next.filter((side, axis) => side !== points.at(-1)?.[axis]).length;
  const counts = moved >= (shape === "box" ? 2 : 1);
  return { ...drawing, points: counts ? [...points, next] : points, hover: at };
}

export const undo = (drawing: Drawing): Drawing => ({
  ...drawing,
  points: drawing.points.slice(0, -1),
});

export const canFinish = ({ shape, points }: Drawing): boolean => points.length >= FEWEST[shape];

export function boxOf([x, y]: Position, [u, v]: Position): Box {
  return [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
}

/** What was drawn, or null where it is too little yet: a box of one corner, a polygon of two. */
export function finish(drawing: Drawing): Drawn | null {
  const { shape, points } = drawing;
  const [first, second] = points;
  if (!canFinish(drawing) || !first) return null;
  if (shape === "point") return { shape, at: first };
  if (!second) return null;
  return shape === "box" ? { shape, box: boxOf(first, second) } : { shape, points };
}

/** The box around points. */
export function boundsOf(points: readonly Position[]): Box {
  const [x, y] = [points.map(([lon]) => lon), points.map(([, lat]) => lat)];
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

export const boxRing = ([w, s, e, n]: Box): Position[] => [
  [w, s],
  [e, s],
  [e, n],
  [w, n],
  [w, s],
];

/** The drawing as it looks now, with the point that would be next. */
export function sketch({ shape, points, hover: next }: Drawing): GeoJSON.FeatureCollection {
  const features: GeoJSON.Feature[] = points.map((at) =>
    feature({ type: "Point", coordinates: at }),
  );
  if (shape === "point") return { type: "FeatureCollection", features };
  const all = next ? [...points, next] : points;
  const [first, last] = [all[0], all.at(-1)];
  if (first && last && all.length > 1) {
    const ring = shape === "box" ? boxRing(boxOf(first, last)) : [...all, first];
    features.push(
      shape === "line"
        ? feature({ type: "LineString", coordinates: all })
        : feature({ type: "Polygon", coordinates: [ring] }),
    );
  }
  return { type: "FeatureCollection", features };
}

export const feature = (geometry: GeoJSON.Geometry): GeoJSON.Feature => ({
  type: "Feature",
  properties: {},
  geometry,
});

export const EMPTY: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

import type { LayerSpecification, StyleSpecification } from "maplibre-gl";
import type { Colours } from "./colours.ts";
import { EMPTY } from "./pen.ts";

const BASEMAP = "/static/data/basemap.json";
const WORLD = { type: "geojson", data: EMPTY } as const;

const kind = (name: string): ["==", ["get", "kind"], string] => ["==", ["get", "kind"], name];

/** The layers from the ground up; what the user draws lies above what the server sends. */
export function layers(colours: Colours): LayerSpecification[] {
  return [
    { id: "water", type: "background", paint: { "background-color": colours.water } },
    {
      id: "land",
      type: "fill",
      source: "basemap",
      filter: kind("land"),
      paint: { "fill-color": colours.land, "fill-outline-color": colours.shore },
    },
    {
      id: "lakes",
      type: "fill",
      source: "basemap",
      filter: kind("lake"),
      paint: { "fill-color": colours.water, "fill-outline-color": colours.shore },
    },
    {
      id: "provinces",
      type: "line",
      source: "basemap",
      filter: kind("province-border"),
      paint: { "line-color": colours.border, "line-width": 1, "line-dasharray": [4, 3] },
    },
    {
      id: "borders",
      type: "line",
      source: "basemap",
      filter: kind("country-border"),
      paint: { "line-color": colours.border, "line-width": 1.6 },
    },
    {
      id: "coverage",
      type: "fill",
      source: "outlines",
      filter: kind("coverage"),
      paint: { "fill-color": colours.coverage, "fill-opacity": 0.22 },
    },
    {
      id: "tiles",
      type: "line",
      source: "outlines",
      filter: kind("tile"),
      paint: { "line-color": colours.coverage, "line-width": 1, "line-opacity": 0.8 },
    },
    {
      id: "area-fill",
      type: "fill",
      source: "area",
      paint: { "fill-color": colours.area, "fill-opacity": 0.1 },
    },
    {
      id: "area-line",
      type: "line",
      source: "area",
      paint: { "line-color": colours.area, "line-width": 2.5 },
    },
    {
      id: "measured-line",
      type: "line",
      source: "measured",
      filter: ["==", ["geometry-type"], "LineString"],
      paint: { "line-color": colours.sketch, "line-width": 3 },
    },
    {
      id: "measured-point",
      type: "circle",
      source: "measured",
      filter: ["==", ["geometry-type"], "Point"],
      paint: {
        "circle-color": colours.sketch,
        "circle-radius": 6,
        "circle-stroke-color": colours.halo,
        "circle-stroke-width": 2,
      },
    },
    {
      id: "sketch-fill",
      type: "fill",
      source: "sketch",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": colours.sketch, "fill-opacity": 0.15 },
    },
    {
      id: "sketch-line",
      type: "line",
      source: "sketch",
      paint: { "line-color": colours.sketch, "line-width": 2, "line-dasharray": [2, 1.5] },
    },
    {
      id: "sketch-point",
      type: "circle",
      source: "sketch",
      filter: ["==", ["geometry-type"], "Point"],
      paint: {
        "circle-color": colours.sketch,
        "circle-radius": 5,
        "circle-stroke-color": colours.halo,
        "circle-stroke-width": 2,
      },
    },
    {
      id: "labels",
      type: "symbol",
      source: "basemap",
      filter: kind("label"),
      layout: {
        "text-field": ["get", "name"],
        "text-font": ["sans-serif"],
        "text-size": 13,
      },
      paint: {
        "text-color": colours.label,
        "text-halo-color": colours.halo,
        "text-halo-width": 1.5,
      },
    },
  ];
}

export const mapStyle = (colours: Colours): StyleSpecification => ({
  version: 8,
  sources: {
    basemap: { type: "geojson", data: BASEMAP },
    outlines: WORLD,
    area: WORLD,
    measured: WORLD,
    sketch: WORLD,
  },
  layers: layers(colours),
});

import type * as MapLibre from "maplibre-gl";
import type { Box, Position } from "../api/types.ts";
import type { Picture } from "../estimate/estimator.ts";
import type { MapPlace } from "../state/state.ts";
import { DARK, LIGHT } from "./colours.ts";
import type { Canvas } from "./drawing.ts";
import { layers, mapStyle } from "./map_style.ts";
import { boxRing, EMPTY } from "./pen.ts";

declare const MAP_MODULE: string;
declare const MAP_WORKER: string;

export const CANADA: Box = [-141, 41, -52, 72];
const FIT = { padding: { top: 90, right: 60, bottom: 60, left: 40 }, maxZoom: 15 };
const PICTURE = "picture";
const TILE_PIXELS = 256;
const SMALL_PIXELS = 200;

type DataSource = "outlines" | "area" | "measured" | "sketch";

export interface MapOptions {
  container: HTMLElement;
  dark: boolean;
  labels: Record<string, string>;
  /** Where the map was before; without it, it shows the box. */
  place: MapPlace | null;
  box: Box;
  onMoved(center: Position, zoom: number): void;
}

export interface MapView {
  canvas: Canvas;
  setData(source: DataSource, data: GeoJSON.FeatureCollection): void;
  setDark(dark: boolean): void;
  setPicture(picture: Picture | null): void;
  /** Lays tiles from an address with {z}, {x} and {y} under what is drawn, or takes them away. */
  setTiles(id: "hillshade" | "online", address: string | null): void;
  /** Shows all of a box; a share of the map may be covered from below. */
  fit(box: Box, covered?: number): void;
  /** Whether all of the box is in sight, and large enough to be seen. */
  shows(box: Box): boolean;
  goTo(at: Position, zoom: number): void;
  focus(): void;
}

/** Waits until the page has been drawn: the map's module keeps the browser busy. */
const painted = (): Promise<void> =>
  new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

/** Makes the map, once its module has come: the page works before that. */
export async function createMap(options: MapOptions): Promise<MapView> {
  await painted();
  const maplibre: typeof MapLibre = await import(MAP_MODULE);
  maplibre.setWorkerUrl(new URL(MAP_WORKER, location.href).href);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = new maplibre.Map({
    container: options.container,
    style: mapStyle(options.dark ? DARK : LIGHT),
    ...(options.place ?? { bounds: options.box, fitBoundsOptions: FIT }),
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    maxPitch: 0,
    fadeDuration: still ? 0 : 200,
    locale: options.labels,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");
  map.addControl(new maplibre.ScaleControl({ maxWidth: 120 }), "bottom-left");
  await map.once("style.load");

  map.on("moveend", () => {
    const { lng, lat } = map.getCenter();
    options.onMoved([lng, lat], map.getZoom());
  });
  new ResizeObserver(() => map.resize()).observe(options.container);

  // the page's policy lets nothing be fetched from blob: addresses
  let shown = new Blob();
  let pictures = 0;
  maplibre.addProtocol(PICTURE, async () => ({ data: await shown.arrayBuffer() }));

  const remove = (id: string) => {
    if (map.getLayer(id)) map.removeLayer(id);
    if (map.getSource(id)) map.removeSource(id);
  };

  return {
    canvas: canvasOf(map),
    setData(source, data) {
      map.getSource<MapLibre.GeoJSONSource>(source)?.setData(data);
    },
    setDark(dark) {
      for (const { id, paint } of layers(dark ? DARK : LIGHT)) {
        for (const [name, value] of Object.entries(paint ?? {})) {
          map.setPaintProperty(id, name as never, value as never);
        }
      }
    },
    setPicture(picture) {
      remove("picture");
      if (!picture) return;
      shown = picture.image;
      pictures += 1; // another address, so that the map asks again
      const [sw, se, ne, nw] = boxRing(picture.box) as [Position, Position, Position, Position];
      const url = `${PICTURE}://${pictures}`;
      map.addSource("picture", { type: "image", url, coordinates: [nw, ne, se, sw] });
      const paint = { "raster-contrast": 0.4, "raster-fade-duration": 0 };
      map.addLayer({ id: "picture", type: "raster", source: "picture", paint }, "area-fill");
    },
    setTiles(id, address) {
      remove(id);
      if (!address) return;
      const tiles = [new URL(address, location.href).href.replace(/%7B(\w)%7D/g, "{$1}")];
      map.addSource(id, { type: "raster", tiles, tileSize: TILE_PIXELS });
      const below = id === "online" && map.getLayer("hillshade") ? "hillshade" : "provinces";
      map.addLayer({ id, type: "raster", source: id }, below);
    },
    fit(box, covered = 0) {
      const height = map.getContainer().clientHeight;
      const bottom = Math.max(FIT.padding.bottom, covered * height);
      const padding = { ...FIT.padding, bottom };
      map.fitBounds(box, { ...FIT, padding, animate: !still, duration: 600 });
    },
    shows([w, s, e, n]) {
      const bounds = map.getBounds();
      const large = map.project([w, n]).dist(map.project([e, s])) > SMALL_PIXELS;
      return large && bounds.contains([w, s]) && bounds.contains([e, n]);
    },
    goTo(center, zoom) {
      if (still) map.jumpTo({ center, zoom });
      else map.flyTo({ center, zoom, duration: 1200 });
    },
    focus: () => map.getCanvas().focus(),
  };
}

function canvasOf(map: MapLibre.Map): Canvas {
  return {
    element: map.getCanvasContainer(),
    size: () => [map.getContainer().clientWidth, map.getContainer().clientHeight],
    toPosition(x, y) {
      const { lng, lat } = map.unproject([x, y]);
      return [lng, lat];
    },
    toPixel(at) {
      const { x, y } = map.project(at);
      return [x, y];
    },
    panBy: (x, y) => map.panBy([x, y], { animate: false }),
    setMode(mode) {
      const enable = (handler: { enable(): void; disable(): void }, on: boolean) =>
        on ? handler.enable() : handler.disable();
      enable(map.dragPan, mode !== "drag");
      enable(map.boxZoom, mode !== "drag");
      enable(map.doubleClickZoom, mode === "move");
      map.getCanvas().style.cursor = mode === "move" ? "" : "crosshair";
    },
  };
}

export const collection = (...geometries: GeoJSON.Geometry[]): GeoJSON.FeatureCollection =>
  geometries.length === 0
    ? EMPTY
    : {
        type: "FeatureCollection",
        features: geometries.map((geometry) => ({ type: "Feature", properties: {}, geometry })),
      };

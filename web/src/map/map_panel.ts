import { fetchOutlines } from "../api/client.ts";
import type { Position } from "../api/types.ts";
import type { AreaStep } from "../area/area_step.ts";
import { areaOutline } from "../area/area_step.ts";
import { announce } from "../dom/announce.ts";
import { byId, fill, h } from "../dom/element.ts";
import { showTrouble, trouble } from "../dom/trouble.ts";
import type { Picture } from "../estimate/estimator.ts";
import type { Measuring } from "../measure/measuring.ts";
import type { Page } from "../page.ts";
import type { State, Tool } from "../state/state.ts";
import { isDark, watchTheme } from "../theme.ts";
import { createDrawing, type DrawingTool } from "./drawing.ts";
import { CANADA, collection, createMap, type MapView } from "./map_view.ts";
import { boundsOf, type Drawn, EMPTY } from "./pen.ts";

const CARD = 0.6; // share of the map that the card of a profile may cover
const PLACE_ZOOM = 12;

export interface MapPanel {
  goTo(at: Position): void;
  showPicture(picture: Picture | null): void;
  showStation(at: Position | null): void;
}

const SHAPES = { box: "box", polygon: "polygon", line: "line", height: "point" } as const;

/** The map's side of the page. It works with what is there: the map's code comes after the page. */
export function createMapPanel(page: Page, area: AreaStep, measuring: () => Measuring): MapPanel {
  const { store, words, formats } = page;
  const cursor = byId("cursor");
  const bar = byId("drawing-bar");
  const finish = byId<HTMLButtonElement>("drawing-finish");
  let map: MapView | null = null;
  let drawing: DrawingTool | null = null;
  let picture: Picture | null = null;
  let station: Position | null = null;
  let look: ((view: MapView) => void) | null = null; // where to, once there is a map

  const hints: Record<Exclude<Tool, "move">, string> = {
    box: words.hint_box,
    polygon: words.hint_polygon,
    line: words.hint_line,
    height: words.hint_height,
  };

  function drawn(result: Drawn): void {
    switch (result.shape) {
      case "box":
        void area.useBox(result.box);
        break;
      case "polygon":
        void area.usePolygon(result.points);
        break;
      case "line":
        store.set({ tool: "move" });
        void measuring().profile(result.points);
        break;
      case "point":
        void measuring().height(result.at);
        break;
    }
  }

  function showTool(tool: Tool): void {
    for (const button of document.querySelectorAll<HTMLElement>("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset["tool"] === tool));
    }
    bar.hidden = tool === "move";
    byId("map-side").classList.toggle("drawing", tool !== "move");
    byId("map-side").dataset["drawing"] = tool;
    byId("drawing-undo").hidden = tool !== "polygon" && tool !== "line";
    finish.hidden = byId("drawing-undo").hidden;
    finish.disabled = true;
    if (tool === "move") {
      drawing?.stop();
      return;
    }
    byId("drawing-hint").textContent = hints[tool];
    announce(`${hints[tool]} ${words.hint_keys}`);
    drawing?.start(SHAPES[tool]);
  }

  function showArea(): void {
    const { area: chosen } = store.get();
    map?.setData("area", chosen ? collection(areaOutline(chosen)) : EMPTY);
  }

  function showMeasured(): void {
    const { line, point } = store.get();
    const at = station ?? point;
    map?.setData(
      "measured",
      collection(
        ...(line ? [{ type: "LineString", coordinates: line } as const] : []),
        ...(at ? [{ type: "Point", coordinates: at } as const] : []),
      ),
    );
  }

  const placePicture = () => map?.setPicture(store.get().layers.preview ? picture : null);

  async function showCoverage(name: string | null): Promise<void> {
    map?.setData("outlines", EMPTY);
    if (name === null) return;
    try {
      const outlines = await fetchOutlines(name);
      if (store.get().layers.coverage === name) map?.setData("outlines", outlines);
    } catch {
      if (store.get().layers.coverage !== name) return;
      byId<HTMLSelectElement>("layer-coverage").value = "";
      store.set({ layers: { ...store.get().layers, coverage: null } });
    }
  }

  function lookAt(move: (view: MapView) => void): void {
    if (map) move(map);
    else look = move;
  }

  function showLayers({ layers, config }: State): void {
    const tiles = (name: string) => `/map/${name}/{z}/{x}/{y}.png`;
    map?.setTiles("hillshade", layers.hillshade && tiles(layers.hillshade));
    map?.setTiles("online", layers.online && config?.map.has_basemap ? tiles("basemap") : null);
  }

  function wire(view: MapView): void {
    map = view;
    drawing = createDrawing(view.canvas, {
      onSketch: (sketch) => view.setData("sketch", sketch),
      onCursor(pixel) {
        cursor.hidden = pixel === null;
        if (pixel) cursor.style.transform = `translate(${pixel[0]}px, ${pixel[1]}px)`;
      },
      onPoint(count, [lon, lat]) {
        finish.disabled = !drawing?.canFinish;
        announce(words.point_placed(count, formats.position([lon, lat])));
      },
      onDrawn: drawn,
      onCancelled() {
        store.set({ tool: "move" });
        announce(words.drawing_cancelled);
      },
    });
    view.setDark(isDark());
    showArea();
    showMeasured();
    showLayers(store.get());
    void showCoverage(store.get().layers.coverage);
    placePicture();
    showTool(store.get().tool);
    look?.(view);
    byId("map").classList.add("ready");
  }

  const { place, area: chosen } = store.get();
  createMap({
    container: byId("map"),
    dark: isDark(),
    labels: {
      "Map.Title": words.map,
      "NavigationControl.ZoomIn": words.zoom_in,
      "NavigationControl.ZoomOut": words.zoom_out,
    },
    place,
    box: chosen?.bbox ?? CANADA,
    onMoved: (center, zoom) => store.set({ place: { center, zoom } }),
  }).then(wire, () => {
    const note = h("div", { class: "no-map" });
    showTrouble(note, trouble(words.no_map, words.no_map_hint));
    fill(byId("map"), note);
    byId("map-bar").hidden = true;
  });

  for (const button of document.querySelectorAll<HTMLElement>("[data-tool]")) {
    button.addEventListener("click", () => {
      const tool = button.dataset["tool"] as Tool;
      const same = store.get().tool === tool;
      store.set({ tool: same ? "move" : tool });
      if (!same) map?.focus();
    });
  }
  byId("drawing-undo").addEventListener("click", () => {
    drawing?.undo();
    finish.disabled = !drawing?.canFinish;
  });
  finish.addEventListener("click", () => drawing?.finish());
  byId("drawing-cancel").addEventListener("click", () => store.set({ tool: "move" }));
  byId("area-zoom").addEventListener("click", () => {
    const box = store.get().area?.bbox;
    if (box) lookAt((view) => view.fit(box));
  });

  store.watch(({ tool }) => tool, showTool);
  store.watch(
    (state) => state.area,
    (next) => {
      showArea();
      if (!next) {
        picture = null;
        placePicture();
      } else if (store.get().tool === "move") {
        lookAt((view) => view.shows(next.bbox) || view.fit(next.bbox));
      }
    },
  );
  store.watch(
    ({ line }) => line,
    (line) => {
      showMeasured();
      if (line) map?.fit(boundsOf(line), CARD);
    },
  );
  store.watch(({ point }) => point, showMeasured);
  store.watch(({ layers }) => layers.preview, placePicture);
  store.watch(({ layers }) => layers.coverage, showCoverage);
  store.watch(
    ({ layers }) => layers.hillshade,
    () => showLayers(store.get()),
  );
  store.watch(
    ({ layers }) => layers.online,
    () => showLayers(store.get()),
  );
  store.watch(
    ({ config }) => config,
    () => showLayers(store.get()),
  );
  watchTheme((dark) => map?.setDark(dark));

  return {
    goTo(at) {
      lookAt((view) => view.goTo(at, PLACE_ZOOM));
      store.set({ tool: "box" });
      map?.focus(); // whose arrow keys draw it
    },
    showPicture(next) {
      picture = next;
      placePicture();
    },
    showStation(at) {
      station = at;
      showMeasured();
    },
  };
}

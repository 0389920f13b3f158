import { describeArea, uploadArea } from "../api/client.ts";
import type { Area, Box, Position, UploadedArea } from "../api/types.ts";
import { announce } from "../dom/announce.ts";
import { byId, fill, h } from "../dom/element.ts";
import { showTrouble, trouble, troubleOf } from "../dom/trouble.ts";
import { boxRing } from "../map/pen.ts";
import type { Page } from "../page.ts";
import type { ChosenArea, Trouble } from "../state/state.ts";

export interface Found {
  area: Area;
  label: string;
}

type Find = (signal: AbortSignal) => Promise<ChosenArea | null>;

/** Step 1: an area from wherever it comes becomes the chosen one. */
export interface AreaStep {
  useBox(box: Box): Promise<void>;
  usePolygon(points: Position[]): Promise<void>;
  /** null: what was looked for is no area. */
  useFound(find: (signal: AbortSignal) => Promise<Found | null>): Promise<void>;
  useFile(file: File): Promise<void>;
  clear(): void;
  show(trouble: Trouble | null): void;
}

export function createAreaStep({ store, words, formats }: Page): AreaStep {
  const problems = byId("area-trouble");
  const layerRow = byId("layer-row");
  const layerChoice = byId<HTMLSelectElement>("file-layer");
  const reading = byId("area-reading");
  let file: File | null = null;
  let running = new AbortController();

  const show = (shown: Trouble | null) => showTrouble(problems, shown);

  function choose(area: ChosenArea): void {
    show(null);
    store.set({ area });
    announce(words.area_chosen(area.label, formats.area(area.area_km2)));
  }

  function giveUp(): void {
    running.abort();
    reading.hidden = true;
  }

  /** Runs what finds an area. Of several begun, only the last one counts; so do drawings. */
  async function take(find: Find, source: File | null = null): Promise<void> {
    store.set({ tool: "move" });
    giveUp();
    running = new AbortController();
    const { signal } = running;
    if (source !== file) offerLayers([], "");
    file = source;
    if (source) {
      reading.textContent = words.reading_file(source.name);
      reading.hidden = false;
      announce(words.reading_file(source.name));
    }
    try {
      const area = await find(signal);
      if (area) choose(area);
    } catch (error) {
      if (signal.aborted) return;
      const shown = troubleOf(error, words, source !== null);
      show(shown);
      if (shown.fault?.layers) offerLayers(shown.fault.layers, "");
    }
    reading.hidden = true;
  }

  async function describe(
    area: Area,
    kind: ChosenArea["kind"],
    label: string,
    signal: AbortSignal,
  ): Promise<ChosenArea> {
    return { ...(await describeArea(area, signal)), label, area, kind };
  }

  const chosen = (area: UploadedArea, label: string): ChosenArea => ({
    ...area,
    label,
    area: { upload: area.id },
    kind: "shape",
  });

  /** Offers the layers of the file; "" asks for one to be chosen. */
  function offerLayers(layers: string[], current: string): void {
    layerRow.hidden = layers.length < 2;
    const first = current === "" ? h("option", { value: "" }, words.choose_layer) : null;
    fill(layerChoice, first, ...layers.map((name) => h("option", { value: name }, name)));
    layerChoice.value = current;
  }

  async function upload(source: File, signal: AbortSignal, layer?: string): Promise<ChosenArea> {
    const area = await uploadArea(source, source.name, signal, layer);
    if (layer !== undefined) offerLayers(area.layers, layer);
    return chosen(area, area.label);
  }

  function useFile(source: File): Promise<void> {
    const limit = store.get().config?.limits.upload_bytes;
    if (limit !== undefined && source.size > limit) {
      show(trouble(words.file_too_large(formats.bytes(limit)), words.file_too_large_hint));
      return Promise.resolve();
    }
    return take((signal) => upload(source, signal), source);
  }

  layerChoice.addEventListener("change", () => {
    const [source, layer] = [file, layerChoice.value];
    if (source && layer) void take((signal) => upload(source, signal, layer), source);
  });

  function clear(): void {
    giveUp();
    file = null;
    offerLayers([], "");
    show(null);
    store.set({ area: null });
  }

  byId("area-clear").addEventListener("click", () => {
    clear();
    byId("search-text").focus();
  });

  function render(): void {
    const { area } = store.get();
    const input = byId("area-input");
    const focused = input.contains(document.activeElement);
    input.hidden = area !== null;
    byId("area-chosen").hidden = area === null;
    if (!area) return;
    if (focused) byId("area-zoom").focus();
    byId("area-label").textContent = area.label;
    byId("area-size").textContent = formats.area(area.area_km2);
  }

  store.watch(({ area }) => area, render);
  store.watch(
    ({ tool }) => tool,
    (tool) => {
      if (tool === "box" || tool === "polygon") giveUp();
    },
  );
  render();

  return {
    useBox: (bbox) => take((signal) => describe({ bbox }, "box", words.label_box, signal)),
    useFound: (find) =>
      take(async (signal) => {
        const found = await find(signal);
        if (!found) return null;
        const kind = "bbox" in found.area ? "box" : "shape";
        return describe(found.area, kind, found.label, signal);
      }),
    usePolygon: (points) =>
      take(async (signal) => {
        const [first] = points;
        const ring = first ? [...points, first] : points;
        const geometry = { type: "Polygon", coordinates: [ring] };
        const body = new Blob([JSON.stringify(geometry)], { type: "application/geo+json" });
        return chosen(await uploadArea(body, "drawn.geojson", signal), words.label_polygon);
      }),
    useFile,
    clear,
    show,
  };
}

export const areaOutline = (area: ChosenArea): GeoJSON.Geometry =>
  area.outline ?? { type: "Polygon", coordinates: [boxRing(area.bbox)] };

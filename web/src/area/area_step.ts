import { describeArea, uploadArea } from "../api/client.ts";
import type { Area, Box, Position, UploadedArea } from "../api/types.ts";
import { announce } from "../dom/announce.ts";
import { byId, fill, h } from "../dom/element.ts";
import { showTrouble, trouble, troubleOf } from "../dom/trouble.ts";
import { boxRing } from "../map/pen.ts";
import type { Page } from "../page.ts";
import type { ChosenArea, Trouble } from "../state/state.ts";

/** Step 1: an area from wherever it comes becomes the chosen one. */
export interface AreaStep {
  useBox(box: Box): Promise<void>;
  usePolygon(points: Position[]): Promise<void>;
  useArea(area: Area, label: string): Promise<void>;
  useFile(file: File): Promise<void>;
  clear(): void;
  show(trouble: Trouble | null): void;
}

export function createAreaStep({ store, words, formats }: Page): AreaStep {
  const problems = byId("area-trouble");
  const layerRow = byId("layer-row");
  const layerChoice = byId<HTMLSelectElement>("file-layer");
  let file: File | null = null;
  let latest = 0;

  const show = (shown: Trouble | null) => showTrouble(problems, shown);

  function choose(area: ChosenArea): void {
    show(null);
    store.set({ area, tool: "move" });
    announce(words.area_chosen(area.label, formats.area(area.area_km2)));
  }

  /** Runs what finds an area; of several begun, only the last one counts. */
  async function take(find: () => Promise<ChosenArea>, source: File | null = null): Promise<void> {
    latest += 1;
    const mine = latest;
    if (source !== file) offerLayers([], "");
    file = source;
    try {
      const area = await find();
      if (mine === latest) choose(area);
    } catch (error) {
      if (mine !== latest) return;
      const shown = troubleOf(error, words);
      show(shown);
      offerLayers(shown.fault?.layers ?? [], "");
    }
  }

  async function describe(area: Area, kind: ChosenArea["kind"], label?: string) {
    const described = await describeArea(area);
    return { ...described, label: label ?? described.label, area, kind };
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

  async function upload(source: File, layer?: string): Promise<ChosenArea> {
    const area = await uploadArea(source, source.name, layer);
    if (layer !== undefined) offerLayers(area.layers, layer);
    return chosen(area, area.label);
  }

  function useFile(source: File): Promise<void> {
    const limit = store.get().config?.limits.upload_bytes;
    if (limit !== undefined && source.size > limit) {
      show(trouble(words.file_too_large(formats.bytes(limit)), words.file_too_large_hint));
      return Promise.resolve();
    }
    announce(words.reading_file(source.name));
    return take(() => upload(source), source);
  }

  layerChoice.addEventListener("change", () => {
    const [source, layer] = [file, layerChoice.value];
    if (source && layer) void take(() => upload(source, layer), source);
  });

  function clear(): void {
    latest += 1;
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
    byId("area-input").hidden = area !== null;
    byId("area-chosen").hidden = area === null;
    if (!area) return;
    byId("area-label").textContent = area.label;
    byId("area-size").textContent = formats.area(area.area_km2);
  }

  store.watch(({ area }) => area, render);
  render();

  return {
    useBox: (bbox) => take(() => describe({ bbox }, "box", words.label_box)),
    useArea: (area, label) => take(() => describe(area, "bbox" in area ? "box" : "shape", label)),
    usePolygon: (points) =>
      take(async () => {
        const [first] = points;
        const ring = first ? [...points, first] : points;
        const geometry = { type: "Polygon", coordinates: [ring] };
        const body = new Blob([JSON.stringify(geometry)], { type: "application/geo+json" });
        return chosen(await uploadArea(body, "drawn.geojson"), words.label_polygon);
      }),
    useFile,
    clear,
    show,
  };
}

export const areaOutline = (area: ChosenArea): GeoJSON.Geometry =>
  area.outline ?? { type: "Polygon", coordinates: [boxRing(area.bbox)] };

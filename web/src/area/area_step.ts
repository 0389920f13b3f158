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
  async function take(find: () => Promise<ChosenArea>): Promise<void> {
    latest += 1;
    const mine = latest;
    try {
      const area = await find();
      if (mine === latest) choose(area);
    } catch (error) {
      if (mine === latest) show(troubleOf(error, words));
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

  function offerLayers(layers: string[], current: string | null): void {
    layerRow.hidden = layers.length < 2;
    fill(layerChoice, ...layers.map((name) => h("option", { value: name }, name)));
    if (current !== null) layerChoice.value = current;
  }

  function useFile(next: File): Promise<void> {
    const limit = store.get().config?.limits.upload_bytes;
    if (limit !== undefined && next.size > limit) {
      show(trouble(words.file_too_large(formats.bytes(limit)), words.file_too_large_hint));
      return Promise.resolve();
    }
    announce(words.reading_file(next.name));
    return take(async () => {
      const area = await uploadArea(next, next.name);
      file = next;
      offerLayers(area.layers ?? [], null);
      return chosen(area, area.label);
    });
  }

  layerChoice.addEventListener("change", () => {
    const source = file;
    const layer = layerChoice.value;
    if (!source) return;
    void take(async () => {
      const area = await uploadArea(source, source.name, layer);
      offerLayers(area.layers ?? [], layer);
      return chosen(area, area.label);
    });
  });

  function clear(): void {
    latest += 1;
    file = null;
    offerLayers([], null);
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

import type { Config } from "../api/types.ts";
import { byId, h } from "../dom/element.ts";
import type { Page } from "../page.ts";
import type { Layers } from "../state/state.ts";
import { collectionName, productName } from "../words/names.ts";

/** Which layers the map shows. */
export function createLayerChoice({ store, words }: Page): void {
  const hillshade = byId<HTMLSelectElement>("layer-hillshade");
  const coverage = byId<HTMLSelectElement>("layer-coverage");
  const preview = byId<HTMLInputElement>("layer-preview");
  const online = byId<HTMLInputElement>("layer-online");

  const change = (changes: Partial<Layers>) =>
    store.set({ layers: { ...store.get().layers, ...changes } });

  hillshade.addEventListener("change", () => change({ hillshade: hillshade.value || null }));
  coverage.addEventListener("change", () => change({ coverage: coverage.value || null }));
  preview.addEventListener("change", () => change({ preview: preview.checked }));
  online.addEventListener("change", () => change({ online: online.checked }));

  function configure(config: Config): void {
    const option = (value: string, text: string) => h("option", { value }, text);
    hillshade.append(...config.map.layers.map((name) => option(name, productName(name, words))));
    coverage.append(
      ...config.collections.map(({ name }) => option(name, collectionName(name, words))),
    );
    const parent = online.parentElement;
    if (parent) parent.hidden = !config.map.has_basemap;
    const { layers } = store.get();
    hillshade.value = layers.hillshade ?? "";
    coverage.value = layers.coverage ?? "";
    preview.checked = layers.preview;
    online.checked = layers.online;
  }

  store.watch(
    ({ config }) => config,
    (config) => config && configure(config),
  );
}

import { type AppStore, FIRST_CHOICES, FIRST_STATE, type State } from "./state.ts";

const KEY = "hrdem";

type Kept = Pick<State, "area" | "choices" | "layers" | "place">;

/** The state as it was before a reload of this tab. */
export function recall(storage: Storage): State {
  try {
    const kept: Partial<Kept> = JSON.parse(storage.getItem(KEY) ?? "{}");
    return {
      ...FIRST_STATE,
      area: kept.area ?? null,
      place: kept.place ?? null,
      choices: { ...FIRST_CHOICES, ...kept.choices },
      layers: { ...FIRST_STATE.layers, ...kept.layers },
    };
  } catch {
    return FIRST_STATE; // storage is closed to us, or another version wrote it
  }
}

/** Keeps what a reload should bring back. */
export function keep(store: AppStore, storage: Storage): void {
  const write = () => {
    const { area, choices, layers, place } = store.get();
    try {
      storage.setItem(KEY, JSON.stringify({ area, choices, layers, place } satisfies Kept));
    } catch {
      // full or closed: the page works without
    }
  };
  store.watch(({ area }) => area, write);
  store.watch(({ choices }) => choices, write);
  store.watch(({ layers }) => layers, write);
  store.watch(({ place }) => place, write);
}

import { type AppStore, FIRST_CHOICES, FIRST_STATE, type State } from "./state.ts";

const KEY = "hrdem";

type Kept = Pick<State, "area" | "choices" | "layers" | "place">;

const areNumbers = (value: unknown, count: number): boolean =>
  Array.isArray(value) && value.length === count && value.every(Number.isFinite);

/** Whether a value can stand where another does; null stands where a text or a number may. */
function isLike(usual: unknown, value: unknown): boolean {
  if (Array.isArray(usual)) {
    return Array.isArray(value) && value.every((each) => typeof each === "string");
  }
  if (usual === null)
    return value === null || ["string", "number", "boolean"].includes(typeof value);
  return typeof value === typeof usual;
}

/** The usual values, with those that were kept and are like them. */
function merge<T extends object>(usual: T, kept: Partial<T> | undefined): T {
  const alike = Object.entries(kept ?? {}).filter(
    ([name, value]) => name in usual && isLike(usual[name as keyof T], value),
  );
  return { ...usual, ...Object.fromEntries(alike) };
}

/** The state as it was before a reload of this tab, as far as it makes sense to this version. */
export function recall(storage: Storage): State {
  try {
    const kept: Partial<Kept> = JSON.parse(storage.getItem(KEY) ?? "{}");
    const { area, place } = kept;
    return {
      ...FIRST_STATE,
      area: area?.area && areNumbers(area.bbox, 4) ? area : null,
      place: areNumbers(place?.center, 2) && Number.isFinite(place?.zoom) ? (place ?? null) : null,
      choices: merge(FIRST_CHOICES, kept.choices),
      layers: merge(FIRST_STATE.layers, kept.layers),
    };
  } catch {
    return FIRST_STATE; // storage is closed to us, or what is in it was not written by us
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

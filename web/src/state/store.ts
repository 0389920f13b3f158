/** One plain store: the state, its changes, and who wants to know of them. */

export interface Store<S> {
  get(): S;
  set(changes: Partial<S>): void;
  /** Calls back with each new value of what `select` picks, from now on. */
  watch<T>(select: (state: S) => T, changed: (value: T) => void): void;
}

export function createStore<S extends object>(initial: S): Store<S> {
  let state = initial;
  const watchers = new Set<() => void>();
  return {
    get: () => state,
    set(changes) {
      state = { ...state, ...changes };
      for (const check of watchers) check();
    },
    watch(select, changed) {
      let last = select(state);
      watchers.add(() => {
        const value = select(state);
        if (Object.is(value, last)) return;
        last = value;
        changed(value);
      });
    },
  };
}

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Job } from "../src/api/types.ts";
import { keep, recall } from "../src/state/keep.ts";
import { buildRequest } from "../src/state/request.ts";
import {
  type ChosenArea,
  FIRST_CHOICES,
  FIRST_STATE,
  withJob,
  withNewJob,
} from "../src/state/state.ts";
import { createStore } from "../src/state/store.ts";

const BOX: ChosenArea = {
  area: { bbox: [-75.72, 45.4, -75.66, 45.44] },
  kind: "box",
  outline: { type: "Polygon", coordinates: [] },
  bbox: [-75.72, 45.4, -75.66, 45.44],
  area_km2: 20.9,
  label: "Box",
};

function memory(): Storage {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  } as Storage;
}

test("watchers hear of changes to what they picked, and of nothing else", () => {
  const store = createStore({ one: 1, other: 1 });
  const heard: number[] = [];
  store.watch(
    ({ one }) => one,
    (value) => heard.push(value),
  );
  store.set({ other: 2 });
  store.set({ one: 1 });
  store.set({ one: 3 });
  assert.deepEqual(heard, [3]);
});

test("the request has the keys of hrdem.extract, and crops to polygons but not to boxes", () => {
  const request = buildRequest(BOX, FIRST_CHOICES);
  assert.deepEqual(request, {
    area: { bbox: [-75.72, 45.4, -75.66, 45.44] },
    products: ["dtm"],
    collection: "1m",
    fill: [],
    crs: null,
    resolution: null,
    resampling: null,
    format: "gtiff",
    vertical_datum: null,
    crop: false,
    source_band: false,
  });
  assert.equal(buildRequest({ ...BOX, kind: "shape" }, FIRST_CHOICES)?.crop, true);
  assert.equal(buildRequest(BOX, { ...FIRST_CHOICES, crop: true })?.crop, true);
});

test("without an area or a product there is no request", () => {
  assert.equal(buildRequest(null, FIRST_CHOICES), null);
  assert.equal(buildRequest(BOX, { ...FIRST_CHOICES, products: [] }), null);
});

test("a reload brings back the area and the choices", () => {
  const storage = memory();
  const store = createStore(recall(storage));
  keep(store, storage);
  store.set({ area: BOX, choices: { ...FIRST_CHOICES, products: ["dsm"], crs: "EPSG:2959" } });
  const after = recall(storage);
  assert.deepEqual(after.area, BOX);
  assert.deepEqual(after.choices.products, ["dsm"]);
  assert.equal(after.choices.crs, "EPSG:2959");
});

test("what another version or nobody kept is left aside", () => {
  const storage = memory();
  storage.setItem("hrdem", "{");
  assert.deepEqual(recall(storage), FIRST_STATE);
  const choices = { ...FIRST_CHOICES, products: null, fill: "1m", crop: {}, other: 1 };
  const others = { area: { bbox: [1, 2] }, layers: null, place: { center: [null, 1], zoom: 4 } };
  storage.setItem("hrdem", JSON.stringify({ choices, ...others }));
  assert.deepEqual(recall(storage), FIRST_STATE);
});

test("a job that changed keeps its place, a new one comes first", () => {
  const job = (id: string, created: string, state = "queued") => ({ id, created, state }) as Job;
  const first = job("a", "2026-01-01T00:00:00Z");
  const second = job("b", first.created); // within the second that the server's times are exact to
  const jobs = withJob([first], second);
  assert.deepEqual(
    jobs.map(({ id }) => id),
    ["b", "a"],
  );
  const changed = withJob(jobs, { ...second, state: "done" });
  assert.deepEqual(
    changed.map(({ id, state }) => [id, state]),
    [
      ["b", "done"],
      ["a", "queued"],
    ],
  );
});

test("an answer about a new job does not undo what events have told of it since", () => {
  const told = [{ id: "a", created: "2026-01-01T00:00:00Z", state: "running" } as Job];
  const answer = { ...told[0], state: "queued" } as Job;
  assert.equal(withNewJob(told, answer), told);
  assert.deepEqual(withNewJob([], answer), [answer]);
});

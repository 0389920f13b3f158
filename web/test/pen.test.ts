import assert from "node:assert/strict";
import { test } from "node:test";
import type { Position } from "../src/api/types.ts";
import { begin, boxOf, canFinish, finish, hover, place, sketch, undo } from "../src/map/pen.ts";

const draw = (shape: Parameters<typeof begin>[0], ...points: Position[]) =>
  points.reduce(place, begin(shape));

test("a box is its corners, in whichever order they were drawn", () => {
  const expected = [-75.7, 45.4, -75.6, 45.5];
  assert.deepEqual(boxOf([-75.6, 45.4], [-75.7, 45.5]), expected);
  const drawn = finish(draw("box", [-75.6, 45.5], [-75.7, 45.4]));
  assert.deepEqual(drawn, { shape: "box", box: expected });
});

test("a box without width is no box yet; the next corner ends it", () => {
  assert.equal(finish(draw("box", [-75.6, 45.5])), null);
  const flat = draw("box", [-75.6, 45.5], [-75.6, 45.4], [-75.60000001, 45.4], [-75.7, 45.5]);
  assert.equal(finish(flat), null);
  assert.deepEqual(finish(place(flat, [-75.7, 45.4])), {
    shape: "box",
    box: [-75.7, 45.4, -75.6, 45.5],
  });
});

test("a polygon needs three corners; one placed twice counts once", () => {
  const two = draw("polygon", [0, 0], [1, 0], [1, 0]);
  assert.equal(canFinish(two), false);
  assert.deepEqual(finish(place(two, [1, 1])), {
    shape: "polygon",
    points: [
      [0, 0],
      [1, 0],
      [1, 1],
    ],
  });
});

test("the last point can be taken back", () => {
  assert.deepEqual(undo(draw("line", [0, 0], [1, 1])).points, [[0, 0]]);
  assert.deepEqual(undo(begin("line")).points, []);
});

test("coordinates are rounded to a tenth of a metre", () => {
  const drawn = finish(draw("line", [0.123456789, 1], [2, 3.00000004]));
  assert.deepEqual(drawn, {
    shape: "line",
    points: [
      [0.123457, 1],
      [2, 3],
    ],
  });
});

test("the sketch follows the pointer and closes rings", () => {
  const shape = sketch(hover(draw("polygon", [0, 0], [1, 0]), [1, 1])).features.at(-1);
  assert.deepEqual(shape?.geometry, {
    type: "Polygon",
    coordinates: [
      [
        [0, 0],
        [1, 0],
        [1, 1],
        [0, 0],
      ],
    ],
  });
});

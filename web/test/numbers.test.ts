import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDegrees } from "../src/area/coordinates.ts";
import { coarser, parseResolution } from "../src/choices/choices_form.ts";
import { parseCrs } from "../src/choices/crs_field.ts";
import { createFormats } from "../src/format/numbers.ts";
import { climbs, runs } from "../src/measure/profile_chart.ts";
import { en } from "../src/words/en.ts";
import { collectionName, productName, withUnit } from "../src/words/names.ts";

const english = createFormats("en");
const french = createFormats("fr");
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

test("bytes, areas and durations are written as the language has them", () => {
  assert.equal(plain(english.bytes(171_196_704)), "171 MB");
  assert.equal(plain(french.bytes(14_300_000)), "14,3 Mo");
  assert.equal(plain(english.bytes(0)), "0 bytes");
  assert.equal(plain(english.area(20.877)), "20.9 km²");
  assert.equal(plain(french.area(0.0123)), "0,0123 km²");
  assert.equal(plain(english.duration(0.2)), "1 second");
  assert.equal(plain(french.duration(95)), "2 minutes");
  assert.equal(plain(english.duration(5400)), "1.5 hours");
});

test("places are north and west, not east of a negative number", () => {
  assert.equal(plain(english.position([-75.7, 45.42])), "45.42° N, 75.7° W");
  assert.equal(plain(french.position([-75.7, 45.42])), "45,42° N ; 75,7° O");
  assert.equal(plain(english.position([2.35, -48.85])), "48.85° S, 2.35° E");
});

test("a share that is nearly all is not called all of it", () => {
  assert.equal(plain(english.percent(99.6)), "99.6%");
  assert.equal(plain(english.percent(99.9996)), "99.99%");
  assert.equal(plain(english.percent(100)), "100%");
  assert.equal(plain(english.percent(98.7)), "98%");
  assert.equal(plain(english.percent(0.25)), "0.2%");
});

test("degrees are read as people write them", () => {
  assert.equal(parseDegrees(" -75.72 "), -75.72);
  assert.equal(parseDegrees("−75,72°"), -75.72);
  for (const text of ["", "west", "75.7.2", "1e3", "45 24"]) assert.equal(parseDegrees(text), null);
});

test("a coordinate system is a number or what the user wrote", () => {
  assert.equal(parseCrs(" 2959 "), "EPSG:2959");
  assert.equal(parseCrs("EPSG:2959"), "EPSG:2959");
  assert.equal(parseCrs("epsg:2959"), "EPSG:2959");
  assert.equal(parseCrs("mtm 9"), null);
  assert.equal(parseCrs(""), null);
});

test("a pixel size is positive or left out", () => {
  assert.equal(parseResolution(""), null);
  assert.equal(parseResolution("2,5"), 2.5);
  for (const text of ["0", "-1", "five"]) assert.ok(Number.isNaN(parseResolution(text)));
});

test("only coarser mosaics fill gaps", () => {
  const collections = [1, 2, 30].map((resolution) => ({
    name: `${resolution}m`,
    resolution,
    title: "",
  }));
  assert.deepEqual(coarser(collections, "1m"), ["2m", "30m"]);
  assert.deepEqual(coarser(collections, "30m"), []);
});

test("a gap breaks a profile, and is not climbed over by mistake", () => {
  const stations = [1, 3, null, 2].map((value, distance) => ({
    distance,
    lon: 0,
    lat: 0,
    value,
    slope: null,
  }));
  assert.deepEqual(
    runs(stations).map((run) => run.map(({ value }) => value)),
    [[1, 3], [2]],
  );
  assert.deepEqual(climbs(stations), { climb: 2, descent: 1 });
});

test("names and units are those of the language; what is new keeps the server's", () => {
  assert.equal(productName("dtm", en), en.product_dtm);
  assert.equal(productName("dtm-roughness", en), "dtm-roughness");
  assert.equal(collectionName("30m", en), en.collection_30m);
  assert.equal(withUnit("3", "metre"), "3\u00a0m");
  assert.equal(withUnit("3", "degree"), "3°");
  assert.equal(withUnit("3", ""), "3");
});

test("sides of a box take minutes and letters, and longitudes without a sign are west", () => {
  assert.equal(parseDegrees("45°24'"), 45.4);
  assert.equal(parseDegrees("75° 43\u2032 12\u2033 O", true), -75.72);
  assert.equal(parseDegrees("75.72W"), -75.72);
  assert.equal(parseDegrees("75,72", true), -75.72);
  assert.equal(parseDegrees("-75.72", true), -75.72);
  assert.equal(parseDegrees("2.35 E", true), 2.35);
  assert.equal(parseDegrees("45.4"), 45.4);
  assert.equal(parseDegrees("west", true), null);
});

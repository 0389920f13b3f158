import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fault } from "../src/api/types.ts";
import { faultText, readable } from "../src/dom/fault_text.ts";
import { en } from "../src/words/en.ts";
import { fr } from "../src/words/fr.ts";

const fault = (changes: Partial<Fault>): Fault => ({
  code: 2,
  class: "RequestError",
  message: "It is wrong.",
  hint: "Choose another.",
  parameter: null,
  ...changes,
});

test("what the server says is kept in English, but for options of the command line", () => {
  assert.equal(faultText(fault({}), en).message, "It is wrong.");
  assert.equal(faultText(fault({}), en).hint, "Choose another.");
  const limit = fault({
    message: "127 GB would have to be fetched, and --max-download allows 50 GB.",
    hint: "Give a larger --max-download, a smaller area, or a coarser --resolution.",
  });
  assert.equal(faultText(limit, en).message, en.fault_download);
  assert.equal(faultText(limit, en).hint, en.fault_download_hint);
  const degrees = fault({
    hint: "Give it, for example `resolution=0.000009`.",
    parameter: "resolution",
  });
  assert.equal(faultText(degrees, en).hint, en.fault_resolution_hint);
});

test("in French, the page says it, with the server's message as a detail", () => {
  const outside = fault({ code: 4, class: "NoDataError", message: "It is outside Canada." });
  assert.equal(faultText(outside, fr).message, fr.fault_outside);
  assert.equal(faultText(outside, fr).detail, "It is outside Canada.");
  const empty = fault({ code: 4, class: "NoDataError", hint: "--fill 2m fills." });
  assert.equal(faultText(empty, fr).message, fr.fault_no_data);
  assert.equal(faultText(fault({ class: "ChooseLayerError" }), fr).hint, fr.fault_layer_hint);
  assert.equal(faultText(fault({}), fr, true).message, fr.fault_file);
  assert.equal(faultText(fault({ code: 5 }), fr).message, fr.fault_service);
});

test("warnings lose the sentences that advise options", () => {
  const gaps = "1.5 % of the area has no data. --fill 2m,30m fills it; 30m covers Canada.";
  assert.equal(readable(gaps), "1.5 % of the area has no data.");
  assert.equal(readable("Give a larger `resolution`."), "");
});

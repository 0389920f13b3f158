// Read rasters with geotiff.js: MODULE OUT FILE...
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createRequire } from "node:module";

const [module, out, ...paths] = process.argv.slice(2);
const { fromFile } = createRequire(module + "/")("geotiff");

// version 1 rejects promises that nobody waits for
let reject = () => {};
process.on("unhandledRejection", (error) => reject(error));

for (const path of paths) {
  const stem = join(out, basename(path, ".tif"));
  let described;
  try {
    const image = await (await fromFile(path)).getImage();
    const bands = await Promise.race([
      image.readRasters(),
      new Promise((_, fail) => { reject = fail; }),
    ]);
    const pixels = bands.map((band) => Buffer.from(Float32Array.from(band).buffer));
    writeFileSync(stem + ".f32", Buffer.concat(pixels));
    const [left, top] = image.getOrigin();
    const [dx, dy] = image.getResolution();
    described = {
      width: image.getWidth(), height: image.getHeight(), left, top, dx, dy: -dy,
      nodata: image.getGDALNoData(), crs: "EPSG:" + image.getGeoKeys().ProjectedCSTypeGeoKey,
    };
  } catch (error) {
    described = { error: String(error) };
  }
  writeFileSync(stem + ".json", JSON.stringify(described));
}

"""Convert rasters to uncompressed GeoTIFFs with WhiteboxTools: PROGRAM OUT FILE..."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from osgeo import gdal

program, out, *paths = sys.argv[1:]
for path in paths:
    stem = Path(out, Path(path).stem)
    copy = stem.with_suffix(".tif")
    done = subprocess.run(
        [program, "--run=ConvertRasterFormat", f"--input={path}", f"--output={copy}"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if not copy.exists():
        described: dict[str, object] = {"error": done.stdout[-300:]}
        pixels = b""
    else:
        dataset = gdal.Open(str(copy))
        left, dx, _, top, _, dy = dataset.GetGeoTransform()
        pixels = dataset.ReadAsArray().astype("<f4").tobytes()
        described = {
            "width": dataset.RasterXSize, "height": dataset.RasterYSize,
            "left": left, "top": top, "dx": dx, "dy": -dy, "crs": dataset.GetProjection(),
            "nodata": dataset.GetRasterBand(1).GetNoDataValue(),
        }  # fmt: skip
    stem.with_suffix(".f32").write_bytes(pixels)
    stem.with_suffix(".json").write_text(json.dumps(described))

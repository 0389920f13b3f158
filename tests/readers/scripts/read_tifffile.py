"""Read rasters with tifffile: OUT FILE..."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import tifffile

out, *paths = sys.argv[1:]
for path in paths:
    pixels = b""
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            array = file.series[0].levels[0].asarray()
            if array.ndim == 3 and page.planarconfig == 1:
                array = array.transpose(2, 0, 1)  # bands come last
            pixels = array.astype("<f4").tobytes()
            scale, tie = page.tags[33550].value, page.tags[33922].value
            described = {
                "width": page.imagewidth, "height": page.imagelength, "left": tie[3], "top": tie[4],
                "dx": scale[0], "dy": scale[1], "nodata": page.nodata,
                "crs": f"EPSG:{int(page.geotiff_tags['ProjectedCSTypeGeoKey'])}",
            }  # fmt: skip
    except Exception as exc:  # noqa: BLE001 (whatever it is, the program does not read the file)
        described = {"error": repr(exc)}
    Path(out, Path(path).stem + ".f32").write_bytes(pixels)
    Path(out, Path(path).stem + ".json").write_text(json.dumps(described), encoding="utf-8")

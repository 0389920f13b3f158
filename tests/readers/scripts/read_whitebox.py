"""Read rasters with whitebox-workflows, version 1 or 2: OUT FILE..."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import whitebox_workflows

out, *paths = sys.argv[1:]
environment = whitebox_workflows.WbEnvironment()
environment.verbose = False
for path in paths:
    pixels = b""
    try:
        raster = environment.read_raster(path)
        if hasattr(raster, "to_numpy"):  # version 2
            array = np.asarray(raster.to_numpy())
            info = raster.metadata()
            described = {"height": info.rows, "width": info.columns, "left": info.west,
                         "top": info.north, "dx": info.resolution_x, "dy": info.resolution_y,
                         "nodata": info.nodata, "crs": f"EPSG:{raster.crs_epsg()}"}  # fmt: skip
        else:
            info = raster.configs
            array = np.array([raster.get_row_data(row) for row in range(info.rows)])
            described = {"height": info.rows, "width": info.columns, "left": info.west,
                         "top": info.north, "dx": info.resolution_x, "dy": info.resolution_y,
                         "nodata": info.nodata, "crs": f"EPSG:{info.epsg_code}"}  # fmt: skip
        pixels = array.astype("<f4").tobytes()
    except BaseException as exc:  # noqa: BLE001 (version 1 panics, which is no Exception)
        described = {"error": str(exc)}
    Path(out, Path(path).stem + ".f32").write_bytes(pixels)
    Path(out, Path(path).stem + ".json").write_text(json.dumps(described), encoding="utf-8")

"""Import rasters into SAGA: OUT FILE..."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

out, *paths = sys.argv[1:]
for path in paths:
    stem = Path(out, Path(path).stem)
    subprocess.run(
        ["saga_cmd", "--flags=s", "io_gdal", "0", f"-FILES={path}", f"-GRIDS={stem}.sgrd",
         "-MULTIPLE=0"],
        check=False, capture_output=True,
    )  # fmt: skip
    # with several bands, SAGA writes each into a file of its own
    headers = sorted(stem.parent.glob(f"{stem.name}*.sgrd"))
    pixels = b""
    described: dict[str, object] = {"error": "SAGA writes no grid"}
    for header in headers:
        lines = (line.split("=", 1) for line in header.read_text().splitlines() if "=" in line)
        info = {key.strip(): value.strip() for key, value in lines}
        kinds = {
            "FLOAT": "<f4",
            "BYTE_UNSIGNED": "u1",
            "SHORTINT": "<i2",
            "SHORTINT_UNSIGNED": "<u2",
        }
        kind = kinds[info["DATAFORMAT"]]
        width, height = int(info["CELLCOUNT_X"]), int(info["CELLCOUNT_Y"])
        grid = np.fromfile(header.with_suffix(".sdat"), kind).reshape(height, width)
        pixels += grid[::-1].astype("<f4").tobytes()
        size = float(info["CELLSIZE"])
        described = {
            "width": width, "height": height,
            "left": float(info["POSITION_XMIN"]) - size / 2,
            "top": float(info["POSITION_YMIN"]) + (height - 0.5) * size,
            "dx": size, "dy": size, "nodata": float(info["NODATA_VALUE"].split(";")[0]),
            "crs": header.with_suffix(".prj").read_text(),
        }  # fmt: skip
    stem.with_suffix(".f32").write_bytes(pixels)
    stem.with_suffix(".json").write_text(json.dumps(described))

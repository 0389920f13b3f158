"""Read rasters as layers of QGIS: OUT FILE..."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from qgis.core import Qgis, QgsApplication, QgsRasterLayer

out, *paths = sys.argv[1:]
application = QgsApplication([], False)
application.initQgis()
for path in paths:
    layer = QgsRasterLayer(path, "layer")
    if not layer.isValid():
        described, pixels = {"error": layer.error().message()}, b""
    else:
        provider, extent = layer.dataProvider(), layer.extent()
        pixels = b""
        for band in range(1, layer.bandCount() + 1):
            block = provider.block(band, extent, layer.width(), layer.height())
            assert block.convert(Qgis.Float32)
            pixels += bytes(block.data())
        described = {
            "width": layer.width(), "height": layer.height(),
            "left": extent.xMinimum(), "top": extent.yMaximum(),
            "dx": layer.rasterUnitsPerPixelX(), "dy": layer.rasterUnitsPerPixelY(),
            "nodata": provider.sourceNoDataValue(1) if provider.sourceHasNoDataValue(1) else None,
            "crs": layer.crs().authid() + layer.crs().toWkt(),
        }  # fmt: skip
    Path(out, Path(path).stem + ".f32").write_bytes(pixels)
    Path(out, Path(path).stem + ".json").write_text(json.dumps(described), encoding="utf-8")

"""Print how QGIS opens rasters and layers of GeoPackages, as JSON. Arguments: files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from qgis.core import QgsApplication, QgsRasterBandStats, QgsRasterLayer, QgsVectorLayer

SAMPLE_PIXELS = 250_000  # that QGIS takes by default to stretch colours


def describe(path: str) -> dict:
    return describe_layer(path) if path.endswith(".gpkg") else describe_raster(path)


def describe_layer(path: str) -> dict:
    layer = QgsVectorLayer(path, Path(path).stem)
    box = layer.extent()
    return {
        "crs": layer.crs().authid(),
        "extent": [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()],
        "fields": layer.fields().names(),
        "rows": [
            [field if isinstance(field, (int, float, str)) else None for field in row.attributes()]
            for row in layer.getFeatures()
        ],
    }


def describe_raster(path: str) -> dict:
    layer = QgsRasterLayer(path, Path(path).stem)
    renderer, box = layer.renderer(), layer.extent()
    found = {
        "crs": layer.crs().authid(),
        "extent": [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()],
        "renderer": renderer.type(),
        "colours": [],
    }
    if renderer.type() == "singlebandpseudocolor":
        items = renderer.shader().rasterShaderFunction().colorRampItemList()
        found["colours"] = [(item.value, item.color.name()) for item in items]
    if renderer.type() == "paletted":
        found["classes"] = [(c.value, c.label, c.color.name()) for c in renderer.classes()]
    if layer.bandCount() == 1:
        wanted = QgsRasterBandStats.Min | QgsRasterBandStats.Max
        statistics = layer.dataProvider().bandStatistics(1, wanted, box, SAMPLE_PIXELS)
        found["range"] = [statistics.minimumValue, statistics.maximumValue]
    return found


application = QgsApplication([], False)
application.initQgis()
sys.stdout.write(json.dumps([describe(path) for path in sys.argv[1:]]))
sys.stdout.flush()
application.exitQgis()

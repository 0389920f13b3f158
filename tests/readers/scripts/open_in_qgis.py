"""Print how QGIS opens rasters, as JSON. Arguments: files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from qgis.core import QgsApplication, QgsRasterBandStats, QgsRasterLayer

SAMPLE_PIXELS = 250_000  # that QGIS takes by default to stretch colours


def describe(path: str) -> dict:
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

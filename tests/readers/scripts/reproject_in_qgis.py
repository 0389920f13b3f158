"""Reproject rasters to EPSG:2959 with QGIS's "Warp (reproject)", and stack them; run by PyQGIS.

Prints JSON: CRS and mean of each raster before and after, and the bands of the stack.
"""

import json
import sys
from pathlib import Path

from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsRasterLayer

_PLUGINS = "/usr/share/qgis/python/plugins"


def describe(path: str) -> dict[str, object]:
    """Return the authority's code of a raster's CRS, and the mean of its first band."""
    layer = QgsRasterLayer(path, "raster")
    assert layer.isValid(), path
    return {"crs": layer.crs().authid(), "mean": layer.dataProvider().bandStatistics(1).mean}


def main(folder: Path, paths: list[str]) -> None:
    """Reproject each raster into a folder, and stack all."""
    sys.path.append(_PLUGINS)
    import processing
    from processing.core.Processing import Processing

    Processing.initialize()
    results = []
    for path in paths:
        params = {
            "INPUT": path,
            "TARGET_CRS": QgsCoordinateReferenceSystem("EPSG:2959"),
            "OUTPUT": str(folder / f"warped-{Path(path).name}"),
        }
        warped = processing.run("gdal:warpreproject", params)["OUTPUT"]
        results.append({"before": describe(path), "after": describe(warped)})
    params = {"INPUT": paths, "SEPARATE": True, "OUTPUT": str(folder / "stack.vrt")}
    stack = processing.run("gdal:buildvirtualraster", params)["OUTPUT"]
    bands = QgsRasterLayer(stack, "stack").bandCount()
    print(json.dumps({"rasters": results, "bands": bands}))  # noqa: T201 (read by the test)


application = QgsApplication([], False)  # must outlive its layers
application.initQgis()
main(Path(sys.argv[1]), sys.argv[2:])
application.exitQgis()

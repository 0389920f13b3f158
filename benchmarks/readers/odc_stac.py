"""odc-stac, with an item whose ``proj:transform`` is in the order that STAC requires.

With that of the live catalogue, which is in GDAL's order, it returns nothing but nodata.
"""

from __future__ import annotations

import datetime
import os

import odc.stac
import pystac
from affine import Affine
from odc.geo.geobox import GeoBox

from benchmarks.readers.output import create
from benchmarks.readers.task import TUNED, Task

_EDGE = 500_000
_TRANSFORM = Affine(1, 0, 1_500_000, 0, -1, 0)  # of sub-tile 9_2
_NODATA = -32767
_PIECE = 2_048
# longitudes and latitudes around the sub-tile; what is read is chosen by the grid
_AROUND = (-80.0, 40.0, -66.0, 52.0)


def main() -> None:
    task = Task.from_command_line()
    os.environ.update(TUNED)
    west, south, east, north = _AROUND
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item = pystac.Item(
        id="9_2-mosaic-1m",
        geometry={"type": "Polygon", "coordinates": [ring]},
        bbox=list(_AROUND),
        datetime=datetime.datetime(2023, 5, 9, tzinfo=datetime.UTC),
        properties={
            "proj:epsg": 3979,
            "proj:code": "EPSG:3979",
            "proj:shape": [_EDGE, _EDGE],
            "proj:transform": list(_TRANSFORM)[:6],
        },
        stac_extensions=["https://stac-extensions.github.io/projection/v1.0.0/schema.json"],
    )
    asset = pystac.Asset(task.url, media_type=pystac.MediaType.COG, roles=["data"])
    item.add_asset("dtm", asset)
    grid = GeoBox(
        (task.size, task.size),
        _TRANSFORM * Affine.translation(task.column, task.row),
        "EPSG:3979",
    )
    loaded = odc.stac.load(
        [item],
        bands=["dtm"],
        geobox=grid,
        chunks={"x": _PIECE, "y": _PIECE},
        stac_cfg={"*": {"assets": {"*": {"data_type": "float32", "nodata": _NODATA}}}},
    )
    pixels = loaded["dtm"].isel(time=0).to_numpy()
    with create(task, _TRANSFORM, "EPSG:3979", _NODATA) as output:
        output.write(pixels, 1)


if __name__ == "__main__":
    main()

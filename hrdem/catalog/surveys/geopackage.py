"""Projects in a GeoPackage (OGC 12-128), read by GDAL in a process of its own.

A GeoPackage from the network is a stranger's database, whose views may compute for ever; and
GDAL's vector reader holds Python's lock and keeps its settings for all threads while it waits for
a server. A process of its own can be ended, and has settings of its own.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping

import numpy as np
import shapely

from hrdem.catalog.surveys.attributes import Outline, Project
from hrdem.catalog.surveys.worker import answer_request, read_in_subprocess, run_python
from hrdem.errors import HrdemError
from hrdem.geo.crs import NATIVE_CRS, assume_nad83, project_points, project_shape

SIGNATURE = b"SQLite format 3\0"  # OGC 12-128r19, 1.1.1.1.1
_DRIVER = "GPKG"
_MOST_OUTLINES = 100_000  # of a layer, that reach into the box around the area


def read_geopackage_projects(
    path: str,
    name: str,
    area: shapely.Polygon,
    prefer: str,
    settings: Mapping[str, object],
    seconds: float,
) -> list[Project]:
    """Tell which projects in a GeoPackage share some of an area, the newest first.

    Layers whose name has the preferred word are read, or else all of them. Of a layer only the
    outlines are looked at that its spatial index finds in the box around the area.

    Args:
        path: Its path, as GDAL has it.
        name: What messages call it.
        area: Polygon in EPSG:3979.
        prefer: Word in the names of layers.
        settings: GDAL's configuration options.
        seconds: Longest time to take.

    Raises:
        SourceError: If GDAL cannot read it, or it is something else than outlines.
        TransferError: If the process that reads does not end in that time, or ends otherwise.
    """
    asked = {"path": path, "prefer": prefer}
    module = "hrdem.catalog.surveys.geopackage"
    settings = {**settings, "OGR_SKIP": _other_drivers()}
    return read_in_subprocess(module, asked, name, area, settings, seconds)


def _outlines(path: str, area: shapely.Polygon, prefer: str) -> Iterator[Outline]:
    import pyogrio  # noqa: PLC0415

    layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if not layers:
        raise ValueError("it has no layer with outlines")
    preferred = [name for name in layers if prefer in name.lower()]
    for layer in preferred or layers:
        yield from _outlines_of(path, layer, area)


def _outlines_of(path: str, layer: str, area: shapely.Polygon) -> Iterator[Outline]:
    """Read the outlines of a layer in the box around an area, in EPSG:3979."""
    from pyogrio import raw, read_info  # noqa: PLC0415

    about = read_info(path, layer=layer)
    crs = about["crs"]
    if crs is None:
        raise ValueError(f"its layer {layer} has no coordinate reference system")
    native = crs == NATIVE_CRS
    source = NATIVE_CRS if native else assume_nad83(crs)
    corners = shapely.get_coordinates(area)
    around = corners if native else project_points(corners, NATIVE_CRS, source)
    meta, _, shapes, columns = raw.read(
        path,
        layer=layer,
        bbox=(*around.min(axis=0), *around.max(axis=0)),
        max_features=_MOST_OUTLINES + 1,
        force_2d=True,
    )
    if len(shapes) > _MOST_OUTLINES:
        raise ValueError(f"its layer {layer} has more than {_MOST_OUTLINES} outlines there")
    whole = [np.dtype(dtype).kind in "iu" for dtype in meta["dtypes"]]
    for number, shape in enumerate(shapes):
        geometry = shapely.from_wkb(shape)
        if geometry is None or geometry.is_empty:
            continue
        if not native:
            geometry = project_shape(geometry, source, NATIVE_CRS)
        row = [column[number] for column in columns]
        # columns of whole numbers come as floats where some are missing
        values = [int(v) if i and v == v else v for v, i in zip(row, whole, strict=True)]  # noqa: PLR0124
        yield Outline(geometry, dict(zip(map(str, meta["fields"]), values, strict=True)))


@functools.cache
def _other_drivers() -> str:
    """The names of all formats but GeoPackage, as GDAL wants to be told of them before it begins.

    What it does not know it cannot take a file for: other formats lead to other files and hosts.

    Raises:
        TransferError: If the process that knows them fails.
    """
    told = run_python(["-c", "import json, pyogrio; print(json.dumps(pyogrio.list_drivers()))"])
    return ",".join(sorted(json.loads(told).keys() - {_DRIVER}))


if __name__ == "__main__":
    import pyogrio

    if pyogrio.list_drivers().keys() != {_DRIVER}:
        raise SystemExit("GDAL's other drivers cannot be left out")
    answer_request(
        lambda asked, area: _outlines(asked["path"], area, asked["prefer"]),
        (pyogrio.errors.DataSourceError, RuntimeError, ValueError, HrdemError),
    )

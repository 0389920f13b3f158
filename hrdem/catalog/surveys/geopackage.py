"""Read projects from a GeoPackage (OGC 12-128) through GDAL, in a separate process.

A GeoPackage from the network is an untrusted database, whose views may compute forever. GDAL's
vector reader also keeps Python's global lock while it waits for a server, and its settings apply
to all threads. A separate process can be ended, and has its own settings.
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
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.datum import link_crs
from hrdem.geo.reproject import project_geometry

SIGNATURE = b"SQLite format 3\0"  # OGC 12-128r19, 1.1.1.1.1
_DRIVER = "GPKG"
MAX_OUTLINES = 100_000  # of a layer in the bounding box of the area


def read_geopackage_projects(
    path: str,
    name: str,
    area: shapely.Polygon,
    prefer: str,
    settings: Mapping[str, object],
    seconds: float,
) -> list[Project]:
    """Return the projects in a GeoPackage that overlap an area, newest first.

    Layers whose name contains the preferred word are read, or all if there are none. The spatial
    index of a layer finds the outlines in the bounding box of the area.

    Args:
        path: Path for GDAL.
        name: Name of the file in messages.
        area: Polygon in EPSG:3979.
        prefer: Word in the names of layers to prefer.
        settings: Configuration options of GDAL.
        seconds: Time limit.

    Raises:
        SourceError: If GDAL cannot read it, or it has no outlines.
        TransferError: If the process that reads it exceeds the time limit or fails.
    """
    arguments = {"path": path, "prefer": prefer}
    module = "hrdem.catalog.surveys.geopackage"
    settings = {**settings, "OGR_SKIP": _list_other_drivers()}
    return read_in_subprocess(module, arguments, name, area, settings, seconds)


def read_outlines(arguments: Mapping[str, str], area: shapely.Polygon) -> Iterator[Outline]:
    """Yield the outlines in a GeoPackage that are in the bounding box of an area, in EPSG:3979.

    Args:
        arguments: ``path`` of the file for GDAL, and ``prefer``, a word in the names of layers.
        area: Polygon in EPSG:3979.

    Raises:
        ValueError: If it has no outlines, or too many.
    """
    import pyogrio  # noqa: PLC0415

    path, prefer = arguments["path"], arguments["prefer"]
    layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if not layers:
        raise ValueError("it has no layer with outlines")
    preferred = [name for name in layers if prefer in name.lower()]
    for layer in preferred or layers:
        yield from _read_layer(path, layer, area)


def _read_layer(path: str, layer: str, area: shapely.Polygon) -> Iterator[Outline]:
    """Yield the outlines of a layer in the bounding box of an area, in EPSG:3979."""
    from pyogrio import raw, read_info  # noqa: PLC0415

    crs = read_info(path, layer=layer)["crs"]
    if crs is None:
        raise ValueError(f"its layer {layer} has no coordinate reference system")
    source = link_crs(crs, area.bounds, NATIVE_CRS)
    meta, _, shapes, columns = raw.read(
        path,
        layer=layer,
        bbox=project_geometry(area, NATIVE_CRS, source).bounds,
        max_features=MAX_OUTLINES + 1,
        force_2d=True,
    )
    if len(shapes) > MAX_OUTLINES:
        raise ValueError(f"its layer {layer} has more than {MAX_OUTLINES} outlines there")
    is_integer = [np.dtype(dtype).kind in "iu" for dtype in meta["dtypes"]]
    for number, shape in enumerate(shapes):
        geometry = shapely.from_wkb(shape)
        if geometry is None or geometry.is_empty:
            continue
        row = [column[number] for column in columns]
        # integer columns with missing values are read as floats
        values = [int(v) if i and v == v else v for v, i in zip(row, is_integer, strict=True)]  # noqa: PLR0124
        yield Outline(
            project_geometry(geometry, source, NATIVE_CRS),
            dict(zip(map(str, meta["fields"]), values, strict=True)),
        )


@functools.cache
def _list_other_drivers() -> str:
    """Return the names of all drivers but GeoPackage, for GDAL to skip when it starts.

    Other formats can refer to other files and hosts.

    Raises:
        TransferError: If the process that lists them fails.
    """
    output = run_python("import json, pyogrio; print(json.dumps(pyogrio.list_drivers()))")
    return ",".join(sorted(json.loads(output).keys() - {_DRIVER}))


if __name__ == "__main__":
    import pyogrio

    if pyogrio.list_drivers().keys() != {_DRIVER}:
        raise SystemExit("GDAL does not skip its other drivers")
    answer_request(
        read_outlines,
        (pyogrio.errors.DataSourceError, RuntimeError, ValueError, HrdemError),
    )

"""Write surveys as a layer of a GeoPackage (OGC 12-128)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from hrdem.catalog.surveys.lookup import Survey
from hrdem.geo.crs import NATIVE_CRS
from hrdem.runtime.gdal_env import pinned_pyogrio
from hrdem.runtime.gdal_errors import translate_pyogrio_errors

LAYER = "surveys"


def write_layer(surveys: Sequence[Survey], resolution: float, path: Path) -> None:
    """Write the outlines of surveys, in EPSG:3979, with their attributes.

    The fields are project, year, first, last, share (of the area, 0 to 1), resolution (metres),
    item, asset, and attributes: all that the catalogue's file says, as JSON.

    Args:
        surveys: Surveys with outlines of areas.
        resolution: Pixel size of the rasters that hold them, metres.
        path: Path of a file to create.

    Raises:
        OSError: If it cannot be written.
    """
    import pyogrio.raw  # noqa: PLC0415 (slow to import, and only layers need it)

    projects = [each.project for each in surveys]
    outlines = [shapely.multipolygons(_list_polygons(each.outline)) for each in projects]
    columns: dict[str, list[Any]] = {
        "project": [each.name for each in projects],
        "year": [each.year for each in projects],
        "first": [each.first for each in projects],
        "last": [each.last for each in projects],
        "share": [each.share for each in projects],
        "resolution": [float(resolution)] * len(projects),
        "item": [each.item for each in surveys],
        "asset": [each.asset for each in surveys],
        "attributes": [json.dumps({**p.attributes}, ensure_ascii=False) for p in projects],
    }
    with pinned_pyogrio(), translate_pyogrio_errors():
        pyogrio.raw.write(
            path,
            shapely.to_wkb(outlines),
            [_fill(values) for values in columns.values()],
            fields=list(columns),
            field_mask=[np.array([v is None for v in values]) for values in columns.values()],
            geometry_type="MultiPolygon",
            crs=NATIVE_CRS,
            layer=LAYER,
            driver="GPKG",
        )


def _list_polygons(geometry: shapely.Geometry) -> list[shapely.Geometry]:
    """Return the polygons of a geometry, without the points and lines of touching outlines."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return [part for part in parts if shapely.get_dimensions(part) == 2]


def _fill(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return values as an array, with a value of the same type where one is missing."""
    filler = next((value for value in values if value is not None), "")
    filled = [filler if value is None else value for value in values]
    return np.array(filled, object if isinstance(filler, str) else None)

"""Read the polygons that a product is corrected with: lakes, sea, border."""

from __future__ import annotations

import os

import numpy as np
import shapely

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.datum import link_crs
from hrdem.geo.reproject import project_geometry
from hrdem.request.aoi.vector import read_shape
from hrdem.request.message_parameters import drop_foreign_advice
from hrdem.runtime.memory import trim_allocator

LAYER_MARK = "|layername="  # as QGIS names the layer of a file


def read_polygons(source: str | os.PathLike[str], parameter: str) -> shapely.MultiPolygon:
    """Read the polygons of a vector file, united.

    Polygons that overlap or share an edge become one: a lake is often cut where map sheets meet.
    Polygons that touch at a point stay two. Points and lines are left out.

    Args:
        source: File in any format that `hrdem.extract` takes as ``aoi``, with its CRS in it, as
            ``FILE`` or ``FILE|layername=LAYER``.
        parameter: Name of the parameter that it was passed for, for messages.

    Returns:
        Polygons in EPSG:4617, longitude and latitude in degrees, with densified edges. They do not
        overlap, and are ordered by the corners of their bounds, not as in the file.

    Raises:
        RequestError: If it is missing, cannot be read, has no polygon, or its CRS is not known or
            cannot be brought to NAD83(CSRS) within a metre.
        NoDataError: If it has coordinates that cannot be projected.
    """
    name = os.fspath(source)
    file, _, layer = name.partition(LAYER_MARK)
    try:
        shape = read_shape(file, layer=layer or None, parameter=parameter)
        crs = link_crs(shape.crs, shape.geometry.bounds, shape.crs)
    except RequestError as exc:
        kept = drop_foreign_advice(str(exc), {parameter})
        if kept != str(exc):
            exc.reword(
                f"{kept} Give `{parameter}` as FILE or FILE{LAYER_MARK}LAYER, and declare the CRS "
                "in the file."
            )
        raise
    parts = _get_polygons(shape.geometry)
    if not parts:
        raise RequestError(
            f"{shape.label}, given as `{parameter}`, has no polygon: it is a "
            f"{shape.geometry.geom_type}. Give the outlines as polygons."
        )
    united = shapely.get_parts(project_geometry(shapely.MultiPolygon(parts), crs, LONLAT))
    order = np.lexsort(shapely.bounds(united).T[::-1])
    polygons = shapely.MultiPolygon(united[order].tolist())
    del shape, parts, united
    trim_allocator()
    return polygons


def _get_polygons(geometry: shapely.Geometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return [part for part in parts if part.geom_type == "Polygon"]

"""Read the polygons that a product is corrected with: lakes, sea, border."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.datum import link_crs
from hrdem.geo.reproject import project_geometry
from hrdem.legacy.lakes import select_lakes
from hrdem.request.aoi.unite import Shape
from hrdem.request.aoi.vector import read_shape
from hrdem.request.message_parameters import drop_foreign_advice, find_foreign
from hrdem.runtime.memory import trim_allocator

LAYER_MARK = "|layername="  # as QGIS names the layer of a file
READ_MARGIN_DEGREES = 0.01  # around an area: more than any error of a CRS
MAX_ROUNDS = 8  # of reading lakes that leave the area, before all of the file is read

log = logging.getLogger(__name__)


def read_lakes(
    source: str | os.PathLike[str], parameter: str, area: shapely.Geometry
) -> shapely.MultiPolygon:
    """Read the lakes that touch an area, each of them whole, whatever pieces the file has.

    Args:
        source: As for `read_polygons`.
        parameter: As for `read_polygons`.
        area: In EPSG:4617.

    Raises:
        HrdemError: As `read_polygons` does.
    """
    within = _widen(area)
    for _ in range(MAX_ROUNDS):
        found = select_lakes(read_polygons(source, parameter, within), area)
        if found.is_empty or within.covers(needed := _widen(found)):
            return found
        within = within.union(needed).envelope
    return select_lakes(read_polygons(source, parameter), area)


def read_polygons(
    source: str | os.PathLike[str], parameter: str, area: shapely.Geometry | None = None
) -> shapely.MultiPolygon:
    """Read the polygons of a vector file, united.

    Polygons that overlap or share an edge become one: a lake is often cut where map sheets meet.
    Polygons that touch at a point stay two. Points and lines are left out.

    Args:
        source: File in any format that `hrdem.extract` takes as ``aoi``, with its CRS in it, as
            ``FILE`` or ``FILE|layername=LAYER``.
        parameter: Name of the parameter that it was passed for, for messages.
        area: In EPSG:4617. Features away from its box are left out, so that those of a whole
            province may be in the file; None for all. With a warning if it has none there.

    Returns:
        Polygons in EPSG:4617, longitude and latitude in degrees, with densified edges. They do not
        overlap, and are ordered by the corners of their bounds, not as in the file.

    Raises:
        RequestError: If it is missing, cannot be read, has no polygon, or its CRS is not known or
            cannot be brought to NAD83(CSRS) within a metre.
        NoDataError: If it has coordinates that cannot be projected.
    """
    file, _, layer = os.fspath(source).partition(LAYER_MARK)
    try:
        shape = _read_shape(file, layer or None, parameter, area)
    except RequestError as exc:
        exc.reword(_advise(str(exc), parameter))
        raise
    polygons = shapely.MultiPolygon()
    if shape is not None:
        parts = _get_polygons(shape.geometry)
        if not parts:
            raise RequestError(
                f"{shape.label}, given as `{parameter}`, has no polygon: it is a "
                f"{shape.geometry.geom_type}. Give the outlines as polygons."
            )
        polygons = _arrange(project_geometry(shapely.MultiPolygon(parts), shape.crs, LONLAT), area)
    if polygons.is_empty:
        log.warning("%s, given as `%s`, has no polygon in the area.", Path(file).name, parameter)
    trim_allocator()
    return polygons


def _widen(area: shapely.Geometry) -> shapely.Geometry:
    """Return the box of an area with a margin; a buffer of all its corners takes gigabytes."""
    return area.envelope.buffer(READ_MARGIN_DEGREES).envelope


def _read_shape(
    file: str, layer: str | None, parameter: str, area: shapely.Geometry | None
) -> Shape | None:
    """Return the features of a file, with their CRS linked; None if it has some, but none near."""
    try:
        shape = read_shape(file, layer=layer, parameter=parameter, near=area)
    except NoDataError:
        return None
    return replace(shape, crs=link_crs(shape.crs, shape.geometry.bounds, shape.crs))


def _advise(message: str, parameter: str) -> str:
    """Return a message about a shape with advice that can be followed for its parameter."""
    kept = drop_foreign_advice(message, {parameter})
    if find_foreign(message, ()) & {"aoi_crs", "layer"}:
        kept += f" Give `{parameter}` as FILE or FILE{LAYER_MARK}LAYER, and declare the CRS in it."
    return kept


def _get_polygons(geometry: shapely.Geometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return [part for part in parts if part.geom_type == "Polygon"]


def _arrange(polygons: shapely.MultiPolygon, area: shapely.Geometry | None) -> shapely.MultiPolygon:
    """Return the polygons that touch the box of an area, ordered by their places."""
    parts = shapely.get_parts(polygons)
    if area is not None:
        parts = parts[shapely.intersects(parts, area.envelope)]
    return shapely.MultiPolygon(parts[np.lexsort(shapely.bounds(parts).T[::-1])].tolist())

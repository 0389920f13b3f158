"""Check the geometries of an area, repair the invalid ones and unite them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GeometryType
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import is_geographic
from hrdem.geo.repair import repair_geometry
from hrdem.request.aoi.ogr import arcs_error
from hrdem.request.aoi.plausibility import CrsRemedy, check_coordinates
from hrdem.request.aoi.shape_part import Geometries

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shape:
    """A user-supplied shape as one geometry.

    Attributes:
        geometry: Valid geometry of any type and two dimensions, not empty.
        crs: CRS of its coordinates.
        label: File name or start of the WKT, for messages and provenance.
    """

    geometry: BaseGeometry
    crs: str
    label: str


def unite_shapes(
    geometries: Sequence[Geometries], crs: str, label: str, declared: str | None
) -> Shape:
    """Check geometries, repair the invalid ones and unite them.

    Args:
        geometries: Geometries of one CRS, some of which may be None.
        crs: Their CRS.
        label: Short description of them.
        declared: CRS that they declare; None if it is the user's, or the default.

    Raises:
        RequestError: If they are empty, implausible in their CRS, have arcs, or cross themselves
            too often to be repaired.
    """
    found = np.concatenate([np.asarray(each, dtype=object) for each in geometries])
    found = _split(found[~shapely.is_missing(found)], label)
    if not len(found):
        raise RequestError(f"The shape {label} is empty. Give one that has a polygon.")
    if shapely.has_z(found).any():
        found = shapely.force_2d(found)
    if not np.isfinite(shapely.get_coordinates(found)).all():
        raise RequestError(
            f"The shape {label} contains a value that is not a finite number. Correct it."
        )
    if declared is None:
        remedy = CrsRemedy(
            "Give `aoi_crs={}` if that is its CRS.",
            "`aoi_crs` must name its CRS, for example the UTM zone.",
        )
    else:
        remedy = CrsRemedy(
            "It declares that CRS itself: correct it to {} if that is the right one.",
            "It declares that CRS itself: correct it.",
        )
    left, bottom, right, top = shapely.total_bounds(found).tolist()
    check_coordinates((left, bottom, right, top), crs, f"The shape {label}", remedy)
    if is_geographic(crs) and right - left > 180:
        raise RequestError(
            f"The shape {label} spans more than 180 degrees, or crosses the antimeridian. Give "
            "only the part of it that is in Canada."
        )
    invalid = ~shapely.is_valid(found)
    if invalid.any():
        reason = shapely.is_valid_reason(found[invalid][0])
        try:
            found[invalid] = [repair_geometry(geometry) for geometry in found[invalid]]
        except ValueError as exc:
            raise RequestError(
                f"The shape {label} is not valid: {exc}. Correct it, for example with QGIS's "
                "Fix geometries."
            ) from exc
        log.warning(
            "The shape %s was not valid (%s) and was repaired. Check that the area is as intended.",
            label,
            reason,
        )
    return Shape(shapely.disjoint_subset_union_all(found), crs, label)


def _split(geometries: NDArray[Any], label: str) -> NDArray[Any]:
    """Return the points, lines and polygons of geometries, without the empty ones.

    Polygons of one geometry that overlap are invalid together, and a repair would cut the overlap
    out, where their union is meant.

    Raises:
        RequestError: If they have arcs, which GDAL leaves in collections and shapely cannot handle.
    """
    single = [geometries[:0]]
    while len(geometries):
        kinds = shapely.get_type_id(geometries)
        is_single = kinds < GeometryType.MULTIPOINT
        single.append(geometries[is_single])
        if (kinds > GeometryType.GEOMETRYCOLLECTION).any():
            raise arcs_error(f"The shape {label}")
        try:
            geometries = shapely.get_parts(geometries[~is_single])
        except NotImplementedError as exc:
            raise arcs_error(f"The shape {label}") from exc
    found = np.concatenate(single)
    found = found[~shapely.is_empty(found)]
    return np.asarray(found, dtype=object)

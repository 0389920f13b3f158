"""The area of interest: from what the user gives to a polygon in EPSG:3979, edges densified."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS, assume_nad83, project_points
from hrdem.geo.grid import Bounds
from hrdem.request.aoi.geometry import (
    buffer_geometry,
    check_coordinates,
    extract_polygons,
    project_geometry,
)

_SEARCH_SEGMENTS = 24  # of an edge of a search area, at most
_TILE_EDGE = 500_000  # metres, the longest straight edge of a footprint


@dataclass(frozen=True, slots=True)
class Aoi:
    """An area of interest.

    Attributes:
        geometry: Polygon or several, valid, in EPSG:3979, metres.
        label: What the user gave, for messages and provenance.
    """

    geometry: shapely.Polygon | shapely.MultiPolygon
    label: str

    @property
    def bounds(self) -> Bounds:
        """Left, bottom, right, top in EPSG:3979, metres."""
        left, bottom, right, top = self.geometry.bounds
        return left, bottom, right, top

    def bounds_in(self, crs: str) -> Bounds:
        """Return left, bottom, right, top in another CRS, in its units.

        Args:
            crs: Anything PROJ knows; EPSG:4326 is taken as EPSG:4617.

        Raises:
            NoDataError: If the area has no place in it.
        """
        left, bottom, right, top = project_geometry(
            self.geometry, NATIVE_CRS, assume_nad83(crs)
        ).bounds
        return left, bottom, right, top

    def expand_to(self, bounds: Bounds) -> Aoi:
        """Return it with all of a box in EPSG:3979 around it, which has to be looked at for it."""
        return self if bounds == self.bounds else replace(self, geometry=shapely.box(*bounds))

    @classmethod
    def from_bbox(cls, bbox: Sequence[float], crs: str = "EPSG:4326", buffer: float = 0.0) -> Aoi:
        """Make an area of interest from a box.

        Args:
            bbox: West, south, east, north: degrees for a geographic CRS, else its units.
            crs: Anything PROJ knows, such as ``EPSG:3979``. WGS 84 and NAD83 are taken as
                NAD83(CSRS), the datum of the data: EPSG:4326 as EPSG:4617.
            buffer: Metres on the ground by which it is widened.

        Raises:
            RequestError: If the box or the CRS makes no sense.
            NoDataError: If the box reaches where EPSG:3979 has no coordinates.
        """
        box = _checked_box(bbox, crs)
        label = ",".join(f"{number:.12g}" for number in box) + f" ({crs})"
        return cls.from_shape(shapely.box(*box), crs, label, buffer)

    @classmethod
    def from_shape(cls, geometry: BaseGeometry, crs: str, label: str, buffer: float = 0.0) -> Aoi:
        """Make an area of interest from a geometry.

        Args:
            geometry: Of two dimensions, not empty, valid. Points and lines are an area only if
                they are widened; what there is of them beside polygons is otherwise left out.
            crs: Anything PROJ knows, for a box.
            label: What the user gave, short.
            buffer: Metres on the ground by which it is widened.

        Raises:
            RequestError: If it is no area.
            NoDataError: If it reaches where EPSG:3979 has no coordinates.
        """
        if not buffer and extract_polygons(geometry).is_empty:
            raise RequestError(
                f"The shape {label} has no area: it is of the type {geometry.geom_type}. Give "
                "polygons, or --buffer METRES to take what is around it."
            )
        native = project_geometry(geometry, assume_nad83(crs), NATIVE_CRS)
        if buffer:
            native, label = buffer_geometry(native, buffer), f"{label} and {buffer:g} m around it"
        return cls(extract_polygons(native), label)


def search_polygon(aoi: Aoi) -> shapely.Polygon | None:
    """Return the polygon, in longitude and latitude, to ask a catalogue for.

    A catalogue may draw the footprint of a 500 km tile by its corners only. Its edges then run
    some 7 km beside the tile's in the south of Canada and 65 km in the far north, and an area
    near a tile's edge would miss the tile. The area is therefore widened by that error.

    Returns:
        A polygon in degrees; None if it would cross the antimeridian or the pole, where the whole
        collection has to be asked for.
    """
    left, bottom, right, top = aoi.bounds
    margin = search_margin(aoi)
    wide = shapely.box(left - margin, bottom - margin, right + margin, top + margin)
    step = max(margin, (max(right - left, top - bottom) + 2 * margin) / _SEARCH_SEGMENTS)
    outline = shapely.get_coordinates(shapely.segmentize(wide, step))
    # few short numbers: it goes into URLs
    lonlat = project_points(outline, NATIVE_CRS, LONLAT).round(4)
    if np.abs(np.diff(lonlat[:, 0])).max() > 180:
        return None
    return shapely.Polygon(lonlat)


def search_margin(aoi: Aoi) -> float:
    """Return by how much an area is widened to ask a catalogue for it, metres."""
    left, bottom, right, top = aoi.bounds
    error = max(_footprint_error(x, y) for x in (left, right) for y in (bottom, top))
    return 1.25 * error + 1_000  # a quarter more for the straight pieces of the area itself


def _footprint_error(x: float, y: float) -> float:
    """How far a straight 500 km edge through a point lies from its chord in degrees, metres."""
    half = _TILE_EDGE / 2
    ends = np.array([[x - half, y], [x + half, y], [x, y - half], [x, y + half]])
    lonlat = project_points(ends, NATIVE_CRS, LONLAT)
    middles = project_points((lonlat[::2] + lonlat[1::2]) / 2, LONLAT, NATIVE_CRS)
    return float(np.hypot(*(middles - [x, y]).T).max())


def _checked_box(bbox: Sequence[float], crs: str) -> Bounds:
    try:
        numbers = tuple(float(number) for number in bbox)
    except (TypeError, ValueError) as exc:
        raise RequestError(
            f"A box needs four numbers, west,south,east,north; {bbox!r} is something else."
        ) from exc
    shown = ",".join(f"{number:.12g}" for number in numbers)
    if len(numbers) != 4:
        raise RequestError(
            f"A box needs four numbers, west,south,east,north; {shown!r} has {len(numbers)}."
        )
    if not all(map(math.isfinite, numbers)):
        raise RequestError(f"The box {shown} holds a value that is not a finite number.")
    west, south, east, north = numbers
    mended = (min(west, east), min(south, north), max(west, east), max(south, north))
    remedy = "Say --bbox-crs {} if that is what it is in."
    check_coordinates(mended, crs, f"The box {shown}", remedy)
    if mended != numbers:
        problem = "west is greater than east" if west > east else "south is greater than north"
        fixed = ",".join(f"{number:.12g}" for number in mended)
        raise RequestError(
            f"In the box {shown} {problem}. The order is west,south,east,north: "
            f"did you mean {fixed}?"
        )
    if west == east or south == north:
        raise RequestError(
            f"The box {shown} has no area. Give two opposite corners that differ in both axes."
        )
    return west, south, east, north

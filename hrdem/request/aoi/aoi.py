"""The area of interest: a polygon in the CRS in which its edges are straight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS, describe_crs
from hrdem.geo.datum import get_operation, link_crs
from hrdem.geo.datum_operations import DatumOperation
from hrdem.geo.grid import Bounds
from hrdem.geo.reproject import project_geometry
from hrdem.geo.transform import project_points
from hrdem.request.aoi.geometry import (
    buffer_geometry,
    check_coordinates,
    extract_polygons,
)

MAX_SEARCH_SEGMENTS = 24  # of an edge of a search polygon
TILE_EDGE_METRES = 500_000  # the longest straight edge of a footprint


@dataclass(frozen=True, slots=True)
class Aoi:
    """An area of interest.

    Attributes:
        outline: Valid polygon or multipolygon in its own CRS.
        crs: CRS in which the edges of the outline are straight: that of the coordinates that the
            user gave; of a circle or a buffer, a projection about its centre.
        geometry: Valid polygon or multipolygon in EPSG:3979, metres, with densified edges.
        label: Short description for messages and provenance.
        operation: What brought it to NAD83(CSRS); None if its datum counts as that.
    """

    outline: shapely.Polygon | shapely.MultiPolygon
    crs: str
    geometry: shapely.Polygon | shapely.MultiPolygon
    label: str
    operation: DatumOperation | None = None

    @property
    def bounds(self) -> Bounds:
        """Left, bottom, right, top in EPSG:3979, metres."""
        left, bottom, right, top = self.geometry.bounds
        return left, bottom, right, top

    def bounds_in(self, crs: str, tolerance: float) -> Bounds:
        """Return left, bottom, right, top in another CRS, in its units.

        Args:
            crs: Any CRS whose datum counts as NAD83(CSRS), or a linked one.
            tolerance: Largest error, in units of the CRS.

        Raises:
            NoDataError: If the area has no coordinates in it.
        """
        left, bottom, right, top = project_geometry(self.outline, self.crs, crs, tolerance).bounds
        return left, bottom, right, top

    def expand_to(self, bounds: Bounds) -> Aoi:
        """Return the area that covers a box in EPSG:3979, left, bottom, right, top, metres."""
        if bounds == self.bounds:
            return self
        box = shapely.box(*bounds)
        return replace(self, outline=box, crs=NATIVE_CRS, geometry=box)

    @classmethod
    def from_bbox(
        cls,
        bbox: Sequence[float],
        crs: str = "EPSG:4326",
        buffer: float = 0.0,
        *,
        allow_inaccurate_datum: bool = False,
    ) -> Aoi:
        """Create an area of interest from a bounding box.

        Args:
            bbox: West, south, east, north in units of the CRS.
            crs: Any CRS that PROJ knows, such as ``EPSG:3979``; `hrdem.geo.datum` decides how
                its datum relates to that of the data.
            buffer: Distance on the ground to widen it by, metres.
            allow_inaccurate_datum: Whether to continue, with a warning, where PROJ cannot bring
                its datum to that of the data within a metre.

        Raises:
            RequestError: If the box or the CRS is invalid, or its datum is too inaccurate.
            NoDataError: If the box reaches where EPSG:3979 has no coordinates.
        """
        box = _check_box(bbox, crs)
        label = ",".join(f"{number:.12g}" for number in box) + f" ({describe_crs(crs)})"
        return cls.from_shape(
            shapely.box(*box), crs, label, buffer, allow_inaccurate_datum=allow_inaccurate_datum
        )

    @classmethod
    def from_shape(
        cls,
        geometry: BaseGeometry,
        crs: str,
        label: str,
        buffer: float = 0.0,
        *,
        allow_inaccurate_datum: bool = False,
    ) -> Aoi:
        """Create an area of interest from a geometry.

        Args:
            geometry: Valid geometry of two dimensions, not empty. Without a buffer, points and
                lines are dropped. Edges are straight in its CRS.
            crs: CRS of the geometry, as for a box.
            label: Short description of it.
            buffer: Distance on the ground to widen it by, metres.
            allow_inaccurate_datum: As for a box.

        Raises:
            RequestError: If it has no area, or its datum is too inaccurate.
            NoDataError: If it reaches where EPSG:3979 has no coordinates.
        """
        if not buffer and extract_polygons(geometry).is_empty:
            raise RequestError(
                f"The shape {label} has no area: it is a {geometry.geom_type}. Give a polygon, or "
                "give `buffer` in metres to extract the area around it."
            )
        source = link_crs(crs, geometry.bounds, crs, allow_inaccurate=allow_inaccurate_datum)
        operation = get_operation(source)
        if buffer:
            geometry, source = buffer_geometry(geometry, source, buffer)
            label = f"{label} and {buffer:g} m around it"
        outline = extract_polygons(geometry)
        native = extract_polygons(project_geometry(outline, source, NATIVE_CRS))
        return cls(outline, source, native, label, operation)


def make_search_polygon(aoi: Aoi) -> shapely.Polygon | None:
    """Return the polygon to search a catalogue with.

    A catalogue may describe the footprint of a 500 km tile by its corners alone. Straight in
    degrees, its edges are then about 7 km off in southern Canada and 65 km in the far north, and
    a search with an area near a tile's edge would miss the tile. The area is therefore widened by
    that error.

    Returns:
        Polygon in longitude and latitude, degrees; None if it would cross the antimeridian or
        contain the pole, where the whole collection has to be listed.
    """
    left, bottom, right, top = aoi.bounds
    margin = measure_search_margin(aoi)
    wide = shapely.box(left - margin, bottom - margin, right + margin, top + margin)
    step = max(margin, (max(right - left, top - bottom) + 2 * margin) / MAX_SEARCH_SEGMENTS)
    outline = shapely.get_coordinates(shapely.segmentize(wide, step))
    # short, because it becomes part of URLs
    lonlat = project_points(outline, NATIVE_CRS, LONLAT).round(4)
    if np.abs(np.diff(lonlat[:, 0])).max() > 180:
        return None
    return shapely.Polygon(lonlat)


def measure_search_margin(aoi: Aoi) -> float:
    """Return the distance by which an area is widened to search a catalogue, metres."""
    left, bottom, right, top = aoi.bounds
    error = max(_measure_footprint_error(x, y) for x in (left, right) for y in (bottom, top))
    return 1.25 * error + 1_000  # a quarter more, as the polygon has straight edges itself


def _measure_footprint_error(x: float, y: float) -> float:
    """Measure how far a 500 km edge is from its chord in degrees, at a point, in metres."""
    half = TILE_EDGE_METRES / 2
    ends = np.array([[x - half, y], [x + half, y], [x, y - half], [x, y + half]])
    lonlat = project_points(ends, NATIVE_CRS, LONLAT)
    middles = project_points((lonlat[::2] + lonlat[1::2]) / 2, LONLAT, NATIVE_CRS)
    return float(np.hypot(*(middles - [x, y]).T).max())


def _check_box(bbox: Sequence[float], crs: str) -> Bounds:
    order = "Give four numbers: west,south,east,north."
    try:
        numbers = tuple(float(number) for number in bbox)
    except (TypeError, ValueError) as exc:
        raise RequestError(f"`bbox` is {bbox!r}, which is not a box. {order}") from exc
    label = ",".join(f"{number:.12g}" for number in numbers)
    if len(numbers) != 4:
        raise RequestError(f"`bbox` has {len(numbers)} numbers: {label!r}. {order}")
    if not all(map(math.isfinite, numbers)):
        raise RequestError(f"The box {label} contains a value that is not a finite number. {order}")
    west, south, east, north = numbers
    sorted_box = (min(west, east), min(south, north), max(west, east), max(south, north))
    remedy = "Give `bbox_crs={}` if that is its CRS."
    check_coordinates(sorted_box, crs, f"The box {label}", remedy)
    if sorted_box != numbers:
        problem = "west is greater than east" if west > east else "south is greater than north"
        suggestion = ",".join(f"{number:.12g}" for number in sorted_box)
        raise RequestError(
            f"In the box {label} {problem}. The order is west,south,east,north: "
            f"did you mean {suggestion}?"
        )
    if west == east or south == north:
        raise RequestError(
            f"The box {label} has no area. Give two opposite corners that differ in both axes."
        )
    return west, south, east, north

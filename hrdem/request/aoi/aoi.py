"""The area of interest: a polygon in the CRS in which its edges are straight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import shapely
from shapely.geometry.base import BaseGeometry

from hrdem.errors import RequestError
from hrdem.geo.crs import NATIVE_CRS, describe_crs
from hrdem.geo.datum import get_operation, link_crs
from hrdem.geo.datum_operations import DatumOperation
from hrdem.geo.grid import Bounds
from hrdem.geo.reproject import project_geometry
from hrdem.request.aoi.box import check_box
from hrdem.request.aoi.geometry import buffer_geometry, extract_polygons
from hrdem.request.aoi.plausibility import check_place
from hrdem.request.aoi.readings import format_numbers


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
            NoDataError: If the box is outside Canada.
        """
        box = check_box(bbox, crs)
        label = f"{format_numbers(box)} ({describe_crs(crs)})"
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
            RequestError: If it has no area, covers far more than Canada, or its datum is too
                inaccurate.
            NoDataError: If it is outside Canada, or reaches where EPSG:3979 has no coordinates.
        """
        if not buffer and extract_polygons(geometry).is_empty:
            raise RequestError(
                f"The shape {label} has no area: it is a {geometry.geom_type}. Give a polygon, or "
                "give `buffer` in metres to extract the area around it."
            )
        check_place(geometry.bounds, crs, f"The area {label}")
        source = link_crs(crs, geometry.bounds, crs, allow_inaccurate=allow_inaccurate_datum)
        operation = get_operation(source)
        if buffer:
            geometry, source = buffer_geometry(geometry, source, buffer)
            label = f"{label} and {buffer:g} m around it"
        outline = extract_polygons(geometry)
        native = extract_polygons(project_geometry(outline, source, NATIVE_CRS))
        return cls(outline, source, native, label, operation)

"""Mask of an area on a grid: which pixels have their centre inside."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.geo.crs import NATIVE_CRS, assume_nad83, project_points
from hrdem.geo.grid import Grid, Window


@dataclass(frozen=True, slots=True)
class AoiMask:
    """An area of interest in the pixel coordinates of a grid.

    Attributes:
        geometry: Polygons in pixels of the grid, from its upper left corner.
        lock: Held while the geometry is queried: a prepared geometry builds its indexes on the
            first query, which GEOS does not protect (libgeos/geos#825).
    """

    geometry: shapely.Geometry
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, geometry: shapely.Geometry, grid: Grid) -> AoiMask:
        """Project polygons to the pixels of a grid.

        Args:
            geometry: Polygons in EPSG:3979, dense enough to be projected vertex by vertex.
            grid: In any CRS.

        Raises:
            NoDataError: If the polygons cannot be projected to the grid's CRS.
        """
        left, _, _, top = grid.bounds
        dx, dy = grid.resolution

        def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
            x, y = project_points(points, NATIVE_CRS, assume_nad83(grid.crs)).T
            return np.column_stack([(x - left) / dx, (top - y) / dy])

        polygons = shapely.transform(geometry, to_pixels)
        if not shapely.is_valid(polygons):
            polygons = shapely.make_valid(polygons)
        shapely.prepare(polygons)
        return cls(polygons)

    def intersects(self, window: Window) -> bool:
        """Whether the area intersects a window."""
        with self.lock:
            return bool(self.geometry.intersects(_to_box(window)))

    def rasterize(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels of a window have their centre inside the area.

        Returns:
            Boolean array of shape (window.height, window.width).
        """
        shape, box = (window.height, window.width), _to_box(window)
        with self.lock:
            if self.geometry.contains(box):
                return np.ones(shape, np.bool_)
            near = self.geometry.intersection(box)  # few vertices, of perhaps many thousands
        parts = [part for part in shapely.get_parts(near) if part.area > 0]
        if not parts:
            return np.zeros(shape, np.bool_)
        columns = np.arange(window.column, window.right) + 0.5
        rows = np.arange(window.row, window.bottom) + 0.5
        x, y = np.meshgrid(columns, rows)
        inside: NDArray[np.bool_] = shapely.contains_xy(shapely.MultiPolygon(parts), x, y)
        return inside


def _to_box(window: Window) -> shapely.Polygon:
    return shapely.box(window.column, window.row, window.right, window.bottom)

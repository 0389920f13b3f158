"""The shape of an area on a grid: which pixels have their centre inside."""

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
    """An area of interest, laid over a grid.

    Attributes:
        geometry: Polygons in units of pixels of the grid, from its upper left corner.
        turns: Held by the thread that looks at them: a prepared geometry builds its indexes while
            it is asked, and GEOS does not guard that (libgeos/geos#825).
    """

    geometry: shapely.Geometry
    turns: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, geometry: shapely.Geometry, grid: Grid) -> AoiMask:
        """Lay polygons over a grid.

        Args:
            geometry: In EPSG:3979, its edges dense enough to be brought point by point.
            grid: In any CRS.

        Raises:
            NoDataError: If the polygons have no place in the grid's CRS.
        """
        left, _, _, top = grid.bounds
        dx, dy = grid.resolution

        def laid(points: NDArray[np.float64]) -> NDArray[np.float64]:
            x, y = project_points(points, NATIVE_CRS, assume_nad83(grid.crs)).T
            return np.column_stack([(x - left) / dx, (top - y) / dy])

        laid_out = shapely.transform(geometry, laid)
        if not shapely.is_valid(laid_out):
            laid_out = shapely.make_valid(laid_out)
        shapely.prepare(laid_out)
        return cls(laid_out)

    def touches(self, window: Window) -> bool:
        """Whether any of it lies in a window."""
        with self.turns:
            return bool(self.geometry.intersects(_box(window)))

    def inside(self, window: Window) -> NDArray[np.bool_]:
        """Tell the pixels of a window whose centre lies in it.

        Returns:
            Array of shape (window.height, window.width).
        """
        shape, box = (window.height, window.width), _box(window)
        with self.turns:
            if self.geometry.contains(box):
                return np.ones(shape, np.bool_)
            near = self.geometry.intersection(box)  # few corners, of perhaps many thousands
        parts = [part for part in shapely.get_parts(near) if part.area > 0]
        if not parts:
            return np.zeros(shape, np.bool_)
        columns = np.arange(window.column, window.right) + 0.5
        rows = np.arange(window.row, window.bottom) + 0.5
        x, y = np.meshgrid(columns, rows)
        inside: NDArray[np.bool_] = shapely.contains_xy(shapely.MultiPolygon(parts), x, y)
        return inside


def _box(window: Window) -> shapely.Polygon:
    return shapely.box(window.column, window.row, window.right, window.bottom)

"""Ground geometry of grids in any CRS: sizes of boxes and pixels, bearing, longitude and latitude.

The ground is the GRS80 ellipsoid. At a height of 3,000 m distances are 0.05 percent longer, which
is neglected.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.datum import LinkedCrs, get_operation
from hrdem.geo.grid import Bounds, Grid, Pixels, Window
from hrdem.geo.transform import project_points
from hrdem.runtime.gdal_env import pinned_gdal

LINE_POINTS = 100  # along a line through a box
SEMI_MAJOR_METRES = 6_378_137.0  # GRS80
ECCENTRICITY_SQUARED = 0.006_694_380_022_90  # GRS80
MAX_NODE_DISTANCE_METRES = 16_000.0  # unless pixels are larger
MIN_NODES = 4  # of a cubic
NODE_OFFSET_PIXELS = 0.25  # from a node to the ends of its steps, which stay within the grid


@dataclass(frozen=True, slots=True)
class Steps:
    """Ground vectors of the steps from a pixel to its neighbours, metres.

    Each is a number, or an array of shape (rows, columns).

    Attributes:
        width: Component of the step to the right that is perpendicular to the step down.
        skew: Component of the step to the right along the step down; 0 for rectangular pixels.
        height: Length of the step down.
    """

    width: float | Pixels
    skew: float | Pixels
    height: float | Pixels


@dataclass(frozen=True, slots=True)
class Ground:
    """Ground geometry of a grid.

    It is measured at nodes up to 16 km apart and interpolated between them (cubic). The nodes
    belong to the whole grid, so the value at a pixel never depends on the window that it is
    computed in, to the last bit.

    Attributes:
        grid: Grid in any CRS.
        nodes: Values at the nodes, float64 array of shape (8, rows, columns): width, skew and
            height of `Steps`; the unit vector towards the upper edge, as east and north; and the
            unit vector of the ellipsoid's vertical, geocentric.
    """

    grid: Grid
    nodes: NDArray[np.float64]

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """Measure the ground geometry of a grid.

        Args:
            grid: Grid in any CRS. No position outside it is projected.

        Raises:
            NoDataError: If the grid extends to where its CRS has no longitude and latitude.
        """
        width, _, height, *_ = _measure_nodes(grid, MIN_NODES, MIN_NODES)
        across = _count_nodes(grid.width, float(np.abs(width).max()))
        down = _count_nodes(grid.height, float(height.max()))
        return cls(grid, _measure_nodes(grid, across, down))

    def steps(self, window: Window) -> Steps:
        """Return the steps from each pixel of a window.

        Args:
            window: Window of the grid; it may extend a few pixels beyond it.

        Returns:
            float32 arrays of shape (window.height, window.width), exact to a millionth up to 88
            degrees north.
        """
        return Steps(*(self._interpolate(window, field, np.float32) for field in self.nodes[:3]))

    def bearing(self, window: Window) -> Pixels:
        """Return the bearing of the upper edge of the grid from each pixel of a window.

        It is exact to a thousandth of a degree up to 88 degrees north, and undefined at the pole.

        Args:
            window: Window of the grid; it may extend a few pixels beyond it.

        Returns:
            float32 array of shape (window.height, window.width), degrees clockwise from true
            north, -180 to 180.
        """
        east, north = (self._interpolate(window, field, np.float32) for field in self.nodes[3:5])
        bearing: Pixels = np.degrees(np.arctan2(east, north))
        return bearing

    def lonlat(self, window: Window) -> tuple[Pixels, Pixels]:
        """Return the longitude and latitude of the centre of each pixel of a window.

        Args:
            window: Window of the grid; it may extend a few pixels beyond it.

        Returns:
            float64 arrays of shape (window.height, window.width), degrees, NAD83(CSRS), exact to
            5 cm of ground up to 84 degrees north.
        """
        x, y, z = (self._interpolate(window, field, np.float64) for field in self.nodes[5:])
        return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.sqrt(x * x + y * y)))

    def _interpolate(
        self, window: Window, field: NDArray[np.float64], dtype: type[np.floating[Any]]
    ) -> Pixels:
        """Interpolate one field of the nodes.

        It adds four terms in a fixed order: a matrix product would round by the shape.
        """
        rows, down = _cubic_weights(window.row, window.height, self.grid.height, field.shape[0])
        columns, across = _cubic_weights(
            window.column, window.width, self.grid.width, field.shape[1]
        )
        known = np.zeros((window.height, field.shape[1]))  # at the node columns
        for n, weight in enumerate(down):
            known += weight[:, None] * field[rows + n]
        known, across = known.astype(dtype), across.astype(dtype)
        pixels = np.zeros((window.height, window.width), dtype)
        ends = [0, *np.flatnonzero(np.diff(columns)) + 1, window.width]
        for start, end in itertools.pairwise(ends):  # runs of pixels between the same nodes
            for n, weight in enumerate(across):
                node = known[:, columns[start] + n, None]
                pixels[:, start:end] += node * weight[start:end]
        return pixels


@functools.lru_cache(maxsize=4)
def measure_ground(grid: Grid) -> Ground:
    """Return `Ground.of`; that of a grid is measured once for all of its windows."""
    return Ground.of(grid)


def fit_grid(bounds: Bounds, crs: str, size: int | tuple[int, int]) -> Grid:
    """Fit a grid exactly to a box.

    Args:
        bounds: Left, bottom, right, top in units of the CRS.
        crs: A CRS whose datum counts as NAD83(CSRS), or a linked one.
        size: Columns and rows; or pixels along the longer edge, about as wide as high on the
            ground.

    Raises:
        NoDataError: If the box is far outside Canada.
    """
    left, bottom, right, top = bounds
    width, height = _fit_size(bounds, crs, size) if isinstance(size, int) else size
    pixel = Affine((right - left) / width, 0, left, 0, (bottom - top) / height, top)
    with pinned_gdal():
        code = CRS.from_user_input(crs).to_epsg()
    name, operation = f"EPSG:{code}" if code else crs, get_operation(crs)
    return Grid(LinkedCrs(name, operation) if operation else name, pixel, width, height)


def _fit_size(bounds: Bounds, crs: str, long_edge: int) -> tuple[int, int]:
    """Return columns and rows of a grid whose pixels are about as wide as high on the ground."""
    left, bottom, right, top = bounds
    across = np.linspace(left, right, LINE_POINTS), np.full(LINE_POINTS, (bottom + top) / 2)
    upward = np.full(LINE_POINTS, (left + right) / 2), np.linspace(bottom, top, LINE_POINTS)
    wide, high = (_measure_length(x, y, crs) for x, y in (across, upward))
    width = max(1, round(long_edge * min(1.0, wide / high)))
    return width, max(1, round(long_edge * min(1.0, high / wide)))


def _measure_length(x: NDArray[np.float64], y: NDArray[np.float64], crs: str) -> float:
    """Measure the length of a line in EPSG:3979, metres; within 4 percent in all of Canada."""
    points = project_points(np.column_stack([x, y]), crs, NATIVE_CRS)
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _count_nodes(pixels: int, size: float) -> int:
    """Return the number of nodes along an edge.

    Args:
        pixels: Pixels along the edge.
        size: Size of a pixel, metres.
    """
    return max(MIN_NODES, int(np.ceil(pixels * min(1.0, size / MAX_NODE_DISTANCE_METRES))) + 1)


def _node_positions(pixels: int, nodes: int) -> NDArray[np.float64]:
    return np.linspace(NODE_OFFSET_PIXELS, pixels - NODE_OFFSET_PIXELS, nodes)


def _cubic_weights(
    start: int, count: int, pixels: int, nodes: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the first of the four nodes around each pixel, and the weights of the four."""
    distance = (pixels - 2 * NODE_OFFSET_PIXELS) / (nodes - 1)
    places = (np.arange(start, start + count) + (0.5 - NODE_OFFSET_PIXELS)) / distance
    first = np.clip(np.floor(places).astype(np.intp) - 1, 0, nodes - MIN_NODES)
    a = places - first
    b, c, d = a - 1, a - 2, a - 3
    return first, np.stack([-b * c * d / 6, a * c * d / 2, -a * b * d / 2, a * b * c / 6])


def _measure_nodes(grid: Grid, across: int, down: int) -> NDArray[np.float64]:
    """Compute `Ground.nodes` for a number of nodes across and down."""
    dx, dy = grid.resolution
    columns, rows = np.meshgrid(
        _node_positions(grid.width, across), _node_positions(grid.height, down)
    )
    aside = NODE_OFFSET_PIXELS
    stops = ((0, 0), (-aside, 0), (aside, 0), (0, -aside), (0, aside))
    x = grid.transform.c + np.stack([columns + right for right, _ in stops]) * dx
    y = grid.transform.f - np.stack([rows + below for _, below in stops]) * dy
    lonlat = project_points(np.column_stack([x.ravel(), y.ravel()]), grid.crs, LONLAT)
    lon, lat = np.radians(lonlat).T.reshape(2, *x.shape)
    vertical = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    radius = SEMI_MAJOR_METRES / np.sqrt(1 - ECCENTRICITY_SQUARED * vertical[2] ** 2)
    place = radius * vertical * np.array([1, 1, 1 - ECCENTRICITY_SQUARED])[:, None, None, None]

    def east_north(start: int, end: int) -> NDArray[np.float64]:
        step = (place[:, end] - place[:, start]) / (2 * NODE_OFFSET_PIXELS)
        east = step[1] * np.cos(lon[0]) - step[0] * np.sin(lon[0])
        out = step[0] * np.cos(lon[0]) + step[1] * np.sin(lon[0])
        return np.stack([east, step[2] * np.cos(lat[0]) - out * np.sin(lat[0])])

    right, up = east_north(1, 2), east_north(4, 3)
    height = np.hypot(*up)
    up = up / height
    width, skew = right[0] * up[1] - right[1] * up[0], -(right * up).sum(axis=0)
    return np.stack([width, skew, height, *up, *vertical[:, 0]])

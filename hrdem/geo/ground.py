"""How grids of any CRS lie on the ground: the sizes of boxes and pixels, and where north is.

The ground is the ellipsoid, GRS80. At a height of 3,000 m it is 0.05 percent larger, which is left
out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from hrdem.geo.crs import LONLAT, NATIVE_CRS, assume_nad83, project_points
from hrdem.geo.grid import Bounds, Grid, Pixels, Window

_SEGMENTS = 100  # of a line through a box
_SEMI_MAJOR = 6_378_137.0  # metres, GRS80
_ECCENTRICITY_SQUARED = 0.006_694_380_022_90  # GRS80
_NODE_DISTANCE = 16_000.0  # metres at most, unless pixels are larger
_FEWEST_NODES = 4  # of a cubic
_ASIDE = 0.25  # pixels from a node to where its steps begin and end; all of them in the grid


@dataclass(frozen=True, slots=True)
class Steps:
    """Where a step from a pixel to the next one leads on the ground, metres.

    Each is a number, or an array of shape (rows, columns).

    Attributes:
        width: How far a step to the right leads to the right, at right angles to a step down.
        skew: How far it leads down as well; 0 where pixels have right angles.
        height: How far a step down leads.
    """

    width: float | Pixels
    skew: float | Pixels
    height: float | Pixels


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground under a grid.

    It is measured at nodes, up to 16 km apart, and interpolated between them (cubic). The nodes
    are those of the whole grid, so that what is told of a pixel does not depend on the window that
    it is asked for with, to the last bit.

    Attributes:
        grid: The grid.
        nodes: What is known at them, float64 array of shape (8, rows, columns): width, skew and
            height of `Steps`; the way up, as metres east and north of one metre; and the vertical,
            as a vector of length 1.
    """

    grid: Grid
    nodes: NDArray[np.float64]

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """Measure the ground under a grid.

        Args:
            grid: In any CRS. All places that are looked at lie in it.

        Raises:
            NoDataError: If the grid reaches where its CRS has no longitude and latitude.
        """
        width, _, height, *_ = _measured(grid, _FEWEST_NODES, _FEWEST_NODES)
        across = _nodes_along(grid.width, float(np.abs(width).max()))
        down = _nodes_along(grid.height, float(height.max()))
        return cls(grid, _measured(grid, across, down))

    def steps(self, window: Window) -> Steps:
        """Return the steps from each pixel of a window.

        Args:
            window: In the grid, or a few pixels beyond.

        Returns:
            float32 arrays of shape (window.height, window.width), exact to a millionth up to 88
            degrees north.
        """
        return Steps(*(self._at(window, field, np.float32) for field in self.nodes[:3]))

    def bearing(self, window: Window) -> Pixels:
        """Return where the upper edge of the grid is from each pixel of a window.

        It is exact to a thousandth of a degree up to 88 degrees north. At the pole, where every way
        is south, it is not.

        Args:
            window: In the grid, or a few pixels beyond.

        Returns:
            float32 array of shape (window.height, window.width), degrees clockwise from true
            north, -180 to 180.
        """
        east, north = (self._at(window, field, np.float32) for field in self.nodes[3:5])
        bearing: Pixels = np.degrees(np.arctan2(east, north))
        return bearing

    def lonlat(self, window: Window) -> tuple[Pixels, Pixels]:
        """Return the longitude and latitude of the centre of each pixel of a window.

        Args:
            window: In the grid, or a few pixels beyond.

        Returns:
            float64 arrays of shape (window.height, window.width), degrees, NAD83(CSRS), exact to
            5 cm of ground up to 84 degrees north.
        """
        x, y, z = (self._at(window, field, np.float64) for field in self.nodes[5:])
        return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.sqrt(x * x + y * y)))

    def _at(
        self, window: Window, field: NDArray[np.float64], dtype: type[np.floating[Any]]
    ) -> Pixels:
        """Interpolate a field of the nodes.

        Sums of four, in a fixed order: a matrix product has another one for each shape.
        """
        rows, down = _cubic(window.row, window.height, self.grid.height, field.shape[0])
        columns, across = _cubic(window.column, window.width, self.grid.width, field.shape[1])
        known = np.zeros((window.height, field.shape[1]))  # at the columns of the nodes
        for n, weight in enumerate(down):
            known += weight[:, None] * field[rows + n]
        known, across = known.astype(dtype), across.astype(dtype)
        pixels = np.zeros((window.height, window.width), dtype)
        ends = [0, *np.flatnonzero(np.diff(columns)) + 1, window.width]
        for start, end in itertools.pairwise(ends):  # of pixels between the same nodes
            for n, weight in enumerate(across):
                node = known[:, columns[start] + n, None]
                pixels[:, start:end] += node * weight[start:end]
        return pixels


def fit_grid(bounds: Bounds, crs: str, longest: int) -> Grid:
    """Lay a grid exactly over a box, with pixels about as wide as high on the ground.

    Args:
        bounds: Left, bottom, right, top in units of the CRS.
        crs: Anything PROJ knows.
        longest: Pixels of the longer edge.

    Raises:
        NoDataError: If the box lies far outside Canada.
    """
    left, bottom, right, top = bounds
    across = np.linspace(left, right, _SEGMENTS), np.full(_SEGMENTS, (bottom + top) / 2)
    upward = np.full(_SEGMENTS, (left + right) / 2), np.linspace(bottom, top, _SEGMENTS)
    wide, high = (_length(x, y, crs) for x, y in (across, upward))
    width = max(1, round(longest * min(1.0, wide / high)))
    height = max(1, round(longest * min(1.0, high / wide)))
    pixel = Affine((right - left) / width, 0, left, 0, (bottom - top) / height, top)
    with rasterio.Env():
        code = CRS.from_user_input(crs).to_epsg()
    return Grid(f"EPSG:{code}" if code else crs, pixel, width, height)


def _length(x: NDArray[np.float64], y: NDArray[np.float64], crs: str) -> float:
    """The length of a line in EPSG:3979, metres; within some 4 percent in all of Canada."""
    points = project_points(np.column_stack([x, y]), assume_nad83(crs), NATIVE_CRS)
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _nodes_along(pixels: int, size: float) -> int:
    """How many nodes an edge of so many pixels of a size has."""
    return max(_FEWEST_NODES, int(np.ceil(pixels * min(1.0, size / _NODE_DISTANCE))) + 1)


def _node_places(pixels: int, nodes: int) -> NDArray[np.float64]:
    return np.linspace(_ASIDE, pixels - _ASIDE, nodes)


def _cubic(
    start: int, count: int, pixels: int, nodes: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The first of the four nodes that each pixel is interpolated from, and their weights."""
    distance = (pixels - 2 * _ASIDE) / (nodes - 1)
    places = (np.arange(start, start + count) + (0.5 - _ASIDE)) / distance
    first = np.clip(np.floor(places).astype(np.intp) - 1, 0, nodes - _FEWEST_NODES)
    a = places - first
    b, c, d = a - 1, a - 2, a - 3
    return first, np.stack([-b * c * d / 6, a * c * d / 2, -a * b * d / 2, a * b * c / 6])


def _measured(grid: Grid, across: int, down: int) -> NDArray[np.float64]:
    """What `Ground.nodes` holds, for so many nodes."""
    dx, dy = grid.resolution
    columns, rows = np.meshgrid(_node_places(grid.width, across), _node_places(grid.height, down))
    stops = ((0, 0), (-_ASIDE, 0), (_ASIDE, 0), (0, -_ASIDE), (0, _ASIDE))
    x = grid.transform.c + np.stack([columns + right for right, _ in stops]) * dx
    y = grid.transform.f - np.stack([rows + below for _, below in stops]) * dy
    lonlat = project_points(np.column_stack([x.ravel(), y.ravel()]), assume_nad83(grid.crs), LONLAT)
    lon, lat = np.radians(lonlat).T.reshape(2, *x.shape)
    vertical = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    radius = _SEMI_MAJOR / np.sqrt(1 - _ECCENTRICITY_SQUARED * vertical[2] ** 2)
    place = radius * vertical * np.array([1, 1, 1 - _ECCENTRICITY_SQUARED])[:, None, None, None]

    def east_north(start: int, end: int) -> NDArray[np.float64]:
        step = (place[:, end] - place[:, start]) / (2 * _ASIDE)
        east = step[1] * np.cos(lon[0]) - step[0] * np.sin(lon[0])
        out = step[0] * np.cos(lon[0]) + step[1] * np.sin(lon[0])
        return np.stack([east, step[2] * np.cos(lat[0]) - out * np.sin(lat[0])])

    right, up = east_north(1, 2), east_north(4, 3)
    height = np.hypot(*up)
    up = up / height
    width, skew = right[0] * up[1] - right[1] * up[0], -(right * up).sum(axis=0)
    return np.stack([width, skew, height, *up, *vertical[:, 0]])

"""Where the files of a BC block must be: grid, extent, mask and north (BC 2.0, 2, 3.1 and 3.3)."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.grid import Bounds
from hrdem.geo.transform import project_points
from hrdem.legacy.check.bc_names import BcName
from hrdem.legacy.check.finding import Findings
from hrdem.request.aoi.nts import parse_sheet

SPACING = 25.0  # metres
MIN_BUFFER = 250.0  # metres around the bounding box of the block
ZONES = {7: "EPSG:3154", 8: "EPSG:3155", 9: "EPSG:3156", 10: "EPSG:3157", 11: "EPSG:2955"}
ALBERS = "EPSG:3153"  # the numbers of BC Albers on NAD83, likewise for the zones
EDGE_METRES = 0.05  # pixels closer to the edge of a block may be in or out
_STEP_DEGREES = 0.005  # along the edge of a block: chords are off by less than 3 mm


@dataclass(frozen=True, slots=True)
class BcGrid:
    """The grid of a file.

    Attributes:
        west: Centres of the first column, metres.
        south: Centres of the last row, metres.
        columns: Number of columns.
        rows: Number of rows.
    """

    west: float
    south: float
    columns: int
    rows: int

    @property
    def east(self) -> float:
        """Centres of the last column, metres."""
        return self.west + (self.columns - 1) * SPACING

    @property
    def north(self) -> float:
        """Centres of the first row, metres."""
        return self.south + (self.rows - 1) * SPACING

    def describe(self) -> str:
        """Return the grid for people."""
        return f"{self.columns} x {self.rows} from {self.west:.10g}, {self.south:.10g}"


@dataclass(frozen=True, slots=True)
class BlockMask:
    """The block in BC Albers, where meridians are straight and parallels circles.

    Attributes:
        apex: Where the meridians meet.
        radii: Distance of the northern and the southern edge from there, metres.
        west: Direction of the western edge from there, a unit vector.
        east: Direction of the eastern edge.
    """

    apex: tuple[float, float]
    radii: tuple[float, float]
    west: tuple[float, float]
    east: tuple[float, float]

    def depth(self, grid: BcGrid, first: int, count: int) -> NDArray[np.float64]:
        """Return how deep in the block the centres of some rows are, metres; negative outside.

        Args:
            grid: The grid.
            first: First row, from the north.
            count: Number of rows.
        """
        x = grid.west + SPACING * np.arange(grid.columns) - self.apex[0]
        y = (grid.north - SPACING * np.arange(first, first + count) - self.apex[1])[:, None]
        radius = np.hypot(x, y)
        north, south = self.radii
        depth: NDArray[np.float64] = np.minimum(radius - north, south - radius)
        np.minimum(depth, self.west[0] * y - self.west[1] * x, out=depth)
        np.minimum(depth, self.east[1] * x - self.east[0] * y, out=depth)
        return depth


def get_zone(block: str) -> int | None:
    """Return the UTM zone of a block; None if there is no such sheet."""
    bounds = _get_bounds(block)
    return math.floor(((bounds[0] + bounds[2]) / 2 + 180) / 6) + 1 if bounds else None


def _get_bounds(block: str) -> Bounds | None:
    try:
        return parse_sheet(block).bounds
    except RequestError:
        return None


def get_crs(name: BcName) -> str | None:
    """Return the CRS of a file by its name; None if the product has none there."""
    return ALBERS if name.projection == "albers" else ZONES.get(get_zone(name.block) or 0)


@functools.lru_cache(maxsize=8)
def find_extent(name: BcName) -> Bounds | None:
    """Return the bounding box of a block in its projection, metres; None if it has none."""
    bounds, crs = _get_bounds(name.block), get_crs(name)
    if bounds is None or crs is None:
        return None
    west, south, east, north = bounds
    across = np.linspace(west, east, round((east - west) / _STEP_DEGREES) + 1)
    along = np.linspace(south, north, round((north - south) / _STEP_DEGREES) + 1)
    edges = [np.column_stack([across, np.full(len(across), side)]) for side in (south, north)]
    edges += [np.column_stack([np.full(len(along), side), along]) for side in (west, east)]
    points = project_points(np.concatenate(edges), LONLAT, crs)
    (left, right), (bottom, top) = ((min(each), max(each)) for each in points.T.tolist())
    return left, bottom, right, top


def find_north(name: BcName) -> float | None:
    """Return the clockwise angle from grid north to true north at a block's centre, degrees."""
    bounds, crs = _get_bounds(name.block), get_crs(name)
    if bounds is None or crs is None:
        return None
    west, south, east, north = bounds
    longitude, latitude = (west + east) / 2, (south + north) / 2
    points = np.array([[longitude, latitude - 1e-4], [longitude, latitude + 1e-4]])
    below, above = project_points(points, LONLAT, crs)
    dx, dy = (above - below).tolist()
    return math.degrees(math.atan2(dx, dy))


def find_mask(name: BcName) -> BlockMask | None:
    """Return the outline of a block in BC Albers; None if there is no such sheet."""
    bounds = _get_bounds(name.block)
    if bounds is None:
        return None
    west, south, east, north = bounds
    corners = np.array([[west, south], [west, north], [east, south], [east, north]])
    sw, nw, se, ne = project_points(corners, LONLAT, ALBERS)
    steps = np.linalg.solve(np.column_stack([nw - sw, se - ne]), se - sw)
    apex = sw + steps[0] * (nw - sw)
    west_x, west_y = ((sw - apex) / np.hypot(*(sw - apex))).tolist()
    east_x, east_y = ((se - apex) / np.hypot(*(se - apex))).tolist()
    radii = float(np.hypot(*(nw - apex))), float(np.hypot(*(sw - apex)))
    x, y = apex.tolist()
    return BlockMask((x, y), radii, (west_x, west_y), (east_x, east_y))


def judge_grid(grid: BcGrid, name: BcName | None, findings: Findings) -> None:
    """Judge that pixel centres are multiples of 25 m, and that the block is well inside."""
    findings.judge(
        "2", "pixel centres", grid.west % SPACING == 0 and grid.south % SPACING == 0,
        expected="multiples of 25 m", found=f"{grid.west:.10g}, {grid.south:.10g}",
    )  # fmt: skip
    if name is None:
        return
    extent = find_extent(name)
    findings.judge(
        "3.1", "block", extent is not None, expected="an NTS 250K block in UTM zones 7 to 11",
        found=f"{name.block}, zone {get_zone(name.block)}",
    )  # fmt: skip
    if extent is None:
        return
    left, bottom, right, top = extent
    half = SPACING / 2
    buffers = (
        left - (grid.west - half),
        bottom - (grid.south - half),
        grid.east + half - right,
        grid.north + half - top,
    )
    findings.judge(
        "2", "extent", min(buffers) >= MIN_BUFFER,
        expected="at least 250 m around the bounding box of the block",
        found="{:.1f} m west, {:.1f} south, {:.1f} east, {:.1f} north".format(*buffers),
    )  # fmt: skip

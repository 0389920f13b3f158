"""Where the files of a BC block must be: grid, extent, mask and north (BC 2.0, 2, 3.1 and 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.transform import project_points
from hrdem.legacy.bc.blocks import BC_ALBERS, MIN_BUFFER_METRES, SPACING_METRES, Block, get_block
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check.finding import Findings
from hrdem.request.aoi.nts import parse_sheet

EDGE_METRES = 0.05  # pixels closer to the edge of a block may be in or out


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
        return self.west + (self.columns - 1) * SPACING_METRES

    @property
    def north(self) -> float:
        """Centres of the first row, metres."""
        return self.south + (self.rows - 1) * SPACING_METRES

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
        x = grid.west + SPACING_METRES * np.arange(grid.columns) - self.apex[0]
        y = (grid.north - SPACING_METRES * np.arange(first, first + count) - self.apex[1])[:, None]
        radius = np.hypot(x, y)
        north, south = self.radii
        depth: NDArray[np.float64] = np.minimum(radius - north, south - radius)
        np.minimum(depth, self.west[0] * y - self.west[1] * x, out=depth)
        np.minimum(depth, self.east[1] * x - self.east[0] * y, out=depth)
        return depth


def find_block(name: FileName) -> Block | None:
    """Return the block of a file; None if the product has none of that name."""
    try:
        return get_block(parse_sheet(name.block))
    except RequestError:
        return None


def find_mask(name: FileName) -> BlockMask | None:
    """Return the outline of a block in BC Albers; None if there is no such sheet."""
    block = find_block(name)
    if block is None:
        return None
    west, south, east, north = block.sheet.bounds
    corners = np.array([[west, south], [west, north], [east, south], [east, north]])
    sw, nw, se, ne = project_points(corners, LONLAT, BC_ALBERS)
    steps = np.linalg.solve(np.column_stack([nw - sw, se - ne]), se - sw)
    apex = sw + steps[0] * (nw - sw)
    west_x, west_y = ((sw - apex) / np.hypot(*(sw - apex))).tolist()
    east_x, east_y = ((se - apex) / np.hypot(*(se - apex))).tolist()
    radii = float(np.hypot(*(nw - apex))), float(np.hypot(*(sw - apex)))
    x, y = apex.tolist()
    return BlockMask((x, y), radii, (west_x, west_y), (east_x, east_y))


def judge_grid(grid: BcGrid, name: FileName | None, findings: Findings) -> None:
    """Judge that pixel centres are multiples of 25 m, and that the block is well inside."""
    findings.judge(
        "2", "pixel centres", grid.west % SPACING_METRES == 0 and grid.south % SPACING_METRES == 0,
        expected="multiples of 25 m", found=f"{grid.west:.10g}, {grid.south:.10g}",
    )  # fmt: skip
    if name is None:
        return
    block = find_block(name)
    findings.judge(
        "3.1", "block", block is not None,
        expected="an NTS 250K block of British Columbia in UTM zones 7 to 11", found=name.block,
    )  # fmt: skip
    if block is None:
        return
    left, bottom, right, top = block.find_extent(name.projection)
    half = SPACING_METRES / 2
    buffers = (
        left - (grid.west - half),
        bottom - (grid.south - half),
        grid.east + half - right,
        grid.north + half - top,
    )
    findings.judge(
        "2", "extent", min(buffers) >= MIN_BUFFER_METRES,
        expected="at least 250 m around the bounding box of the block",
        found="{:.1f} m west, {:.1f} south, {:.1f} east, {:.1f} north".format(*buffers),
    )  # fmt: skip

"""A node has one height, whatever sheet, cell, window or request it is computed in.

Each sheet is a request of its own, on a grid of its own, as two runs of a command make them. What
is compared is not rounded: whole metres are then equal too.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray

from hrdem.demo import Addresses
from hrdem.geo.grid import Grid, Window
from hrdem.geo.reproject import project_geometry
from hrdem.geo.resampling import FixedSampling
from hrdem.http.client import HttpClient
from hrdem.http.run_context import RunContext
from hrdem.jobs.staged_heights import StagedHeights, stage_heights
from hrdem.legacy.heights import make_height_request, shift_to_cgvd28
from hrdem.legacy.sampling import BC_SAMPLING, CDED_SAMPLING
from hrdem.processing.vertical.shift_grid import ShiftGrid

LONLAT = "EPSG:4617"
NODES = 1201  # of a profile
HEIGHT = {50_000: 0.25, 250_000: 1.0}  # degrees
ALONG = {50_000: 0.75, 250_000: 3.0}  # arc seconds between the nodes of a profile

Heights = NDArray[np.float64]


def make_shift_grid() -> ShiftGrid:
    """Return differences every degree from 142 W 84 N; none is like its neighbour."""
    columns, rows = np.meshgrid(np.arange(95), np.arange(44))
    millimetres = (500 * np.sin(2 * columns) + 300 * np.cos(3 * rows)).astype(np.float32)
    transform = Affine(1, 0, -142.5, 0, -1, 84.5)
    return ShiftGrid(Path("shift.tif"), "0" * 64, transform, millimetres, 0.001, 0.0)


SHIFTS = make_shift_grid()


class Reader:
    """Reads heights of the demonstration, each time by a new request."""

    def __init__(self, demo: Addresses, http: HttpClient, folder: Path) -> None:
        self._services = {"stac_url": demo.stac, "wcs_url": demo.wcs}
        self._context = RunContext(http, folder)

    def read(
        self,
        area: shapely.Geometry,
        grid: Grid,
        windows: Mapping[str, Window],
        fixed: FixedSampling,
    ) -> dict[str, Heights]:
        """Request an area and read windows of a grid, in CGVD28."""

        def use(staged: StagedHeights) -> dict[str, Heights]:
            return {
                name: shift_to_cgvd28(staged.read(grid, window), grid, window, SHIFTS)
                for name, window in windows.items()
            }

        request = make_height_request(area, fixed, **self._services)
        return stage_heights(request, self._context, use)[0]


@pytest.fixture
def reader(demo: Addresses, http: HttpClient, tmp_path: Path) -> Reader:
    return Reader(demo, http, tmp_path)


class Sheet:
    """A sheet, or a cell: its nodes, and the windows along its edges.

    Args:
        west: Longitude of its western nodes.
        south: Latitude of its southern ones.
        width: Degrees.
        across: Arc seconds between its profiles.
        scale: 50,000 or 250,000.
    """

    def __init__(
        self, west: float, south: float, width: float, across: float, scale: int = 50_000
    ) -> None:
        dx, dy = Fraction(across) / 3600, Fraction(ALONG[scale]) / 3600
        north = Fraction(south) + Fraction(HEIGHT[scale])
        columns = int(Fraction(width) / dx) + 1
        corner = float(Fraction(west) - dx / 2), float(north + dy / 2)
        transform = Affine(float(dx), 0, corner[0], 0, -float(dy), corner[1])
        self.grid = Grid(LONLAT, transform, columns, NODES)
        self.bounds = west, south, west + width, float(north)
        self.scale = scale

    def read(self, reader: Reader, *edges: str, depth: int = 1) -> dict[str, Heights]:
        """Read some edges: all nodes of each, from windows some nodes deep."""
        width, height = self.grid.width, self.grid.height
        windows = {
            "north": Window(0, 0, width, depth),
            "south": Window(0, height - depth, width, depth),
            "west": Window(0, 0, depth, height),
            "east": Window(width - depth, 0, depth, height),
        }
        west, south, east, north = self.bounds
        (dx, dy) = self.grid.resolution
        middle = shapely.box(
            west + depth * dx * ("west" in edges),
            south + depth * dy * ("south" in edges),
            east - depth * dx * ("east" in edges),
            north - depth * dy * ("north" in edges),
        )
        area = shapely.box(*self.bounds).difference(middle)
        chosen = {name: windows[name] for name in edges}
        found = reader.read(area, self.grid, chosen, CDED_SAMPLING[self.scale])
        last = {"north": np.s_[0], "south": np.s_[-1], "west": np.s_[:, 0], "east": np.s_[:, -1]}
        return {name: heights[last[name]] for name, heights in found.items()}


# the northern sheet and the southern one: west, south, width, seconds between profiles, scale
PAIRS = {
    "58.0 N, levels that each alone would need differ": (
        Sheet(-100, 58, 0.5, 0.75),
        Sheet(-100, 57.75, 0.5, 0.75),
    ),
    "45.5 N, kernels that each alone would have differ": (
        Sheet(-76, 45.5, 0.5, 0.75),
        Sheet(-76, 45.25, 0.5, 0.75),
    ),
    "68.0 N, areas A and B": (Sheet(-100, 68, 1, 1.5), Sheet(-100, 67.75, 0.5, 0.75)),
    "80.0 N, areas B and C": (Sheet(-88, 80, 2, 3), Sheet(-88, 79.75, 1, 1.5)),
    "250K, 58 N": (Sheet(-100, 58, 2, 3, 250_000), Sheet(-100, 57, 2, 3, 250_000)),
    "250K, 68 N": (Sheet(-100, 68, 4, 6, 250_000), Sheet(-100, 67, 2, 3, 250_000)),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        name if number in (0, 2) else pytest.param(name, marks=pytest.mark.long)
        for number, name in enumerate(PAIRS)
    ],
)
def test_sheets_have_equal_heights_at_their_common_edge(reader: Reader, name: str) -> None:
    northern, southern = PAIRS[name]
    lower = southern.read(reader, "north", depth=3)["north"]
    upper = northern.read(reader, "south", depth=2)["south"]
    if (
        northern.grid.width * northern.grid.resolution[0]
        > 1.5 * southern.grid.width * (southern.grid.resolution[0])
    ):  # of the wider sheet the western half, at every other node of the denser one
        upper, lower = upper[: len(upper) // 2 + 1], lower[::2]
    assert np.count_nonzero(np.isfinite(upper)) > len(upper) / 2
    np.testing.assert_array_equal(upper, lower)


@pytest.mark.slow
@pytest.mark.long
def test_all_pairs_of_nine_sheets_have_equal_heights(reader: Reader) -> None:
    """Six pairs from north to south, six from west to east, and all corners."""
    edges = {
        (row, column): Sheet(-76.5 + column / 2, 45.75 - row / 4, 0.5, 0.75).read(
            reader, "north", "south", "west", "east"
        )
        for row, column in itertools.product(range(3), range(3))
    }
    pairs = 0
    for (row, column), sheet in edges.items():
        assert np.isfinite(sheet["north"]).mean() > 0.9
        assert sheet["north"][0] == sheet["west"][0] or np.isnan(sheet["west"][0])
        if row < 2:
            np.testing.assert_array_equal(sheet["south"], edges[row + 1, column]["north"])
            pairs += 1
        if column < 2:
            np.testing.assert_array_equal(sheet["east"], edges[row, column + 1]["west"])
            pairs += 1
        if row < 2 and column < 2:
            np.testing.assert_array_equal(
                sheet["south"][-1], edges[row + 1, column + 1]["north"][0]
            )
    assert pairs == 12


def test_cells_have_equal_heights_at_their_common_profile(reader: Reader) -> None:
    """The last profile of a western cell is the first of the eastern one, here 60 nodes of it."""
    west, east = Sheet(-76, 45.25, 0.25, 0.75).grid, Sheet(-75.75, 45.25, 0.25, 0.75).grid
    windows = Window(NODES - 30, 500, 30, 60), Window(0, 490, 45, 80)
    western, eastern = (
        reader.read(
            shapely.box(*grid.crop(window).bounds), grid, {"part": window}, CDED_SAMPLING[50_000]
        )["part"]
        for grid, window in zip((west, east), windows, strict=True)
    )
    assert np.isfinite(western[:, -1]).all()
    np.testing.assert_array_equal(western[:, -1], eastern[10:70, 0])


@pytest.mark.parametrize("crs", ["EPSG:3153", pytest.param("EPSG:3156", marks=pytest.mark.slow)])
def test_overlapping_grids_of_one_projection_have_equal_heights(reader: Reader, crs: str) -> None:
    """As those of neighbouring blocks, both on multiples of 25 m."""
    left, top = (889_987.5, 1_600_012.5) if crs == "EPSG:3153" else (560_012.5, 6_590_012.5)
    first = Grid(crs, Affine(25, 0, left, 0, -25, top), 90, 80)
    second = Grid(crs, Affine(25, 0, left + 30 * 25, 0, -25, top - 17 * 25), 100, 70)
    found = [
        reader.read(
            project_geometry(shapely.box(*grid.bounds), crs, LONLAT),
            grid,
            {"whole": grid.window},
            BC_SAMPLING,
        )["whole"]
        for grid in (first, second)
    ]
    assert np.isfinite(found[0]).mean() > 0.5
    np.testing.assert_array_equal(found[0][17:80, 30:90], found[1][:63, :60])

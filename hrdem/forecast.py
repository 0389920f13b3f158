"""What running a plan would cost and give, told from few requests."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.crs import in_nad83, project
from hrdem.grid import Pixels, Window
from hrdem.http.protocol import Http
from hrdem.levels import at_factor
from hrdem.planning import Plan, PlannedSource
from hrdem.products import NATIVE_CRS
from hrdem.sources.cog import CogFile, CogSource
from hrdem.sources.gdal import GdalFile, GdalSource, Handles
from hrdem.sources.wcs import WcsSource, wcs_turns
from hrdem.wcs.coverage import WcsCoverage

_OVERVIEW_EDGE = 256  # pixels of the overview that coverage is told from


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is known before any pixel of full resolution is fetched.

    Attributes:
        tiles: How many tiles of the files will be read; None for what GDAL or a WCS reads, as they
            do not tell.
        transfer_bytes: Their size in the files; None likewise.
        output_bytes: Size of the output before compression.
        coverage_percent: About which share of the area has data.
        coverage_by_item: The same for each item, as a share of the whole area.
    """

    tiles: int | None
    transfer_bytes: int | None
    output_bytes: int
    coverage_percent: float
    coverage_by_item: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "tiles": self.tiles,
            "transfer_bytes": self.transfer_bytes,
            "output_bytes_uncompressed": self.output_bytes,
            "coverage_percent_estimated": self.coverage_percent,
            "coverage_percent_estimated_by_item": self.coverage_by_item,
        }


def make_forecast(plan: Plan, http: Http) -> Forecast:
    """Tell the cost of a plan from tile indexes, and its coverage from overviews.

    Raises:
        NetworkError: If a file cannot be read.
        SourceChangedError: If a file changed since the plan was made.
    """
    needed, shares, sample = [], {}, _sampled(plan)
    for planned in plan.sources:
        match planned.file:
            case CogFile() as file:
                level, window = planned.level, planned.window
                needed.append(CogSource(file, http, level, window).stored(window))
                pixels = _from_overview(file, level, window, http)
            case GdalFile() as file:
                with contextlib.closing(Handles(most=1)) as handles:
                    source = GdalSource(file, handles, http)
                    pixels = source.thinned(planned.window, _OVERVIEW_EDGE)
            case WcsCoverage() as file:
                pixels = _from_wcs(file, planned.window, http)
        shares[planned.name] = _share(pixels, planned, sample)
    told = len(needed) == len(plan.sources)
    return Forecast(
        tiles=sum(tiles for tiles, _ in needed) if told else None,
        transfer_bytes=sum(size for _, size in needed) if told else None,
        output_bytes=plan.grid.window.pixels * np.dtype(plan.dtype).itemsize,
        coverage_percent=min(100.0, sum(shares.values())),
        coverage_by_item=shares,
    )


def _from_overview(file: CogFile, first: int, window: Window, http: Http) -> Pixels:
    """The window of a level in the finest level that shows it in few pixels."""
    levels = file.header.levels
    whole = levels[first]
    for number, level in enumerate(levels):
        across, down = level.width / whole.width, level.height / whole.height
        last = number == len(levels) - 1
        fits = max(window.width * across, window.height * down) <= _OVERVIEW_EDGE
        if number >= first and (last or fits):
            break
    column, row = int(window.column * across), int(window.row * down)
    width = min(max(1, round(window.width * across)), level.width - column)
    height = min(max(1, round(window.height * down)), level.height - row)
    part = Window(column, row, width, height)
    return CogSource(file, http, number, part).fetch(part).decoded()


def _from_wcs(coverage: WcsCoverage, window: Window, http: Http) -> Pixels:
    """The window with pixels so large that it has few."""
    factor = 1
    while max(window.width, window.height) > _OVERVIEW_EDGE * factor:
        factor *= 2
    coarser, _, grid = at_factor(coverage, factor)
    assert isinstance(coarser, WcsCoverage)
    part = grid.touched_by(coverage.grid.crop(window).bounds)
    with (
        tempfile.TemporaryDirectory(prefix="hrdem-") as folder,
        contextlib.closing(WcsSource(coarser, http, part, Path(folder), wcs_turns())) as source,
    ):
        return source.fetch(part).decoded()


def _sampled(plan: Plan) -> NDArray[np.float64]:
    """Where a sample of the output's pixels lies on the grid of merging.

    Returns:
        Array of shape (n, 2): column and row of each.
    """
    left, _, _, top = plan.grid.bounds
    dx, dy = plan.grid.resolution
    x = left + dx * _spread(plan.grid.width)
    y = top - dy * _spread(plan.grid.height)
    points = np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])
    found = project(points, in_nad83(plan.grid.crs), NATIVE_CRS)
    left, _, _, top = plan.native.bounds
    across, down = plan.native.resolution
    return np.column_stack([(found[:, 0] - left) / across, (top - found[:, 1]) / down])


def _spread(count: int) -> NDArray[np.float64]:
    """Middles of some of so many pixels, all of them if they are few."""
    some = min(count, _OVERVIEW_EDGE)
    return np.floor((np.arange(some) + 0.5) * count / some) + 0.5


def _share(pixels: Pixels, planned: PlannedSource, sample: NDArray[np.float64]) -> float:
    """Percent of a sample that a source covers, seen from some of its pixels."""
    nodata = planned.file.nodata
    if nodata is None:
        valid = np.ones(pixels.shape, bool)
    elif np.isnan(nodata):
        valid = ~np.isnan(pixels)
    else:
        valid = pixels != pixels.dtype.type(nodata)
    place, (height, width) = planned.place, pixels.shape
    columns = np.floor((sample[:, 0] - place.column) * width / place.width).astype(int)
    rows = np.floor((sample[:, 1] - place.row) * height / place.height).astype(int)
    within = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return 100 * float(valid[rows[within], columns[within]].sum()) / len(sample)

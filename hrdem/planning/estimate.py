"""What running a plan would cost and give, told from few requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.geo.crs import NATIVE_CRS, assume_nad83, project_points
from hrdem.geo.grid import Pixels
from hrdem.geo.nodata import valid_mask
from hrdem.http.protocol import Http
from hrdem.planning.cost import measure_costs
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan

_OVERVIEW_EDGE = 256  # pixels of the overview that coverage is told from


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known before any pixel of full resolution is fetched.

    Attributes:
        tiles: How many tiles of the files will be read; None for what GDAL or a WCS reads, as they
            do not tell.
        transfer_bytes: Their size in the files; None likewise.
        cached_bytes: How many of those bytes are in the cache already; None likewise.
        output_bytes: Size of the output before compression.
        coverage_percent: About which share of the area has data.
        coverage_by_item: The same for each source, as far as no tier before it has data.
    """

    tiles: int | None
    transfer_bytes: int | None
    cached_bytes: int | None
    output_bytes: int
    coverage_percent: float
    coverage_by_item: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "tiles": self.tiles,
            "transfer_bytes": self.transfer_bytes,
            "cached_bytes": self.cached_bytes,
            "output_bytes_uncompressed": self.output_bytes,
            "coverage_percent_estimated": self.coverage_percent,
            "coverage_percent_estimated_by_item": self.coverage_by_item,
        }


def estimate_plan(plan: Plan, http: Http) -> Estimate:
    """Tell the cost of a plan from tile indexes, and its coverage from overviews.

    Raises:
        NetworkError: If a file cannot be read.
        SourceChangedError: If a file changed since the plan was made.
    """
    sample = _sampled(plan)
    covered = np.zeros(len(sample), np.bool_)
    shares = {}
    for tier in plan.tiers:
        given = ~covered
        for mosaic in tier.mosaics:
            held = np.zeros_like(covered)
            for planned in mosaic.sources:
                pixels = planned.file.sample(planned.src_window, _OVERVIEW_EDGE, http)
                valid = _valid_at(pixels, planned, mosaic, sample)
                shares[planned.name] = 100 * float((valid & ~covered).sum()) / len(sample)
                held |= valid
            given &= held
        covered |= given
    needs = measure_costs(plan, http)
    tiles = [need.tiles for need in needs if need.tiles is not None]
    told = len(tiles) == len(needs)
    return Estimate(
        tiles=sum(tiles) if told else None,
        transfer_bytes=sum(need.size for need in needs) if told else None,
        cached_bytes=sum(need.size - need.lacking for need in needs) if told else None,
        output_bytes=plan.grid.window.pixels * np.dtype(plan.dtype).itemsize,
        coverage_percent=100 * float(covered.sum()) / len(sample),
        coverage_by_item=shares,
    )


def _sampled(plan: Plan) -> NDArray[np.float64]:
    """Where a sample of the output's pixels lies.

    Returns:
        Coordinates in EPSG:3979, array of shape (n, 2), n at least 1.
    """
    left, _, _, top = plan.grid.bounds
    dx, dy = plan.grid.resolution
    x = left + dx * _spread(plan.grid.width)
    y = top - dy * _spread(plan.grid.height)
    points = np.column_stack([axis.ravel() for axis in np.meshgrid(x, y)])
    found = project_points(points, assume_nad83(plan.grid.crs), NATIVE_CRS)
    if not plan.request.crop:
        return found
    area = plan.request.aoi.geometry
    shapely.prepare(area)
    inside = found[shapely.contains_xy(area, found)]
    return inside if len(inside) else np.array([area.representative_point().coords[0]])


def _spread(count: int) -> NDArray[np.float64]:
    """Middles of some of so many pixels, all of them if they are few."""
    some = min(count, _OVERVIEW_EDGE)
    return np.floor((np.arange(some) + 0.5) * count / some) + 0.5


def _valid_at(
    pixels: Pixels, planned: PlannedSource, mosaic: Mosaic, sample: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether a source has data at places, seen from some of its pixels."""
    valid = valid_mask(pixels, planned.file.nodata)
    left, bottom, right, top = mosaic.grid.crop(planned.dst_window).bounds
    height, width = pixels.shape
    columns = np.floor((sample[:, 0] - left) * width / (right - left)).astype(int)
    rows = np.floor((top - sample[:, 1]) * height / (top - bottom)).astype(int)
    within = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    found = np.zeros(len(sample), np.bool_)
    found[within] = valid[rows[within], columns[within]]
    return found

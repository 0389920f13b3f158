"""Estimates: cost and coverage of a plan, from tile indexes and overviews."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Pixels
from hrdem.geo.mask import PolygonMask
from hrdem.geo.nodata import valid_mask
from hrdem.geo.transform import project_points
from hrdem.http.protocol import Http
from hrdem.planning.cost import measure_costs
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan, Tier
from hrdem.runtime.threads import map_in_order, thread_pool

SAMPLE_EDGE_PIXELS = 256  # of the overview, and of the output, that coverage is estimated from


@dataclass(frozen=True, slots=True)
class Estimate:
    """The cost and the coverage of a plan, before a pixel of full resolution is fetched.

    Attributes:
        tiles: Number of stored tiles to read; None where GDAL or a WCS reads them, which do not
            report it.
        transfer_bytes: Size of these tiles in the files; None where ``tiles`` is.
        cached_bytes: Bytes of these that are in the cache; None where ``tiles`` is.
        output_bytes: Size of the output before compression.
        coverage_percent: Estimated share of the area with data, percent.
        coverage_percent_by_item: The same for each source, where no tier before it has data.
    """

    tiles: int | None
    transfer_bytes: int | None
    cached_bytes: int | None
    output_bytes: int
    coverage_percent: float
    coverage_percent_by_item: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return the estimate as JSON-ready values."""
        return asdict(self)


def estimate_plan(plan: Plan, http: Http) -> Estimate:
    """Estimate the cost of a plan from tile indexes, and its coverage from overviews.

    Args:
        plan: Plan to estimate.
        http: HTTP client.

    Raises:
        NetworkError: If a file cannot be read.
        SourceChangedError: If a file changed since the plan was made.
    """
    points = _sample_points(plan)
    covered = np.zeros(len(points), np.bool_)
    shares = dict.fromkeys((source.name for source in plan.sources), 0.0)
    for tier in plan.tiers:
        if covered.all():  # what is coarser is read nowhere
            break
        samples = _read_samples(tier, http)
        in_tier = ~covered  # points that have data in all surfaces of the tier
        for mosaic in tier.mosaics:
            in_mosaic = np.zeros_like(covered)
            for source in mosaic.sources:
                valid = _is_valid_at(points, samples[source.name], source, mosaic)
                shares[source.name] = 100 * float((valid & ~covered).sum()) / len(points)
                in_mosaic |= valid
            in_tier &= in_mosaic
        covered |= in_tier
    costs = measure_costs(plan, http)
    tiles = [cost.tiles for cost in costs if cost.tiles is not None]
    are_known = len(tiles) == len(costs)
    return Estimate(
        tiles=sum(tiles) if are_known else None,
        transfer_bytes=sum(cost.size for cost in costs) if are_known else None,
        cached_bytes=sum(cost.size - cost.missing for cost in costs) if are_known else None,
        output_bytes=plan.grid.window.pixels * np.dtype(plan.dtype).itemsize,
        coverage_percent=100 * float(covered.sum()) / len(points),
        coverage_percent_by_item=shares,
    )


def _read_samples(tier: Tier, http: Http) -> dict[str, Pixels]:
    """Read a reduced copy of the window of each source of a tier, several at a time."""
    sources = [source for mosaic in tier.mosaics for source in mosaic.sources]
    if not sources:
        return {}
    threads = min(http.max_connections, *(source.file.max_fetchers for source in sources))

    def read(source: PlannedSource) -> Pixels:
        return source.file.sample(source.src_window, SAMPLE_EDGE_PIXELS, http)

    with thread_pool(min(threads, len(sources)), "sample") as pool:
        samples = map_in_order(pool, read, sources, len(sources))
        return dict(zip([source.name for source in sources], samples, strict=True))


def _sample_points(plan: Plan) -> NDArray[np.float64]:
    """Return the centres of some output pixels, evenly spread over the area.

    Returns:
        Coordinates in EPSG:3979, array of shape (n, 2), n at least 1.
    """
    grid, aoi = plan.grid, plan.request.aoi
    left, _, _, top = grid.bounds
    dx, dy = grid.resolution
    columns, rows = _spread(grid.width), _spread(grid.height)
    x, y = np.meshgrid(left + dx * (columns + 0.5), top - dy * (rows + 0.5))
    if plan.request.crop:
        inside = PolygonMask.of(aoi.outline, aoi.crs, grid).contains(columns, rows)
        if not inside.any():
            return np.array([aoi.geometry.representative_point().coords[0]])
        x, y = x[inside], y[inside]
    centres = np.column_stack([x.ravel(), y.ravel()])
    return project_points(centres, grid.crs, NATIVE_CRS)


def _spread(count: int) -> NDArray[np.int64]:
    """Return some columns or rows, evenly spread; all if there are few."""
    chosen = min(count, SAMPLE_EDGE_PIXELS)
    return (2 * np.arange(chosen) + 1) * count // (2 * chosen)


def _is_valid_at(
    points: NDArray[np.float64], pixels: Pixels, source: PlannedSource, mosaic: Mosaic
) -> NDArray[np.bool_]:
    """Return at which points a source has data, from a reduced copy of its window."""
    valid = valid_mask(pixels, source.file.nodata)
    left, bottom, right, top = mosaic.grid.crop(source.dst_window).bounds
    height, width = pixels.shape
    columns = np.floor((points[:, 0] - left) * width / (right - left)).astype(int)
    rows = np.floor((top - points[:, 1]) * height / (top - bottom)).astype(int)
    within = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    is_valid = np.zeros(len(points), np.bool_)
    is_valid[within] = valid[rows[within], columns[within]]
    return is_valid

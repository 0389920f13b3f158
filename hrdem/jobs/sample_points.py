"""Sample a product at points: plan their surroundings, read each stored tile once, interpolate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.canada import EXTENT, NATIVE_EXTENT
from hrdem.geo.crs import LONLAT, NATIVE_CRS, is_geographic
from hrdem.geo.datum import get_operation, link_crs
from hrdem.geo.nodata import valid_mask
from hrdem.geo.prepared import PreparedGeometry
from hrdem.geo.transform import project_points
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext, RunSettings
from hrdem.jobs.extract import plan_and_run
from hrdem.jobs.lazy_pixels import MAX_CONCURRENT_READS, PlanReader
from hrdem.planning.cut_plan import cut_plan
from hrdem.planning.plan import Plan
from hrdem.points.group_points import PointGroup, choose_evenly, group_points
from hrdem.points.interpolate import REACH, interpolate
from hrdem.points.samples import Names, Samples
from hrdem.points.table import PointTable
from hrdem.points.write_points import check_sample_output, publish_rows
from hrdem.processing.vertical.find_grid import find_shift_grid
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.options import Interpolation
from hrdem.request.request import Request
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.progress import OnProgress, ProgressMeter, ignore_progress
from hrdem.runtime.threads import map_in_order, thread_pool

log = logging.getLogger(__name__)

CELL_METRES = 50_000.0  # points in one cell are planned as one box
MAX_COORDINATE = 5e7  # of a projected CRS, in its units: feet from the pole to the equator
MARGIN_METRES = 200.0  # around each box: more pixels than a cubic needs, of any collection
MAX_MEASURED_TILES = 32  # whose sizes the estimate is the mean of


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """How points are sampled, and where the rows go.

    Attributes:
        interpolation: Method.
        output: File to write, ``.csv`` or ``.gpkg``; None for none.
        overwrite: Whether an existing file may be replaced.
        allow_inaccurate_datum: Whether to continue where PROJ cannot bring the points to
            NAD83(CSRS) within a metre.
    """

    interpolation: Interpolation
    output: Path | None
    overwrite: bool
    allow_inaccurate_datum: bool


def sample_points(
    table: PointTable,
    make_request: Callable[[Aoi], Request],
    settings: RunSettings,
    options: SampleOptions,
) -> Samples:
    """Sample a product at points, and write their rows with the values.

    The values are those of an extraction of the same request in its native grid; of slopes, whose
    ground steps follow from the extent, to seven digits.

    Args:
        table: The points.
        make_request: Makes the request of an area.
        settings: Client, cache, limits and progress callback.
        options: How, and where to.

    Raises:
        NoDataError: If no point is in Canada, or none has data.
        RequestError: If the download would exceed its limit.
        HrdemError: As `plan_and_run` and `read_pixels_and_sources` do.
    """
    started = time.monotonic()
    if options.output is not None:
        check_sample_output(options.output, options.overwrite)
    native, operation = _project(table, allow_inaccurate=options.allow_inaccurate_datum)
    inside = np.isfinite(native[:, 0])
    if not inside.any():
        raise NoDataError(
            f"None of the {len(inside)} point{'s' if len(inside) > 1 else ''} of {table.label} is "
            "in Canada. Check their CRS and the order of their coordinates."
        )
    with settings.open() as context:
        area = _surround(native[inside])
        request = make_request(Aoi(area, NATIVE_CRS, area, table.label, operation))
        shift_grid = find_shift_grid(request, context)
        reading = replace(settings, http=context.http, on_progress=ignore_progress)

        def read(plan: Plan) -> Samples:
            reader = PlanReader(plan, shift_grid, reading)
            return _read(plan, native, inside, reader, context, options, settings.on_progress)

        samples = plan_and_run(request, context.http, read, in_tiles=True)
    _check_any(samples, table)
    for gap in samples.plan.gaps:
        log.warning("%s was left out: points in it have no value. %s", gap.item, gap.error)
    done = replace(samples, seconds=time.monotonic() - started)
    if options.output is not None:
        publish_rows(table, done.columns, options.output, overwrite=options.overwrite)
        done = replace(done, output=options.output, seconds=time.monotonic() - started)
    return done


def _project(table: PointTable, *, allow_inaccurate: bool) -> tuple[NDArray[np.float64], Any]:
    """Return the points in EPSG:3979, NaN outside Canada; and the operation that led there."""
    points = table.points.copy()
    usable = np.all(np.abs(points) <= _find_range(table.crs), axis=1)
    native = np.full_like(points, np.nan)
    if not usable.any():
        return native, None
    west, south = points[usable].min(axis=0)
    east, north = points[usable].max(axis=0)
    crs = link_crs(
        table.crs, (west, south, east, north), table.crs, allow_inaccurate=allow_inaccurate
    )
    west, south, east, north = EXTENT
    lonlat = project_points(points[usable], crs, LONLAT)
    near = (lonlat[:, 0] >= west) & (lonlat[:, 0] <= east)
    near &= (lonlat[:, 1] >= south) & (lonlat[:, 1] <= north)
    usable[usable] = near
    if usable.any():
        native[usable] = project_points(points[usable], crs, NATIVE_CRS)
    left, bottom, right, top = NATIVE_EXTENT
    x, y = native.T
    with np.errstate(invalid="ignore"):
        native[~((x >= left) & (x <= right) & (y >= bottom) & (y <= top))] = np.nan
    return native, get_operation(crs)


def _find_range(crs: str) -> tuple[float, float]:
    """Return the largest amount of both coordinates: files have others where a point is unknown."""
    return (180.0, 90.0) if is_geographic(crs) else (MAX_COORDINATE,) * 2


def _surround(points: NDArray[np.float64]) -> shapely.MultiPolygon:
    """Return boxes around the points of each cell."""
    cells = np.floor(points / CELL_METRES)
    order = np.lexsort(cells.T)
    changes = np.any(np.diff(cells[order], axis=0) != 0, axis=1)
    boxes = []
    for members in np.split(order, np.flatnonzero(changes) + 1):
        west, south = points[members].min(axis=0) - MARGIN_METRES
        east, north = points[members].max(axis=0) + MARGIN_METRES
        boxes.append(shapely.box(west, south, east, north))
    united = shapely.union_all(boxes)
    return united if isinstance(united, shapely.MultiPolygon) else shapely.MultiPolygon([united])


def _read(
    plan: Plan,
    native: NDArray[np.float64],
    inside: NDArray[np.bool_],
    reader: PlanReader,
    context: RunContext,
    options: SampleOptions,
    on_progress: OnProgress,
) -> Samples:
    """Read the pixels around all points."""
    assert plan.nodata is not None
    method = options.interpolation
    dx, dy = plan.grid.resolution
    left, _, _, top = plan.grid.bounds
    points = np.flatnonzero(inside)
    x, y = (native[inside, 0] - left) / dx, (top - native[inside, 1]) / dy
    columns, rows = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    groups = group_points(plan, columns, rows, REACH[method])
    estimated = _estimate(plan, groups, context)
    _check_download(estimated, context.max_download)
    is_pixel = method is Interpolation.NEAREST
    values: NDArray[np.floating[Any]] = np.full(
        len(native), np.nan, np.float32 if is_pixel else np.float64
    )
    numbers: NDArray[np.uint16] = np.zeros(len(native), np.uint16)  # of the names of sources
    known = {"": 0}
    meter = ProgressMeter(len(points), on_progress)

    def read(group: PointGroup) -> tuple[PointGroup, NDArray[np.float64], NDArray[np.object_]]:
        (pixels, *ids), names = reader.read_with_sources(group.window)
        across, down = x[group.members] - group.window.column, y[group.members] - group.window.row
        found = interpolate(pixels, valid_mask(pixels, plan.nodata), across, down, method)
        at = np.floor(down).astype(np.intp), np.floor(across).astype(np.intp)
        return group, found, _name_sources([each[at] for each in ids], names)

    with thread_pool(MAX_CONCURRENT_READS, "sample") as pool:
        for group, found, names in map_in_order(pool, read, groups, 2 * MAX_CONCURRENT_READS):
            values[points[group.members]] = found
            numbers[points[group.members]] = [known.setdefault(each, len(known)) for each in names]
            meter.add(len(found), 0)
    surveys, years = find_surveys_at(plan, native)
    return Samples(
        values, Names(tuple(known), numbers), surveys, years, int((~inside).sum()), plan, None,
        estimated, context.http.cached_bytes, 0.0,
    )  # fmt: skip


def _name_sources(ids: list[NDArray[Any]], names: tuple[str, ...]) -> NDArray[np.object_]:
    """Return the name of the source of each point; of both, if a product has two surfaces."""
    table = np.array(["", *names], object)
    first: NDArray[np.object_]
    first, *more = (table[each] for each in ids)
    for other in more:
        first = np.where(other == "", first, first + "; " + other)
    return first


def find_surveys_at(
    plan: Plan, native: NDArray[np.float64]
) -> tuple[Names, Names] | tuple[None, None]:
    """Return name and year of the newest known survey at each point, if they were requested."""
    if plan.surveys is None:
        return None, None
    projects = [survey.project for survey in plan.surveys.newest_first]
    numbers: NDArray[np.uint16] = np.zeros(len(native), np.uint16)
    for number, project in reversed([*enumerate(projects, 1)]):  # the newest is the last to be set
        numbers[PreparedGeometry(project.outline).contains_points(native)] = number
    years = ("" if project.year is None else str(project.year) for project in projects)
    names = (project.name or "" for project in projects)
    return Names(("", *names), numbers), Names(("", *years), numbers)


def _estimate(plan: Plan, groups: list[PointGroup], context: RunContext) -> int:
    """Estimate the bytes to download: the mean of some tiles, for all of them."""
    measured = [
        sum(_measure(plan, group, context.http, context.cache))
        for group in choose_evenly(groups, MAX_MEASURED_TILES)
    ]
    return round(len(groups) * sum(measured) / len(measured))


def _measure(plan: Plan, group: PointGroup, http: Http, cache: Path) -> Iterator[int]:
    cut = cut_plan(plan, group.window)
    for source in () if cut is None else cut.sources:
        yield source.file.needed(source.src_window, None, http, cache).missing


def _check_download(estimated: int, max_download: int | None) -> None:
    if max_download is not None and estimated > max_download:
        raise RequestError(
            f"About {format_size(estimated)} have to be downloaded for these points, more than "
            f"`max_download={format_size(max_download).replace(' ', '')}`. Give a larger one, or "
            "fewer points."
        )


def _check_any(samples: Samples, table: PointTable) -> None:
    if not samples.sampled:
        tiers = ", ".join(tier.collection.id for tier in samples.plan.tiers)
        raise NoDataError(
            f"{tiers} has no {samples.plan.request.product.name} at any point of {table.label}. "
            "`fill=all` takes coarser collections where it has none."
        )

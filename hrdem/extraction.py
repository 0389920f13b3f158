"""From a request or a plan to a file: tiles are read, written, and told about."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path

from hrdem.budget import USUAL_MEMORY
from hrdem.catalog import items_near
from hrdem.copying import copied
from hrdem.encode import storage_of
from hrdem.errors import NetworkError, NoDataError, SourceChangedError
from hrdem.grid import Grid
from hrdem.http.protocol import Http
from hrdem.http.ranges import check_unchanged
from hrdem.meeting import may_fall_back
from hrdem.merging import merged
from hrdem.output import check_output
from hrdem.planning import Plan, PlannedSource, make_plan
from hrdem.progress import Progress, Step
from hrdem.report import Result, stac_item, stac_path, tags
from hrdem.request import Align, Request
from hrdem.sources.cog import CogFile
from hrdem.sources.gdal import GdalFile, check_gdal_file
from hrdem.statistics import Statistics
from hrdem.tiff import Storage
from hrdem.warp import warped
from hrdem.wcs.coverage import WcsCoverage
from hrdem.wcs.pieces import usual_cache
from hrdem.write import Format, GeoTiffWriter

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Writing:
    """How an output is written.

    Attributes:
        output: Path of the file.
        layout: Layout of the file.
        overwrite: Whether an existing file may be replaced.
        max_memory: Bytes that the process may take at its peak.
        cache: Folder of what is kept for another run; None for the usual one.
        on_progress: Called whenever a tile of the output is written.
    """

    output: Path
    layout: Format = Format.GTIFF
    overwrite: bool = False
    max_memory: int = USUAL_MEMORY
    cache: Path | None = None
    on_progress: OnProgress = lambda progress: None


def extract(request: Request, http: Http, writing: Writing) -> Result:
    """Plan a request and carry it out.

    A COG that turns out to be broken while it is read gives way to the WCS, if the request leaves
    that open: then all is planned anew, and read from the beginning.

    Raises:
        HrdemError: As `make_plan` and `run` do.
    """
    broken: dict[str, NetworkError] = {}
    while True:
        plan = make_plan(request, http, broken)
        try:
            return run(plan, http, writing)
        except NetworkError as exc:
            of_wcs = {s.name for s in plan.sources if isinstance(s.file, WcsCoverage)}
            if exc.source is None or exc.source in of_wcs or not may_fall_back(request):
                raise
            broken[exc.source] = exc


def run(plan: Plan, http: Http, writing: Writing) -> Result:
    """Carry out a plan.

    Args:
        plan: What to read.
        http: Client to read with.
        writing: How the output is written.

    Raises:
        NoDataError: If not one pixel of the area holds data; nothing is written then.
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If the output cannot be written.
    """
    started = time.monotonic()
    output = writing.output
    check_output(stac_path(output), writing.overwrite)
    steps = _steps(plan, http, writing)
    tally = None
    with _writer(plan, plan.grid, writing) as writer, contextlib.closing(steps):
        for step in steps:
            if step.tile is not None:
                writer.write(step.column, step.row, step.tile)
            tally = step.tally if tally is None else tally + step.tally
            writing.on_progress(Progress(tally.pixels, _all_pixels(plan), tally.received))
        assert tally is not None
        if not (tally.statistics.valid if tally.statistics else tally.present):
            raise _all_nodata(plan)
        _check_unchanged(plan, http)
        item = json.dumps(
            stac_item(plan, tally.statistics, output), indent=2, ensure_ascii=False, allow_nan=False
        )
        writer.commit(tally.statistics, tags(plan), (stac_path(output), f"{item}\n"))
    for source in plan.sources:
        if isinstance(source.file, WcsCoverage):
            source.file.kept(_cache(writing)).forget(source.window)
    by_source = None
    if tally.statistics:
        owned = dict(zip((source.name for source in plan.ranked), tally.owned, strict=True))
        by_source = {source.name: owned[source.name] for source in plan.sources}
    return Result(
        output=output,
        plan=plan,
        statistics=tally.statistics,
        pixels_by_source=by_source,
        received=tally.received,
        seconds=time.monotonic() - started,
    )


def _cache(writing: Writing) -> Path:
    return writing.cache or usual_cache()


def _writer(plan: Plan, grid: Grid, writing: Writing) -> GeoTiffWriter:
    return GeoTiffWriter(
        writing.output,
        grid,
        plan.nodata,
        _storage(plan),
        plan.request.product,
        writing.layout,
        writing.overwrite,
    )


def _all_pixels(plan: Plan) -> int:
    """Pixels that a run works on: those that are merged, and those that are made of them."""
    return plan.grid.window.pixels + (plan.native.window.pixels if plan.resampled else 0)


def _steps(plan: Plan, http: Http, writing: Writing) -> Generator[Step]:
    if plan.request.align is Align.BLOCKS:
        return copied(plan, http, writing.max_memory)
    if plan.resampled:
        return _resampled(plan, http, writing)
    return merged(plan, http, writing.max_memory, _cache(writing))


def _resampled(plan: Plan, http: Http, writing: Writing) -> Generator[Step]:
    """Merge into a hidden file beside the output, then warp that.

    The first steps have no tile: they tell only what was read.
    """
    assert plan.nodata is not None
    with _writer(plan, plan.native, writing) as writer:
        with contextlib.closing(merged(plan, http, writing.max_memory, _cache(writing))) as merging:
            for step in merging:
                assert step.tile is not None
                writer.write(step.column, step.row, step.tile)
                read = replace(step.tally, present=0, statistics=Statistics())
                yield replace(step, tile=None, tally=read)
        nobody = (0,) * len(plan.sources)
        steps = warped(
            writer.finished(), plan.grid, plan.request.resampling, _storage(plan), plan.nodata
        )
        with contextlib.closing(steps):
            for step in steps:
                yield replace(step, tally=replace(step.tally, owned=nobody))


def _storage(plan: Plan) -> Storage:
    if plan.request.align is Align.BLOCKS:
        (source,) = plan.sources
        assert isinstance(source.file, CogFile)
        return source.file.header.storage(source.file.header.levels[0])
    return storage_of(plan.dtype)


def _check_unchanged(plan: Plan, http: Http) -> None:
    """Compare versions at the end, unless each part that came was compared."""
    for source in plan.sources:
        match source.file:
            case GdalFile() as file:
                check_gdal_file(file, http)
            case CogFile() as file if not file.version.pinned:
                check_unchanged(file.url, file.version, http)
            case WcsCoverage() if source.items:
                _check_items(source, plan, http)


def _check_items(source: PlannedSource, plan: Plan, http: Http) -> None:
    """Compare what the catalogue says of items: a WCS tells no version."""
    request = plan.request
    area = request.aoi.widened(plan.area)
    now = items_near(area, request.collection, request.stac_url, http)
    updated = {item.id: item.updated for item in now}
    for item in source.items:
        if updated.get(item.id) != item.updated:
            raise SourceChangedError(
                f"{item.id} was published again while it was being read through the WCS: it was "
                f"of {item.updated or 'no date'}, now it is of {updated.get(item.id) or 'no date'}."
                " Nothing was written; run the same command again to read the new version."
            )


def _all_nodata(plan: Plan) -> NoDataError:
    items = ", ".join(source.name for source in plan.sources)
    return NoDataError(
        f"The collection {plan.request.collection.id} has not one valid pixel in the box "
        f"{plan.request.aoi.text}: {items} were read and hold nodata there, as over water or "
        "where no survey was flown. Nothing was written. Try another --collection: 30m covers "
        "all of Canada."
    )

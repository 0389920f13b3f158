"""From a plan to a file: its tiles are read, written, and told about."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Generator
from pathlib import Path

from hrdem.budget import USUAL_MEMORY
from hrdem.copying import copied
from hrdem.encode import storage_of
from hrdem.errors import NoDataError
from hrdem.http.client import Http
from hrdem.http.ranges import check_unchanged
from hrdem.merging import merged
from hrdem.output import check_output
from hrdem.planning import Plan, RasterFile
from hrdem.progress import Progress, Step
from hrdem.report import Result, stac_item, stac_path, tags
from hrdem.request import Align
from hrdem.sources.cog import CogFile
from hrdem.sources.gdal import GdalFile, check_gdal_file
from hrdem.tiff import Storage
from hrdem.write import Format, GeoTiffWriter

OnProgress = Callable[[Progress], None]


def run(
    plan: Plan,
    output: Path,
    http: Http,
    *,
    layout: Format = Format.GTIFF,
    overwrite: bool = False,
    max_memory: int = USUAL_MEMORY,
    on_progress: OnProgress = lambda progress: None,
) -> Result:
    """Carry out a plan.

    Args:
        plan: What to read.
        output: Path of the file to write.
        http: Client to read with.
        layout: Layout of the file.
        overwrite: Whether an existing file may be replaced.
        max_memory: Bytes that the process may take at its peak.
        on_progress: Called whenever a tile of the output is written.

    Raises:
        NoDataError: If not one pixel of the area holds data; nothing is written then.
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If the output cannot be written.
    """
    started = time.monotonic()
    check_output(stac_path(output), overwrite)
    steps = _steps(plan, http, max_memory)
    tally = None
    with (
        GeoTiffWriter(
            output, plan.grid, plan.nodata, _storage(plan), plan.request.product, layout, overwrite
        ) as writer,
        contextlib.closing(steps),
    ):
        for step in steps:
            if step.tile is not None:
                writer.write(step.column, step.row, step.tile)
            tally = step.tally if tally is None else tally + step.tally
            on_progress(Progress(tally.pixels, plan.grid.window.pixels, tally.received))
        assert tally is not None
        if not (tally.statistics.valid if tally.statistics else tally.present):
            raise _all_nodata(plan)
        for source in plan.sources:
            _check_unchanged(source.file, http)
        item = json.dumps(
            stac_item(plan, tally.statistics, output), indent=2, ensure_ascii=False, allow_nan=False
        )
        writer.commit(tally.statistics, tags(plan), (stac_path(output), f"{item}\n"))
    ranks = {source.item.id: rank for rank, source in enumerate(plan.ranked)}
    by_item = None
    if tally.statistics:
        by_item = {source.item.id: tally.owned[ranks[source.item.id]] for source in plan.sources}
    return Result(
        output=output,
        plan=plan,
        statistics=tally.statistics,
        pixels_by_item=by_item,
        received=tally.received,
        seconds=time.monotonic() - started,
    )


def _steps(plan: Plan, http: Http, max_memory: int) -> Generator[Step]:
    if plan.request.align is Align.BLOCKS:
        return copied(plan, http, max_memory)
    return merged(plan, http, max_memory)


def _storage(plan: Plan) -> Storage:
    if plan.request.align is Align.BLOCKS:
        (source,) = plan.sources
        assert isinstance(source.file, CogFile)
        return source.file.header.storage(source.file.header.levels[0])
    return storage_of(plan.dtype)


def _check_unchanged(file: RasterFile, http: Http) -> None:
    """Compare versions at the end, unless each part that came was compared."""
    match file:
        case GdalFile():
            check_gdal_file(file, http)
        case CogFile() if not file.version.pinned:
            check_unchanged(file.url, file.version, http)


def _all_nodata(plan: Plan) -> NoDataError:
    items = ", ".join(source.item.id for source in plan.sources)
    return NoDataError(
        f"The collection {plan.request.collection.id} has not one valid pixel in the box "
        f"{plan.request.aoi.text}: {items} were read and hold nodata there, as over water or "
        "where no survey was flown. Nothing was written. Try another --collection: 30m covers "
        "all of Canada."
    )

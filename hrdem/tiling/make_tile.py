"""Make one tile: cut the plan, run it, store the raster, then the item that commits it."""

from __future__ import annotations

import json
import time
from typing import Any

from hrdem.errors import NoDataError, RequestError
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from hrdem.output.provenance import describe_footprint, format_now, get_stac_path
from hrdem.planning.cut_plan import cut_plan
from hrdem.tiling.index.collection import add_collection_links
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.journal import JobReplacedError, check_job, commit_item
from hrdem.tiling.output_store import ITEM_SUFFIX, OutputStore
from hrdem.tiling.task import OutcomeState, TileOutcome


def make_tile(job: Job, tile: Tile, store: OutputStore, context: RunContext) -> TileOutcome:
    """Make a tile and commit it to a store.

    The rasters are stored first, then their STAC item with the hash of the job: a tile without an
    item is not made. One without a valid pixel gets an item without a raster.

    Args:
        job: The job.
        tile: One of its tiles.
        store: Where its files are written.
        context: Client, cache folder and memory limit.

    Raises:
        JobReplacedError: If another job took the place of this one in the store.
        HrdemError: As `hrdem.jobs.extract.run_plan` does, except for `NoDataError`.
    """
    began, cpu = time.monotonic(), time.process_time()
    throttled, cached = context.http.throttled_count, context.http.cached_bytes
    written, read = 0, 0
    plan = cut_plan(job.plan, tile.window, tile.aoi)
    assert plan is not None  # a tile has sources
    files = job.list_files(tile.name)
    try:
        with store.write_file(*files) as path:
            chosen = job.options
            options = OutputOptions(
                path,
                chosen.layout,
                compress=chosen.compress,
                predictor=chosen.predictor,
                overviews=chosen.overviews,
            )
            result = run_plan(plan, context, options)
            _check_shift_grid(job, result.shift_grid.sha256 if result.shift_grid else "")
            read = result.received_bytes or 0
            written = sum(path.with_name(name).stat().st_size for name in files)
            item = json.loads(get_stac_path(path).read_bytes())
            check_job(job, store)
    except NoDataError:
        check_job(job, store)
        for name in files:
            store.remove(name)  # of a worker that was killed before its item
        item = _describe_empty(job, tile)
        read = tile.size  # all of it, in vain
    item["properties"] |= {
        "hrdem:job": job.sha256,
        "hrdem:tile": tile.name,
        "hrdem:key": tile.key,
    }
    add_collection_links(item, job)
    try:
        is_first = commit_item(job, store, tile.name, item)
    except JobReplacedError:  # the raster may have replaced that of the other job
        store.remove(f"{tile.name}{ITEM_SUFFIX}")  # which makes the tile again
        raise
    state = OutcomeState.DONE if item["assets"] else OutcomeState.EMPTY
    received, _ = context.split_bytes(read, cached)
    return TileOutcome(
        name=tile.name,
        state=state if is_first else OutcomeState.KEPT,
        received_bytes=received or 0,
        written_bytes=written,
        seconds=time.monotonic() - began,
        cpu_seconds=time.process_time() - cpu,
        throttled=context.http.throttled_count - throttled,
    )


def _check_shift_grid(job: Job, found: str) -> None:
    """Check that heights were shifted by the grid that the job was planned with."""
    if found != job.shift_grid_sha256:
        raise RequestError(
            f"The job shifts heights by the grid with the SHA-256 {job.shift_grid_sha256}, and "
            f"this machine has one with {found}. Give the same `vertical_grid` on all machines."
        )


def _describe_empty(job: Job, tile: Tile) -> dict[str, Any]:
    """Return the STAC 1.1 item of a tile without a valid pixel: it has no assets."""
    sources = (job.plan.sources[source] for source in tile.sources)
    newest = max(sources, key=lambda source: source.times).newest
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": tile.name,
        **describe_footprint(job.plan.grid.crop(tile.window)),
        "properties": {
            "title": f"{job.plan.request.product.title}, {tile.name}: no data",
            "datetime": (newest.datetime if newest else "") or format_now(),
            "created": format_now(),
            "hrdem:empty": True,
        },
        "links": [],
        "assets": {},
    }

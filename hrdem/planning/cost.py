"""Estimate download and disk use of a plan; enforce the download limit and free disk space."""

from __future__ import annotations

import contextlib
import logging
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrdem.errors import NotCachedError, OutputError, RequestError
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan
from hrdem.planning.shared import list_shared
from hrdem.request.advice import suggest_larger_pixels
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.threads import thread_pool

MAX_INDEX_THREADS = 8
MAX_STORED_RATIO = 1.5  # bytes in a file per byte of pixels: LZW makes noise larger
_CACHE_MARGIN = 1.1  # bytes in the cache per byte that is fetched, with indexes and blocks of disks
OUTPUT_RATIO = 0.6  # bytes in an output per byte of valid pixels: about half, with a margin
UNKNOWN_FREE_BYTES = 1 << 62  # more than any plan needs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SourceCost:
    """The amount of data that is read from one source.

    Attributes:
        source: The source.
        pixels: Number of pixels.
        tiles: Number of stored tiles; None where GDAL or a WCS reads them, which do not report it.
        size: Bytes of the tiles; of other sources, bytes of the uncompressed pixels.
        missing: Bytes of these that the cache does not have.
    """

    source: PlannedSource
    pixels: int
    tiles: int | None
    size: int
    missing: int


def measure_costs(plan: Plan, http: Http, cache: Path | None = None) -> list[SourceCost]:
    """Measure what is read from each source of a plan, in its order, from the tile indexes.

    Args:
        plan: Plan to measure.
        http: HTTP client, for tile indexes.
        cache: Cache folder, to look for pieces of coverages; None to count none.

    Raises:
        NotCachedError: If a tile index is not in the cache, offline.
        NetworkError: If a tile index cannot be read.
        SourceChangedError: If a file changed since the plan was made.
    """
    return _measure_costs(plan.mosaics, http, cache)


def _measure_costs(mosaics: Sequence[Mosaic], http: Http, cache: Path | None) -> list[SourceCost]:
    pairs = [(source, mosaic) for mosaic in mosaics for source in mosaic.sources]
    with thread_pool(MAX_INDEX_THREADS, "cost") as pool:
        return list(pool.map(lambda pair: _measure_cost(pair[0], pair[1], http, cache), pairs))


def _measure_cost(
    source: PlannedSource, mosaic: Mosaic, http: Http, cache: Path | None
) -> SourceCost:
    needed = source.file.needed(source.src_window, mosaic.region, http, cache)
    return SourceCost(source, needed.pixels, needed.tiles, needed.size, needed.missing)


def check_cost(plan: Plan, context: RunContext, output: Path | None, copies: int) -> None:
    """Check that a plan stays within the download limit and the free disk space; `check_costs`."""
    check_costs([plan], context, output, copies)


def check_costs(
    plans: Sequence[Plan], context: RunContext, output: Path | None, copies: int
) -> None:
    """Check that plans of one area stay within the download limit and the free disk space.

    A warning is logged if they need more than the cache may hold. A mosaic that they share counts
    once.

    Tile indexes are read only if the largest possible cost is too high, or offline. What the cache
    lacks of a tier after the first is found when it is read: only the pixels are that the tiers
    before it leave empty.

    Args:
        plans: Plans to check.
        context: HTTP client, for tile indexes, cache folder and download limit.
        output: Path of an output; None for an array, whose mosaics are temporary files.
        copies: Number of copies of each output that are on the disk at the same time.

    Raises:
        NotCachedError: If something is not in the cache, offline.
        RequestError: If they exceed the download limit.
        OutputError: If the disk lacks space.
    """
    http, max_download = context.http, context.max_download
    remaining = None if max_download is None else max_download - context.received_bytes
    plan, needed = plans[0], [shared.mosaic for shared in list_shared(plans)]
    itemsize = max(map(_itemsize, plans))
    blocks = (
        source.src_window.expand_to_blocks(*source.block)
        for mosaic in needed
        for source in mosaic.sources
    )
    max_fetched = sum(window.pixels for window in blocks) * itemsize * MAX_STORED_RATIO
    folder = Path(tempfile.gettempdir()) if output is None else output.parent
    free = free_disk_bytes(folder)
    written = sum(_count_uncompressed_bytes(each, copies) for each in plans)
    limits = [limit for limit in (remaining, http.max_cache or None) if limit is not None]
    within_limits = all(max_fetched <= limit for limit in limits)
    if within_limits and not http.offline and written + max_fetched <= free:
        return
    if http.offline:
        first = {id(mosaic) for each in plans for mosaic in each.tiers[0].mosaics}
        needed = [mosaic for mosaic in needed if id(mosaic) in first]
    costs = _measure_costs(needed, http, context.cache)
    if http.offline:
        _check_cached(costs)
    missing = sum(cost.missing for cost in costs)
    if remaining is not None and missing > remaining:
        raise _download_error(plan, costs, missing, context)
    valid_share = min(1.0, sum(cost.pixels for cost in costs) / max(plan.grid.window.pixels, 1))
    written = int(written * OUTPUT_RATIO * valid_share)
    shares_disk = http.max_cache is not None and _is_same_disk(folder, context.cache)
    cached = missing if shares_disk else 0
    if written + cached > free:
        raise _space_error(plan, output, folder, written, cached, free)
    _warn_of_small_cache(costs, http)


def _check_cached(costs: Sequence[SourceCost]) -> None:
    incomplete = [cost for cost in costs if cost.missing and cost.tiles is not None]
    if incomplete:
        parts = "; ".join(
            f"{format_size(cost.missing)} of the {format_size(cost.size)} that the area needs of "
            f"{cost.source.url}"
            for cost in incomplete
        )
        raise NotCachedError(
            f"The cache lacks {parts}. Run the same command once without `offline`."
        )


def _warn_of_small_cache(costs: Sequence[SourceCost], http: Http) -> None:
    """Warn if the cache cannot hold what the tiles of a plan take, unless it is to hold nothing."""
    size = sum(cost.size for cost in costs if cost.tiles is not None)
    if http.max_cache and size > http.max_cache and not http.offline:
        log.warning(
            "The area needs %s, and the cache holds at most %s: if the run is interrupted, it may "
            "have to fetch them again. `max_cache` of %s keeps them.",
            format_size(size),
            format_size(http.max_cache),
            format_size(round(size * _CACHE_MARGIN)),
        )


def _download_error(
    plan: Plan, costs: Sequence[SourceCost], missing: int, context: RunContext
) -> RequestError:
    assert context.max_download is not None
    size = sum(cost.size for cost in costs)
    ways = ["a larger `max_download`"]
    if plan.request.sampling is None:  # else area and level are those of a product
        ways.append("a smaller area")
        if plan.request.resampling.takes_overviews and any(map(_has_overview, plan.sources)):
            ways.append(f"{suggest_larger_pixels(plan.request)}, which reads overviews")
    received = context.received_bytes
    before = f" after {format_size(received)} before it" if received else ""
    cached = f", of which the cache has {format_size(size - missing)}" if size > missing else ""
    return RequestError(
        f"{_describe_costs(plan, costs)}{format_size(size)}{cached}; {format_size(missing)} would "
        f"have to be fetched{before}, and `max_download` allows "
        f"{format_size(context.max_download)}. Give "
        f"{_join_ways(ways)}."
    )


def _has_overview(source: PlannedSource) -> bool:
    """Whether a source has a coarser level than the one that is read."""
    coarsest = next(iter(source.file.levels(math.inf)))
    return coarsest.grid.resolution > source.grid.resolution


def _join_ways(ways: Sequence[str]) -> str:
    if len(ways) == 1:
        return ways[0]
    return f"{', '.join(ways[:-1])}{',' if len(ways) > 2 else ''} or {ways[-1]}"


def _space_error(
    plan: Plan, output: Path | None, folder: Path, written: int, cached: int, free: int
) -> OutputError:
    grid = plan.grid
    cache = f", and the cache {format_size(cached)} on the same disk" if cached else ""
    uncached = ["`no_cache`"] if cached and written <= free else []
    ways = [*uncached, "a smaller area", suggest_larger_pixels(plan.request)]
    what, elsewhere = "array", ", or TMPDIR another folder"
    if plan.request.sampling is not None:
        ways, what, elsewhere = [*uncached, "TMPDIR another folder"], "merged source", ""
    elif output is not None:
        what, elsewhere = "output", ""
        ways.insert(0, "another `output`")
    return OutputError(
        f"The {what} of {grid.width} x {grid.height} pixels takes about {format_size(written)} "
        f"while it is made{cache}, and the disk of {folder} has {format_size(free)} free. Make "
        f"room, or give {_join_ways(ways)}{elsewhere}."
    )


def _describe_costs(plan: Plan, costs: Sequence[SourceCost]) -> str:
    grid, files = plan.grid, len({cost.source.url for cost in costs})
    tiles = [cost.tiles for cost in costs if cost.tiles is not None]
    named = "one file" if files == 1 else f"{files} files"
    stored = f"{sum(tiles):,} tiles of {named}, " if len(tiles) == len(costs) else "about "
    return f"The area's {grid.width} x {grid.height} pixels come from {stored}"


def _count_uncompressed_bytes(plan: Plan, copies: int) -> int:
    """Count the bytes of all pixels that are on the disk at the same time."""
    layers = len(plan.request.source_layers) + (2 if plan.flights else 0)  # bytes of a pixel
    size = plan.grid.window.pixels * (_itemsize(plan) + layers)
    staged = sum(mosaic.grid.window.pixels for mosaic in plan.staged_mosaics)
    return size * copies + staged * _itemsize(plan)


def _itemsize(plan: Plan) -> int:
    return max(np.dtype(kind).itemsize for kind in (plan.dtype, *(m.dtype for m in plan.mosaics)))


def free_disk_bytes(folder: Path) -> int:
    """Return the free bytes of the disk of a folder; `UNKNOWN_FREE_BYTES` if not reported."""
    with contextlib.suppress(OSError):
        total, _, free = shutil.disk_usage(folder)
        return free if total else UNKNOWN_FREE_BYTES  # not a disk
    return UNKNOWN_FREE_BYTES


def _is_same_disk(one: Path, other: Path) -> bool:
    """Whether two folders are on one disk; the second may not exist yet."""
    while not other.exists() and other != other.parent:
        other = other.parent
    with contextlib.suppress(OSError):
        return one.stat().st_dev == other.stat().st_dev
    return False

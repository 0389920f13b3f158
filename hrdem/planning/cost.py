"""What carrying out a plan takes: bytes to fetch, room on the disk; and whether that may be."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrdem.errors import NotCachedError, OutputError, RequestError
from hrdem.http.cache.client import CachingClient
from hrdem.http.protocol import Http
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.threads import thread_pool

_INDEXES_AT_ONCE = 8
_LARGEST_STORED = 1.5  # bytes in a file over those of its pixels; LZW makes noise larger
_PACKED = 0.6  # bytes in an output over those of its pixels that hold data: half, and some more


@dataclass(frozen=True, slots=True)
class SourceCost:
    """What is read of a source.

    Attributes:
        source: The source.
        pixels: How many.
        tiles: In how many tiles they are stored; None for what GDAL or a WCS reads, as they do not
            tell.
        size: Bytes of the tiles; for others about those of the pixels.
        lacking: Bytes of them that the cache does not have.
    """

    source: PlannedSource
    pixels: int
    tiles: int | None
    size: int
    lacking: int


def measure_costs(plan: Plan, http: Http, cache: Path | None = None) -> list[SourceCost]:
    """Tell what is read of each source of a plan, in its order, from the tile indexes.

    Args:
        plan: The plan.
        http: Client to read tile indexes with.
        cache: Folder of what is kept, to look for pieces of coverages in; None for none.

    Raises:
        NotCachedError: If an index is not in the cache, offline.
        NetworkError: If an index cannot be read.
        SourceChangedError: If a file changed since the plan was made.
    """
    read = [(source, mosaic) for mosaic in plan.mosaics for source in mosaic.sources]
    with thread_pool(_INDEXES_AT_ONCE, "need") as pool:
        return list(pool.map(lambda each: _need(each[0], each[1], http, cache), read))


def _need(source: PlannedSource, mosaic: Mosaic, http: Http, cache: Path | None) -> SourceCost:
    needed = source.file.needed(source.src_window, mosaic.region, http, cache)
    return SourceCost(source, needed.pixels, needed.tiles, needed.size, needed.missing)


def check_cost(
    plan: Plan, http: Http, output: Path, cache: Path, max_download: int | None, copies: int
) -> None:
    """Make sure that a plan can be carried out here, before anything of it is.

    Args:
        plan: The plan.
        http: Client to read tile indexes with.
        output: Path of the output.
        cache: Folder of what is kept.
        max_download: Most bytes to fetch; None for any number.
        copies: How often the pixels of the output are on the disk at a time.

    Raises:
        NotCachedError: If something of it is not in the cache, offline.
        RequestError: If more would have to be fetched.
        OutputError: If the disk has no room for it.
    """
    offline = isinstance(http, CachingClient) and http.offline
    whole = (source.src_window.expand_to_blocks(*source.block) for source in plan.sources)
    most = sum(blocks.pixels for blocks in whole) * _itemsize(plan) * _LARGEST_STORED
    room = _free(output.parent)
    written = _written(plan, copies)
    small = max_download is None or most <= max_download
    if small and not offline and written + most <= room:
        return
    needs = measure_costs(plan, http, cache)
    if offline:
        _check_kept(needs)
    lacking = sum(need.lacking for need in needs)
    if max_download is not None and lacking > max_download:
        raise _too_much(plan, needs, lacking, max_download)
    share = min(1.0, sum(need.pixels for need in needs) / max(plan.grid.window.pixels, 1))
    written = int(written * _PACKED * share)
    kept = lacking if isinstance(http, CachingClient) and _same_disk(output.parent, cache) else 0
    if written + kept > room:
        raise _no_room(plan, output, written, kept, room)


def _check_kept(needs: Sequence[SourceCost]) -> None:
    missing = [need for need in needs if need.lacking and need.tiles is not None]
    if missing:
        told = "; ".join(
            f"{format_size(need.lacking)} of the {format_size(need.size)} that the area needs of "
            f"{need.source.url}"
            for need in missing
        )
        raise NotCachedError(
            f"The cache lacks {told}. Run the same command once without --offline."
        )


def _too_much(plan: Plan, needs: Sequence[SourceCost], lacking: int, allowed: int) -> RequestError:
    size = sum(need.size for need in needs)
    kept = f", of which the cache has {format_size(size - lacking)}" if size > lacking else ""
    return RequestError(
        f"{_figures(plan, needs)}{format_size(size)}{kept}; {format_size(lacking)} would have to "
        f"be fetched, and --max-download allows {format_size(allowed)}. Give a larger "
        "--max-download, a smaller area, or a coarser --resolution, which reads overviews."
    )


def _no_room(plan: Plan, output: Path, written: int, kept: int, room: int) -> OutputError:
    grid = plan.grid
    also = f", and the cache {format_size(kept)} on the same disk" if kept else ""
    way = "--no-cache, " if kept and written <= room else ""
    return OutputError(
        f"The output of {grid.width} x {grid.height} pixels takes about {format_size(written)} "
        f"while it is made{also}, and the disk of {output.parent} has {format_size(room)} free. "
        f"Make room, or give another -o, {way}a smaller area, or a coarser --resolution."
    )


def _figures(plan: Plan, needs: Sequence[SourceCost]) -> str:
    grid, files = plan.grid, len({need.source.url for need in needs})
    tiles = [need.tiles for need in needs if need.tiles is not None]
    named = "one file" if files == 1 else f"{files} files"
    stored = f"{sum(tiles):,} tiles of {named}, " if len(tiles) == len(needs) else "about "
    return f"The area's {grid.width} x {grid.height} pixels come from {stored}"


def _written(plan: Plan, copies: int) -> int:
    """Bytes of all pixels that are on the disk at a time, before compression."""
    size = plan.grid.window.pixels * _itemsize(plan) * (2 if plan.request.source_band else 1)
    merged_first = plan.mosaics if plan.unprocessed is None else []
    staged = sum(mosaic.grid.window.pixels for mosaic in merged_first)
    return size * copies + staged * _itemsize(plan)


def _itemsize(plan: Plan) -> int:
    return max(np.dtype(kind).itemsize for kind in (plan.dtype, *(m.dtype for m in plan.mosaics)))


def _free(folder: Path) -> int:
    """Bytes that are free on the disk of a folder; more than anything needs if it does not tell."""
    with contextlib.suppress(OSError):
        total, _, free = shutil.disk_usage(folder)
        return free if total else 1 << 62  # no disk
    return 1 << 62


def _same_disk(one: Path, other: Path) -> bool:
    """Whether two folders, of which the second may have to be made, lie on one disk."""
    while not other.exists() and other != other.parent:
        other = other.parent
    with contextlib.suppress(OSError):
        return one.stat().st_dev == other.stat().st_dev
    return False

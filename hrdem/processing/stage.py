"""Staging: mosaics are merged into local files first, and the output is computed from those."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio.features
import shapely
from affine import Affine

from hrdem.geo.grid import Window
from hrdem.http.protocol import Http
from hrdem.planning.mosaic import Mosaic
from hrdem.planning.plan import Plan
from hrdem.processing.compose import StagedMosaic, compose_tiles
from hrdem.processing.derive import select_derivation
from hrdem.processing.finish import TileFinisher
from hrdem.processing.mask import AoiMask
from hrdem.processing.merge import merge_tiles
from hrdem.processing.progress import TileResult, TileStats
from hrdem.processing.statistics import Statistics
from hrdem.processing.vertical.shift_grid import ShiftGrid
from hrdem.runtime.memory import resident_bytes, trim_allocator
from hrdem.tiff.encode import BLOCK, choose_tile_format


class StageFile(Protocol):
    """A local raster that a mosaic is merged into, tile by tile."""

    def write(self, column: int, row: int, tile: bytes | memoryview, band: int = 0) -> None:
        """Write a compressed tile, counted in tiles."""
        ...

    def finished(self) -> Path:
        """Finish the raster and return its path."""
        ...


OpenStage = Callable[[Mosaic], AbstractContextManager[StageFile]]
"""Opens the file of a mosaic: heights, and the number of the source if it has several."""


def stage_and_compose(
    plan: Plan,
    window: Window,
    shifts: ShiftGrid | None,
    finish: TileFinisher,
    http: Http,
    open_stage: OpenStage,
    max_memory: int,
    cache: Path,
) -> Generator[TileResult]:
    """Merge the mosaics of a plan into local files, then compute the output from them.

    The first steps have no tiles: they report what was read. A tier is read only around the pixels
    that the tiers before it leave empty.

    Args:
        plan: What to read.
        window: Blocks of the output.
        shifts: What to add to heights; None for nothing.
        finish: How blocks become tiles.
        http: Client to read with.
        open_stage: Opens the file of a mosaic.
        max_memory: Bytes that the process may take at its peak.
        cache: Folder of the download cache.
    """
    derive = select_derivation(plan, shifts)
    stages: list[list[StagedMosaic]] = []
    number = 1
    empty: shapely.Geometry | None = (
        None  # what the tiers so far leave empty; None before the first
    )
    with contextlib.ExitStack() as stack:
        for tier in plan.tiers:
            if empty is not None and empty.is_empty:
                pixels = sum(mosaic.grid.window.pixels for mosaic in tier.mosaics)
                yield TileResult(0, 0, (), TileStats(pixels, 0, 0, Statistics(), ()))
                continue
            stages.append([])
            left = []
            for mosaic in tier.mosaics:
                needed = mosaic if empty is None else mosaic.restrict_to(empty)
                numbers = range(number, number + len(mosaic.sources))
                number = numbers.stop
                file = stack.enter_context(open_stage(mosaic))
                staging = _stage(needed, numbers, file, len(plan.sources), http, max_memory, cache)
                left.append((yield from staging))
                stages[-1].append(StagedMosaic(mosaic, file.finished(), numbers))
                trim_allocator()
            empty = shapely.union_all(left)
        with contextlib.closing(compose_tiles(plan, window, stages, derive, finish)) as steps:
            yield from steps


def _stage(
    mosaic: Mosaic,
    numbers: Sequence[int],
    file: StageFile,
    sources: int,
    http: Http,
    max_memory: int,
    cache: Path,
) -> Generator[TileResult, None, shapely.Geometry]:
    """Merge a mosaic into a file; return the blocks in which it leaves a pixel empty."""
    assert mosaic.nodata is not None
    finish = TileFinisher.of(
        choose_tile_format(mosaic.dtype),
        mosaic.nodata,
        sources,
        AoiMask.of(mosaic.region, mosaic.grid) if mosaic.region else None,
        source_band=len(numbers) > 1,
    )
    rows, columns = -(-mosaic.grid.height // BLOCK), -(-mosaic.grid.width // BLOCK)
    incomplete = np.zeros((rows, columns), np.uint8)
    blocks = mosaic.blocks
    skipped = mosaic.grid.window.pixels - (blocks.pixels if blocks else 0)
    yield TileResult(0, 0, (), TileStats(skipped, 0, 0, Statistics(), ()))
    if blocks is None:
        return shapely.MultiPolygon()
    steps = merge_tiles(
        mosaic, blocks, numbers, finish, http, (max_memory, resident_bytes()), cache
    )
    with contextlib.closing(steps):
        for step in steps:
            for band, tile in enumerate(step.tiles):
                file.write(step.column, step.row, tile, band)
            found = step.stats.statistics
            assert found is not None
            incomplete[step.row, step.column] = found.valid < found.pixels
            read = replace(step.stats, present=0, statistics=Statistics(), pixels_by_source=())
            yield replace(step, tiles=(), stats=read)
    if not incomplete.any():
        return shapely.MultiPolygon()
    (dx, dy), (left, _, _, top) = mosaic.grid.resolution, mosaic.grid.bounds
    lattice = Affine(BLOCK * dx, 0, left, 0, -BLOCK * dy, top)
    outlines = rasterio.features.shapes(incomplete, incomplete > 0, transform=lattice)
    return shapely.coverage_union_all([shapely.geometry.shape(each) for each, _ in outlines])

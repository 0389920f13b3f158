"""Stage mosaics: merge each into a local file, which outputs are then computed from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray

from hrdem.geo.grid import Grid
from hrdem.geo.mask import PolygonMask
from hrdem.http.run_context import RunContext
from hrdem.planning.mosaic import Mosaic
from hrdem.planning.plan import Plan
from hrdem.processing.finish import TileFinisher
from hrdem.processing.merge import merge_tiles
from hrdem.runtime.memory import measure_baseline, trim_allocator
from hrdem.runtime.progress import ProgressMeter
from hrdem.tiff.encode import BLOCK
from hrdem.tiff.write_ifd import TileFormat


class StageFile(Protocol):
    """A local raster that a mosaic is merged into, tile by tile."""

    @property
    def tile_format(self) -> TileFormat:
        """Compression and layout of tiles."""
        ...

    @property
    def band_count(self) -> int:
        """Number of bands: heights, and source ids if there are two."""
        ...

    def write(self, column: int, row: int, tile: bytes | memoryview, band: int = 0) -> None:
        """Write a compressed tile; column and row are counted in tiles."""
        ...

    def finish(self) -> Path:
        """Finish the raster and return its path."""
        ...


OpenStage = Callable[[Mosaic], AbstractContextManager[StageFile]]
"""Opens the file of a mosaic: heights, and a band of source ids if it is wanted."""


@dataclass(frozen=True, slots=True)
class StagedMosaic:
    """A mosaic that was merged into a local file.

    Attributes:
        mosaic: The mosaic.
        path: The file. A second band holds source ids, if they are wanted and the mosaic has
            several sources.
        extent: The area in EPSG:3979 outside of which it has no data.
        source_ids: Id of each source of the mosaic in the plan, in its order.
    """

    mosaic: Mosaic
    path: Path
    extent: shapely.Geometry
    source_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class StagedPlan:
    """The local files that the mosaics of a plan were merged into.

    Attributes:
        tiers: Those of each tier that was read.
        infinite: Number of infinite pixels of the sources.
    """

    tiers: tuple[tuple[StagedMosaic, ...], ...]
    infinite: int


@contextlib.contextmanager
def stage_mosaics(
    plan: Plan,
    context: RunContext,
    open_stage: OpenStage,
    meter: ProgressMeter,
) -> Generator[StagedPlan]:
    """Merge the mosaics of a plan into local files, which exist as long as the context lasts.

    A tier is read only around the pixels that the tiers before it leave empty.

    Args:
        plan: The plan.
        context: Client, cache folder and memory limit.
        open_stage: Opens the file of a mosaic.
        meter: Counts the pixels of mosaics that are merged.

    Raises:
        NetworkError: If a source cannot be read.
        SourceChangedError: If a source changed while it was read.
        OutputError: If a local file cannot be written.
    """
    tiers: list[tuple[StagedMosaic, ...]] = []
    next_id = 1
    infinite = 0
    empty: shapely.Geometry | None = None  # left empty by the tiers so far; None before the first
    with contextlib.ExitStack() as stack:
        for tier in plan.tiers:
            if empty is not None and empty.is_empty:
                meter.add(sum(mosaic.grid.window.pixels for mosaic in tier.mosaics), 0)
                continue
            stages = []
            gaps = []
            for mosaic in tier.mosaics:
                needed = mosaic if empty is None else mosaic.restrict_to(empty)
                source_ids = range(next_id, next_id + len(mosaic.sources))
                next_id = source_ids.stop
                file = stack.enter_context(open_stage(mosaic))
                done = _stage(needed, source_ids, file, len(plan.sources), context, meter)
                gaps.append(done.gaps)
                infinite += done.infinite
                stages.append(StagedMosaic(mosaic, file.finish(), done.extent, source_ids))
                trim_allocator()
            tiers.append(tuple(stages))
            empty = shapely.union_all(gaps)
        yield StagedPlan(tuple(tiers), infinite)


@dataclass(frozen=True, slots=True)
class _Stage:
    """What merging a mosaic into a file found.

    Attributes:
        extent: The blocks that have data.
        gaps: The needed blocks in which a pixel is left empty.
        infinite: Number of infinite pixels.
    """

    extent: shapely.Geometry
    gaps: shapely.Geometry
    infinite: int


def _stage(
    mosaic: Mosaic,
    source_ids: Sequence[int],
    file: StageFile,
    sources: int,
    context: RunContext,
    meter: ProgressMeter,
) -> _Stage:
    """Merge a mosaic into a file."""
    assert mosaic.nodata is not None
    mask = None
    if mosaic.region is not None:
        mask = PolygonMask.of(mosaic.region.geometry, mosaic.grid.crs, mosaic.grid)
    finisher = TileFinisher(
        file.tile_format,
        mosaic.nodata,
        sources,
        mask,
        source_bands=file.band_count - 1,
    )
    blocks = finisher.find_blocks(mosaic.grid.window)
    has_data, is_complete = np.zeros((2, *blocks.chosen.shape), np.bool_)
    meter.add(mosaic.grid.window.pixels - blocks.pixels, 0)  # not needed
    left = blocks.pixels
    infinite = 0
    merged = merge_tiles(mosaic, blocks, source_ids, finisher, context, measure_baseline())
    with contextlib.closing(merged) as results:
        for result in results:
            for band, tile in enumerate(result.tiles):
                file.write(result.column, result.row, tile, band)
            statistics = result.stats.statistics
            assert statistics is not None
            place = result.row, result.column
            has_data[place] = statistics.valid > 0
            is_complete[place] = statistics.valid == statistics.pixels
            infinite += result.stats.infinite
            left -= result.stats.pixels
            meter.add(result.stats.pixels, result.received_bytes)
    meter.add(left, 0)
    return _Stage(
        extent=_outline_blocks(has_data, mosaic.grid),
        gaps=_outline_blocks(blocks.chosen & ~is_complete, mosaic.grid),
        infinite=infinite,
    )


def _outline_blocks(chosen: NDArray[np.bool_], grid: Grid) -> shapely.Geometry:
    """Return the union of some blocks of a grid, array of shape (rows, columns)."""
    (dx, dy), (left, _, _, top) = grid.resolution, grid.bounds
    lattice = Affine(BLOCK * dx, 0, left, 0, -BLOCK * dy, top)
    found = rasterio.features.shapes(chosen.astype(np.uint8), chosen, transform=lattice)
    return shapely.coverage_union_all([shapely.geometry.shape(outline) for outline, _ in found])

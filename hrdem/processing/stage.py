"""Stage mosaics: merge each into a local file, which outputs are then computed from."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray

from hrdem.geo.grid import Grid
from hrdem.geo.mask import PolygonMask
from hrdem.geo.prepared import PreparedGeometry
from hrdem.http.run_context import RunContext
from hrdem.planning.mosaic import Mosaic
from hrdem.planning.plan import Plan, Tier
from hrdem.planning.shared import SharedMosaic, find_tier, list_collections, share_mosaics
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
        merged: What the file holds: the mosaic, or a wider one with the same sources there.
        path: The file. A second band numbers the sources of what it holds from 1, if that is wanted
            and there are several.
        extent: The area in EPSG:3979 outside of which it has no data.
        source_ids: Id of each source of the mosaic in the plan, in its order.
    """

    mosaic: Mosaic
    merged: Mosaic
    path: Path
    extent: shapely.Geometry
    source_ids: Sequence[int]

    @property
    def ids_by_number(self) -> NDArray[np.uint8]:
        """Id in the plan by number in the second band; 0 for none, and for sources beyond it."""
        names = (source.name for source in self.mosaic.sources)
        ids = dict(zip(names, self.source_ids, strict=True))
        return np.array([0, *(ids.get(each.name, 0) for each in self.merged.sources)], np.uint8)


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
    with stage_plans([plan], context, open_stage, meter) as (staged,):
        yield staged


@contextlib.contextmanager
def stage_plans(
    plans: Sequence[Plan],
    context: RunContext,
    open_stage: OpenStage,
    meter: ProgressMeter,
) -> Generator[list[StagedPlan]]:
    """Do the same for several plans of one area; a mosaic that they share is merged once.

    Args:
        plans: The plans.
        context: Client, cache folder and memory limit.
        open_stage: Opens the file of a mosaic.
        meter: Counts the pixels of mosaics that are merged.

    Raises:
        HrdemError: As `stage_mosaics` does.
    """
    tiers: list[list[tuple[StagedMosaic, ...]]] = [[] for _ in plans]
    infinite = [0] * len(plans)
    numbers = [itertools.count(1) for _ in plans]
    # left empty by the tiers of each plan so far; None before the first
    empty: list[shapely.Geometry | None] = [None] * len(plans)
    with contextlib.ExitStack() as stack:
        for collection in list_collections(plans):
            found = [find_tier(plan, collection) for plan in plans]
            wanted = [
                None if left is not None and left.is_empty else tier
                for tier, left in zip(found, empty, strict=True)
            ]
            to_read = share_mosaics(wanted)
            meter.add(_count_pixels(share_mosaics(found)) - _count_pixels(to_read), 0)
            stages: dict[tuple[int, int], tuple[Mosaic, Path, _Stage]] = {}
            for shared in to_read:
                needed = _restrict(shared, wanted, empty)
                file = stack.enter_context(open_stage(shared.mosaic))
                done = _stage(needed, file, context, meter)
                stages |= dict.fromkeys(shared.uses, (shared.mosaic, file.finish(), done))
                trim_allocator()
            for number, tier in enumerate(wanted):
                if tier is None:
                    continue
                gaps = []
                made = []
                for index, mosaic in enumerate(tier.mosaics):
                    merged, path, done = stages[number, index]
                    ids = [next(numbers[number]) for _ in mosaic.sources]
                    made.append(StagedMosaic(mosaic, merged, path, done.extent, ids))
                    gaps.append(done.gaps)
                    infinite[number] += done.infinite
                tiers[number].append(tuple(made))
                empty[number] = shapely.union_all(gaps)
        yield [
            StagedPlan(tuple(found), count) for found, count in zip(tiers, infinite, strict=True)
        ]


def _count_pixels(shared: Sequence[SharedMosaic]) -> int:
    return sum(each.mosaic.grid.window.pixels for each in shared)


def _restrict(
    shared: SharedMosaic,
    tiers: Sequence[Tier | None],
    empty: Sequence[shapely.Geometry | None],
) -> Mosaic:
    """Return a mosaic with all that its uses need around what earlier tiers leave empty."""
    regions = []
    for number, index in shared.uses:
        tier, left = tiers[number], empty[number]
        assert tier is not None
        mosaic = tier.mosaics[index]
        needed = mosaic if left is None else mosaic.restrict_to(left)
        if needed.region is None:
            return replace(shared.mosaic, region=None)
        regions.append(needed.region)
    if len(regions) == 1:
        return replace(shared.mosaic, region=regions[0])
    union = shapely.union_all([region.geometry for region in regions])
    return replace(shared.mosaic, region=PreparedGeometry(union))


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
    file: StageFile,
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
        len(mosaic.sources),
        mask,
        source_format=file.tile_format if file.band_count > 1 else None,
    )
    blocks = finisher.find_blocks(mosaic.grid.window)
    has_data, is_complete = np.zeros((2, *blocks.chosen.shape), np.bool_)
    meter.add(mosaic.grid.window.pixels - blocks.pixels, 0)  # not needed
    left = blocks.pixels
    infinite = 0
    source_ids = range(1, len(mosaic.sources) + 1)
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

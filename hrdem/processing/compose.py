"""Compose the output from staged mosaics, block by block: tiers, products, vertical datums.

A pixel's value never depends on the block that computed it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.errors import NoDataError
from hrdem.geo.block_set import BlockSet
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid, Window
from hrdem.geo.mask import PolygonMask
from hrdem.geo.nodata import avoid_nodata
from hrdem.geo.transform import project_points
from hrdem.planning.plan import Plan
from hrdem.planning.precedence import rank_sources
from hrdem.processing.derive import Derive
from hrdem.processing.finish import SourceIds, TileFinisher
from hrdem.processing.stage import StagedMosaic, StagedPlan
from hrdem.processing.tiers import Layer, measure_seam, overlay
from hrdem.processing.tile_result import TierSeam, TileResult
from hrdem.processing.warp import AlignedRaster, WarpedRaster
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.tiff.encode import BLOCK

_COMPOSERS = min(4, os.cpu_count() or 1)  # threads; each holds a block and its inputs


def compose_tiles(
    plan: Plan,
    window: Window,
    staged: StagedPlan,
    derive: Derive,
    finisher: TileFinisher,
) -> Generator[TileResult]:
    """Compute the tiles of the output that can have data, and yield each once.

    The stats of the first tile count what merging found in the sources.

    Args:
        plan: The plan.
        window: Blocks of the output whose tiles are wanted.
        staged: The files that its mosaics were merged into.
        derive: Computes the product from heights.
        finisher: Makes tiles of blocks.

    Raises:
        OutputError: If a staged file cannot be read.
        NoDataError: If the output reaches where EPSG:3979 has no coordinates.
    """
    tiers = [[_StageReader.of(stage, plan) for stage in tier] for tier in staged.tiers]
    infinite = staged.infinite
    mask = finisher.mask

    def compose(dst_window: Window) -> TileResult:
        visible = np.ones((dst_window.height, dst_window.width), np.bool_)
        if mask is not None and len(tiers) > 1:
            visible = mask.rasterize(dst_window)
        layer, seams = _overlay_tiers(tiers, dst_window, visible, plan)
        product = derive(layer, dst_window)
        pixels = product.pixels.astype(plan.dtype, copy=False)
        pixels = np.where(product.valid, avoid_nodata(pixels, finisher.nodata), finisher.nodata)
        pixels = pixels.astype(plan.dtype, copy=False)
        ids = [np.where(product.valid, each, np.uint8(0)) for each in product.source_ids]
        return finisher.finish_block(dst_window, pixels, ids, received_bytes=0, seams=seams)

    with thread_pool(_COMPOSERS, "compose") as pool:
        blocks = _find_blocks(plan, window, staged, finisher)
        with contextlib.closing(map_in_order(pool, compose, blocks, 2 * _COMPOSERS)) as results:
            for tile in results:
                stats = replace(tile.stats, infinite=tile.stats.infinite + infinite)
                yield replace(tile, stats=stats)
                infinite = 0


def _find_blocks(
    plan: Plan,
    window: Window,
    staged: StagedPlan,
    finisher: TileFinisher,
) -> BlockSet:
    """Return the blocks that the area has a pixel in, and that data may reach."""
    wanted = finisher.find_blocks(window)
    around = [
        shapely.buffer(stage.extent, 1.5 * stage.mosaic.reach_m, join_style="mitre")
        for tier in staged.tiers
        for stage in tier
    ]
    try:
        reached = PolygonMask.of(shapely.union_all(around), NATIVE_CRS, plan.grid)
    except NoDataError:  # the data lie around a seam of the output's CRS
        return wanted
    return wanted & reached.find_blocks(window, BLOCK)


def _overlay_tiers(
    tiers: Sequence[Sequence[_StageReader]],
    dst_window: Window,
    visible: NDArray[np.bool_],
    plan: Plan,
) -> tuple[Layer, tuple[TierSeam, ...]]:
    """Read a window and its border from all tiers, overlay them, and measure their seams.

    Only visible pixels count for seams: those inside the area, and not below a finer tier.
    """
    bordered = dst_window.grown(plan.border)
    place = bordered.shifted(plan.place.column, plan.place.row)
    layers: list[Layer] = []
    for tier in tiers:
        layers.append(_subtract([reader.read(place) for reader in tier]))
        if layers[-1].valid.all():
            break
    within = dst_window.shifted(-bordered.column, -bordered.row)
    seams = [TierSeam()] * (len(plan.tiers) - 1)
    below = layers.pop()
    for number in reversed(range(len(layers))):
        hidden = np.logical_or.reduce([above.valid[within.slices] for above in layers[:number]])
        seams[number] = measure_seam(layers[number], below, visible & ~hidden, within, dst_window)
        below = overlay(layers[number], below, plan.feather)
    return below, tuple(seams)


def _subtract(surfaces: Sequence[Layer]) -> Layer:
    """Return the only surface, or the first minus the second."""
    if len(surfaces) == 1:
        return surfaces[0]
    upper, lower = surfaces
    valid = upper.valid & lower.valid
    dtype = np.result_type(upper.pixels, lower.pixels, np.float32)
    pixels = np.zeros(valid.shape, dtype)
    np.subtract(upper.pixels, lower.pixels, where=valid, out=pixels, dtype=dtype)
    ids = [np.where(valid, each.source_ids[0], np.uint8(0)) for each in surfaces]
    return Layer(pixels, valid, ids)


@dataclass(frozen=True, slots=True)
class _StageReader:
    """A staged mosaic, read on the whole grid that the output is a window of."""

    stage: StagedMosaic
    raster: AlignedRaster | WarpedRaster
    grid: Grid

    @classmethod
    def of(cls, stage: StagedMosaic, plan: Plan) -> _StageReader:
        mosaic = stage.mosaic
        assert mosaic.nodata is not None
        raster: AlignedRaster | WarpedRaster
        if plan.is_resampled(mosaic):
            raster = WarpedRaster.onto(
                stage.path,
                plan.whole,
                plan.request.resampling,
                mosaic.nodata,
                plan.border,
                lattice=stage.merged.whole,
            )
        else:
            window = stage.merged.grid.locate(plan.whole)
            assert window is not None
            raster = AlignedRaster(stage.path, window.column, window.row, mosaic.nodata)
        return cls(stage, raster, plan.whole)

    def read(self, window: Window) -> Layer:
        pixels, valid = self.raster.read(window)
        source_ids = self.stage.source_ids
        if len(source_ids) == 1:
            return Layer(pixels, valid, [np.where(valid, np.uint8(source_ids[0]), np.uint8(0))])
        nearest, known = self.raster.read(window, band=1)
        ids: SourceIds = self.stage.ids_by_number[np.where(known, nearest, 0).astype(np.uint8)]
        unknown = valid & (ids == 0)  # a kernel reaches beyond the data, the nearest pixel is empty
        if unknown.any():
            ids[unknown] = self._find_nearest_source(window, unknown)
        ids[~valid] = 0
        return Layer(pixels, valid, [ids])

    def _find_nearest_source(self, window: Window, wanted: NDArray[np.bool_]) -> SourceIds:
        """Return the id of the source whose extent holds each wanted pixel, or is nearest to it.

        Of several the lowest-ranked wins.
        """
        rows, columns = np.nonzero(wanted)
        dx, dy = self.grid.resolution
        left, _, _, top = self.grid.bounds
        x = left + (window.column + columns + 0.5) * dx
        y = top - (window.row + rows + 0.5) * dy
        mosaic = self.stage.mosaic
        place = mosaic.whole.locate(mosaic.grid)
        assert place is not None
        x, y = project_points(np.column_stack([x, y]), self.grid.crs, NATIVE_CRS).T
        names = (source.name for source in mosaic.sources)
        ids = dict(zip(names, self.stage.source_ids, strict=True))
        ranked = rank_sources(mosaic.sources)
        distances = np.empty((len(ranked), len(x)))
        for source, distance in zip(ranked, distances, strict=True):
            extent = mosaic.whole.crop(source.dst_window.shifted(place.column, place.row))
            west, south, east, north = extent.bounds
            across, down = np.maximum(west - x, x - east), np.maximum(south - y, y - north)
            np.maximum(across, down, out=distance)
        nearest = distances.clip(min=0).argmin(axis=0)
        numbers: SourceIds = np.array([ids[source.name] for source in ranked], np.uint8)[nearest]
        return numbers

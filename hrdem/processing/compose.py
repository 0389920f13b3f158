"""Composing: merged mosaics become the output, block by block: tiers, products, heights.

A pixel depends on nothing but its place: not on the block that it is made in.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows
from numpy.typing import NDArray

from hrdem.geo.crs import NATIVE_CRS, assume_nad83, project_points
from hrdem.geo.grid import Grid, Window
from hrdem.planning.mosaic import Mosaic
from hrdem.planning.plan import Plan
from hrdem.processing.derive import Derive
from hrdem.processing.finish import SourceIds, TileFinisher
from hrdem.processing.progress import TierSeam, TileResult
from hrdem.processing.tiers import Layer, measure_seam, overlay
from hrdem.processing.warp import AlignedRaster, WarpedRaster, avoid_nodata
from hrdem.runtime.threads import map_in_order, thread_pool
from hrdem.tiff.encode import BLOCK

_COMPOSERS = min(4, os.cpu_count() or 1)  # each holds a block, and what it is made of
_CACHE_BYTES = 16 << 20  # of GDAL's


@dataclass(frozen=True, slots=True)
class StagedMosaic:
    """A mosaic that was merged into a local file.

    Attributes:
        mosaic: What was merged.
        path: The file; a second band tells the origin of pixels, if there are several.
        numbers: By which number each source of the mosaic is told, in its order.
    """

    mosaic: Mosaic
    path: Path
    numbers: Sequence[int]


def compose_tiles(
    plan: Plan,
    window: Window,
    stages: Sequence[Sequence[StagedMosaic]],
    derive: Derive,
    finish: TileFinisher,
) -> Generator[TileResult]:
    """Make the tiles of the output, each once.

    Args:
        plan: What is made.
        window: Blocks of the output, of which the tiles are wanted.
        stages: For each tier that was merged, a stage for each of its mosaics.
        derive: From heights to the product.
        finish: How blocks become tiles.

    Raises:
        OutputError: If a merged file cannot be read.
        NoDataError: If the output reaches where EPSG:3979 has no coordinates.
    """
    tiers = [[_Reader.of(stage, plan) for stage in tier] for tier in stages]

    def step(place: Window) -> TileResult:
        if finish.crop is not None and not finish.crop.touches(place):
            return finish.nothing(place)
        around = place.grown(plan.border)
        shown = np.ones((place.height, place.width), np.bool_)
        if finish.crop is not None and len(tiers) > 1:
            shown = finish.crop.inside(place)
        layer, seams = _layered(tiers, around, place, shown, plan)
        made = derive(layer, place)
        pixels = made.pixels.astype(plan.dtype, copy=False)
        pixels = np.where(made.valid, avoid_nodata(pixels, finish.nodata), finish.nodata)
        pixels = pixels.astype(plan.dtype, copy=False)
        origins = [np.where(made.valid, origin, np.uint8(0)) for origin in made.origins]
        return finish.step(place, pixels, origins, received_bytes=0, seams=seams)

    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES), thread_pool(_COMPOSERS, "compose") as pool:
        places = window.split(BLOCK, BLOCK)
        with contextlib.closing(map_in_order(pool, step, places, 2 * _COMPOSERS)) as steps:
            yield from steps


def _layered(
    tiers: Sequence[Sequence[_Reader]],
    around: Window,
    place: Window,
    shown: NDArray[np.bool_],
    plan: Plan,
) -> tuple[Layer, tuple[TierSeam, ...]]:
    """Lay the tiers over one another, and look at their seams."""
    layers: list[Layer] = []
    for tier in tiers:
        layers.append(_difference([reader.read(around) for reader in tier]))
        if layers[-1].valid.all():
            break
    within = place.shifted(-around.column, -around.row)
    seams = [TierSeam()] * (len(plan.tiers) - 1)
    below = layers.pop()
    for number in reversed(range(len(layers))):
        hidden = np.logical_or.reduce([above.valid[within.slices] for above in layers[:number]])
        seams[number] = measure_seam(layers[number], below, shown & ~hidden, within, place)
        below = overlay(layers[number], below, plan.feather)
    return below, tuple(seams)


def _difference(surfaces: Sequence[Layer]) -> Layer:
    """The only surface, or the first above the second."""
    if len(surfaces) == 1:
        return surfaces[0]
    upper, lower = surfaces
    valid = upper.valid & lower.valid
    dtype = np.result_type(upper.pixels, lower.pixels, np.float32)
    pixels = np.zeros(valid.shape, dtype)
    np.subtract(upper.pixels, lower.pixels, where=valid, out=pixels, dtype=dtype)
    origins = [np.where(valid, *of) for of in ((upper.origins[0], 0), (lower.origins[0], 0))]
    return Layer(pixels, valid, origins)


@dataclass(frozen=True, slots=True)
class _Reader:
    """A merged mosaic on the output's grid."""

    stage: StagedMosaic
    raster: AlignedRaster | WarpedRaster
    grid: Grid

    @classmethod
    def of(cls, stage: StagedMosaic, plan: Plan) -> _Reader:
        mosaic = stage.mosaic
        assert mosaic.nodata is not None
        raster: AlignedRaster | WarpedRaster
        if plan.is_resampled(mosaic):
            raster = WarpedRaster.onto(
                stage.path,
                plan.grid,
                plan.request.resampling,
                mosaic.kernel_scale,
                mosaic.nodata,
                plan.border,
            )
        else:
            place = mosaic.grid.locate(plan.grid)
            assert place is not None
            raster = AlignedRaster(stage.path, place.column, place.row, mosaic.nodata)
        return cls(stage, raster, plan.grid)

    def read(self, window: Window) -> Layer:
        pixels, valid = self.raster.read(window)
        numbers = self.stage.numbers
        if len(numbers) == 1:
            return Layer(pixels, valid, [np.where(valid, np.uint8(numbers[0]), np.uint8(0))])
        named, told = self.raster.read(window, band=1)
        origin = np.where(told, named, 0).astype(np.uint8)
        untold = valid & (origin == 0)  # a kernel reaches beyond the data; the nearest has none
        if untold.any():
            origin[untold] = self._footprints(window, untold)
        origin[~valid] = 0
        return Layer(pixels, valid, [origin])

    def _footprints(self, window: Window, wanted: NDArray[np.bool_]) -> SourceIds:
        """The source that comes first among those under some pixels, or the first of all."""
        rows, columns = np.nonzero(wanted)
        dx, dy = self.grid.resolution
        left, _, _, top = self.grid.bounds
        x = left + (window.column + columns + 0.5) * dx
        y = top - (window.row + rows + 0.5) * dy
        mosaic = self.stage.mosaic
        x, y = project_points(np.column_stack([x, y]), assume_nad83(self.grid.crs), NATIVE_CRS).T
        number_of = dict(zip((s.name for s in mosaic.sources), self.stage.numbers, strict=True))
        found = np.full(len(x), number_of[mosaic.ranked[0].name], np.uint8)
        for source in reversed(mosaic.ranked):
            west, south, east, north = mosaic.grid.crop(source.dst_window).bounds
            within = (west <= x) & (x <= east) & (south <= y) & (y <= north)
            found[within] = number_of[source.name]
        return found

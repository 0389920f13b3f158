"""Finish blocks: mask pixels outside the area, compute statistics, compress tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.block_set import BlockSet
from hrdem.geo.grid import Pixels, Window
from hrdem.geo.mask import PolygonMask
from hrdem.processing.halve import Halving, halve
from hrdem.processing.statistics import Statistics
from hrdem.processing.survey_years import SurveyYears
from hrdem.processing.tile_result import GapCount, TierSeam, TileResult, TileStats
from hrdem.tiff.encode import BLOCK, encode
from hrdem.tiff.write_ifd import TileFormat

Mask = NDArray[np.bool_]
SourceIds = NDArray[np.uint8]
"""Id of the source of each pixel, from 1; 0 where there is no data."""


@dataclass(frozen=True, slots=True)
class TileFinisher:
    """Makes compressed tiles of blocks.

    Attributes:
        tile_format: Compression and layout of tiles.
        nodata: Value of pixels without data.
        sources: Number of sources of the plan.
        mask: Area outside of which pixels are nodata; None for the whole grid.
        source_format: Compression and layout of tiles of source ids, one for each surface, 0 where
            there is no data; None for no such tiles.
        years: Years of surveys; None for no tiles of them.
        year_format: Compression and layout of tiles of years.
        gaps: Areas of the plan's gaps, to count pixels in.
        halving: How tiles are halved for overviews; None if the output has none.
    """

    tile_format: TileFormat
    nodata: float
    sources: int
    mask: PolygonMask | None = None
    source_format: TileFormat | None = None
    years: SurveyYears | None = None
    year_format: TileFormat | None = None
    gaps: tuple[PolygonMask, ...] = ()
    halving: Halving | None = None

    def find_blocks(self, window: Window) -> BlockSet:
        """Return the blocks of a window that the area has a pixel in."""
        if self.mask is None:
            return BlockSet.all_of(window, BLOCK)
        return self.mask.find_blocks(window, BLOCK)

    def complete(self, stats: TileStats, left: BlockSet) -> TileStats:
        """Add the pixels of blocks that no tile was made for; none of them has data.

        Args:
            stats: Stats of all tiles of a window.
            left: The other blocks of the window.
        """
        assert stats.statistics is not None
        window = left.window
        count = window.pixels if self.mask is None else self.mask.count(window)
        count -= stats.statistics.pixels
        wanted = self.find_blocks(window) & left
        return stats + TileStats(
            pixels=window.pixels - stats.pixels,
            present=count,
            statistics=Statistics(count),
            pixels_by_source=(0,) * self.sources,
            gaps=tuple(self._count_in_blocks(gap, wanted) for gap in self.gaps),
        )

    def _count_in_blocks(self, gap: PolygonMask, blocks: BlockSet) -> GapCount:
        """Count the pixels of a gap in blocks without data."""
        found = GapCount(0, 0)
        for block in blocks & gap.find_blocks(blocks.window, BLOCK):
            inside = None if self.mask is None else self.mask.rasterize(block)
            valid = np.zeros((block.height, block.width), np.bool_)
            found += _count_gap(gap, block, valid, inside)
        return found

    def finish_block(
        self,
        dst_window: Window,
        pixels: Pixels,
        source_ids: Sequence[SourceIds | int],
        received_bytes: int | None,
        seams: tuple[TierSeam, ...] = (),
        infinite: Mask | None = None,
    ) -> TileResult:
        """Finish a block.

        Args:
            dst_window: Its window on the output's grid; it starts at a block.
            pixels: Array of shape (dst_window.height, dst_window.width).
            source_ids: Source ids of each surface that the pixels are computed from, arrays of the
                same shape, 0 at the same pixels; numbers if all pixels have data of one source.
            received_bytes: Bytes read from sources for it; None if unknown.
            seams: Seams between tiers within the block.
            infinite: Which pixels have no data because they are infinite in a source, array of the
                same shape; None for none.
        """
        count = dst_window.pixels
        inside = None if self.mask is None else self.mask.rasterize(dst_window)
        valid = _find_valid(source_ids[0], inside)
        if inside is not None:
            count = int(np.count_nonzero(inside))
            infinite = None if infinite is None else infinite & inside
            if valid is not None:
                pixels = pixels.copy()
                pixels[~valid] = self.nodata
        values = pixels.ravel() if valid is None else pixels[valid]
        tiles: tuple[bytes, ...] = ()
        halves: tuple[Pixels, ...] = ()
        if values.size:
            layers = self._make_layers(dst_window, source_ids, valid)
            tiles = (
                encode(pixels, self.tile_format, self.nodata),
                *(encode(array, tile_format, 0) for array, tile_format in layers),
            )
            if self.halving is not None:
                halves = (
                    halve(pixels, self.nodata, self.halving),
                    *(halve(array, 0, Halving.NEAREST) for array, _ in layers),
                )
        return TileResult(
            column=dst_window.column // BLOCK,
            row=dst_window.row // BLOCK,
            tiles=tiles,
            received_bytes=received_bytes,
            stats=TileStats(
                pixels=dst_window.pixels,
                present=count,
                statistics=Statistics.of(values, count),
                pixels_by_source=self._count_by_source(source_ids, valid, values.size),
                seams=seams,
                gaps=tuple(_count_gap(gap, dst_window, valid, inside) for gap in self.gaps),
                infinite=0 if infinite is None else int(np.count_nonzero(infinite)),
            ),
            halves=halves,
        )

    def _make_layers(
        self, dst_window: Window, source_ids: Sequence[SourceIds | int], valid: Mask | None
    ) -> list[tuple[Pixels, TileFormat]]:
        """Make tiles of the source ids of each surface, and of years of the first one's."""
        if self.source_format is None:
            return []
        layers: list[tuple[Pixels, TileFormat]] = []
        for ids in source_ids:
            array = np.zeros((dst_window.height, dst_window.width), self.source_format.dtype)
            np.copyto(array, ids, casting="unsafe", where=True if valid is None else valid)
            layers.append((array, self.source_format))
        if self.years is not None and self.year_format is not None:
            layers.append((self.years.find(dst_window, layers[0][0]), self.year_format))
        return layers

    def _count_by_source(
        self, source_ids: Sequence[SourceIds | int], valid: Mask | None, count: int
    ) -> tuple[int, ...]:
        """Count the valid pixels of each source, over all surfaces."""
        total = np.zeros(self.sources + 1, np.int64)
        for ids in source_ids:
            if isinstance(ids, int):
                total[ids] += count
            elif self.sources == 1:
                total[1] += count
            else:
                chosen = ids.ravel() if valid is None else ids[valid]
                total += np.bincount(chosen, minlength=self.sources + 1)
        return tuple(total[1:].tolist())


def _find_valid(ids: SourceIds | int, inside: Mask | None) -> Mask | None:
    """Return which pixels inside the area have a source; None if all have."""
    valid = inside
    if not isinstance(ids, int):
        valid = ids > 0 if inside is None else (ids > 0) & inside
    return None if valid is None or valid.all() else valid


def _count_gap(
    gap: PolygonMask, window: Window, valid: Mask | None, inside: Mask | None
) -> GapCount:
    """Count the pixels of a window, inside the area, whose centre is in a gap."""
    within = gap.rasterize(window)
    if inside is not None:
        within &= inside
    empty = 0 if valid is None else int(np.count_nonzero(within & ~valid))
    return GapCount(int(np.count_nonzero(within)), empty)

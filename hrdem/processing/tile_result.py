"""Results of tiles: compressed bytes, and statistics that add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from hrdem.geo.grid import Pixels
from hrdem.processing.statistics import Statistics

T = TypeVar("T", int, Statistics)


@dataclass(frozen=True, slots=True)
class TierSeam:
    """Vertical steps along the edge of a tier, where the next tier continues.

    Attributes:
        pixels: Pixels at the edge that have data in both tiers.
        total: Sum of their absolute differences, metres.
        max_step: Largest difference, metres.
        max_step_pixel: Column and row of that pixel on the grid of the output.
    """

    pixels: int = 0
    total: float = 0.0
    max_step: float = 0.0
    max_step_pixel: tuple[int, int] = (0, 0)

    @property
    def mean_step(self) -> float:
        """Mean difference, metres."""
        return self.total / self.pixels if self.pixels else 0.0

    def __add__(self, other: TierSeam) -> TierSeam:
        """Return the seam of both; the larger step decides on the pixel."""
        larger = max(self, other, key=lambda seam: seam.max_step)
        return TierSeam(
            pixels=self.pixels + other.pixels,
            total=self.total + other.total,
            max_step=larger.max_step,
            max_step_pixel=larger.max_step_pixel,
        )


@dataclass(frozen=True, slots=True)
class GapCount:
    """Pixels of the output in a gap.

    Attributes:
        pixels: Pixels of the area whose centre is in the gap.
        empty: Those of them without data; others have data of another source.
    """

    pixels: int
    empty: int

    def __add__(self, other: GapCount) -> GapCount:
        """Return the count of both."""
        return GapCount(self.pixels + other.pixels, self.empty + other.empty)


@dataclass(frozen=True, slots=True)
class TileStats:
    """Counts and statistics of finished tiles; the sum of two covers both.

    Attributes:
        pixels: Pixels of the output that the tiles cover.
        present: Pixels of those tiles that are not absent.
        statistics: Of their pixels; None if the pixels were not decoded.
        pixels_by_source: Valid pixels of each source of the plan, in its order; empty if the
            pixels were not decoded.
        seams: Seams between tiers, in the order of the tiers.
        infinite: Pixels of merged sources without data because they are infinite.
        gaps: Pixels in each gap of the plan, in its order; empty if there are none, or if the
            pixels were not decoded.
    """

    pixels: int
    present: int
    statistics: Statistics | None
    pixels_by_source: tuple[int, ...]
    seams: tuple[TierSeam, ...] = ()
    infinite: int = 0
    gaps: tuple[GapCount, ...] = ()

    def __add__(self, other: TileStats) -> TileStats:
        """Return the stats of both."""
        return TileStats(
            pixels=self.pixels + other.pixels,
            present=self.present + other.present,
            statistics=_add_optional(self.statistics, other.statistics),
            pixels_by_source=_add_items(self.pixels_by_source, other.pixels_by_source),
            seams=_add_items(self.seams, other.seams),
            infinite=self.infinite + other.infinite,
            gaps=_add_items(self.gaps, other.gaps),
        )


def _add_items(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Add item by item; an empty tuple adds nothing."""
    return tuple(a + b for a, b in zip(one, other, strict=True)) if one and other else one or other


def _add_optional(one: T | None, other: T | None) -> T | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, slots=True)
class TileResult:
    """A finished tile of a raster.

    Attributes:
        column: Column of the tile, counted in tiles.
        row: Row of the tile, counted in tiles.
        tiles: Compressed bytes: the pixels, then the source ids of each surface and the years if
            they are wanted; empty if it has no data and is left out of the output.
        received_bytes: Bytes read from sources for it; None if unknown.
        stats: Its counts and statistics.
        halves: The pixels in half the resolution, one entry for each of `tiles`; empty if the
            output has no overviews.
    """

    column: int
    row: int
    tiles: tuple[bytes | memoryview, ...]
    received_bytes: int | None
    stats: TileStats
    halves: tuple[Pixels, ...] = ()

"""What a run has done: tile by tile, and so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from hrdem.processing.statistics import Statistics

T = TypeVar("T", int, Statistics)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes:
        pixels: Pixels of the output that are written.
        all_pixels: Pixels of the output.
        received: Bytes of tiles that came for them; None if GDAL fetches them, which does not
            tell.
    """

    pixels: int
    all_pixels: int
    received: int | None

    def with_more(self, tally: TileStats) -> Progress:
        """Return how far a run has come with some more tiles."""
        received = _sum(self.received, tally.received)
        return Progress(self.pixels + tally.pixels, self.all_pixels, received)


@dataclass(frozen=True, slots=True)
class TierSeam:
    """The vertical steps where a tier ends and the next goes on.

    Attributes:
        pixels: Pixels of the tier that lie at its edge and that the next tier has too.
        total: Sum of how much they differ, up or down, metres.
        largest: Most that one differs, metres.
        where: Column and row of that one on the output's grid.
    """

    pixels: int = 0
    total: float = 0.0
    largest: float = 0.0
    where: tuple[int, int] = (0, 0)

    @property
    def mean(self) -> float:
        """How much they differ on average, metres."""
        return self.total / self.pixels if self.pixels else 0.0

    def __add__(self, other: TierSeam) -> TierSeam:
        """Return the steps of both; the place of the larger."""
        more = max(self, other, key=lambda edge: edge.largest)
        return TierSeam(
            self.pixels + other.pixels, self.total + other.total, more.largest, more.where
        )


@dataclass(frozen=True, slots=True)
class TileStats:
    """What is known of some finished tiles; the sum of two is known of both together.

    Attributes:
        pixels: Pixels of the output that they cover.
        received: Bytes that came for them; None if that is not told.
        present: Pixels of those tiles that are not absent.
        statistics: Of their pixels; None if they were not looked at.
        owned: How many valid pixels came from each source of the plan, in its order; empty if they
            were not looked at.
        edges: What was seen where one tier ends and the next goes on, in the order of the tiers.
    """

    pixels: int
    received: int | None
    present: int
    statistics: Statistics | None
    owned: tuple[int, ...]
    edges: tuple[TierSeam, ...] = ()

    def __add__(self, other: TileStats) -> TileStats:
        """Return what is known of both."""
        return TileStats(
            pixels=self.pixels + other.pixels,
            received=_sum(self.received, other.received),
            present=self.present + other.present,
            statistics=_sum(self.statistics, other.statistics),
            owned=_sums(self.owned, other.owned),
            edges=_sums(self.edges, other.edges),
        )


def _sums(one: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Add item by item; nothing adds nothing."""
    return tuple(a + b for a, b in zip(one, other, strict=True)) if one and other else one or other


def _sum(one: T | None, other: T | None) -> T | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, slots=True)
class TileResult:
    """A finished tile of the output.

    Attributes:
        column: Of the tile, counted in tiles.
        row: Likewise.
        tiles: Its compressed bytes, of one band after the other; none if it is absent from the
            source, and so from the output.
        tally: What is known of it.
    """

    column: int
    row: int
    tiles: tuple[bytes | memoryview, ...]
    tally: TileStats

"""What a run has done: tile by tile, and so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from hrdem.statistics import Statistics

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


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of some finished tiles; the sum of two is known of both together.

    Attributes:
        pixels: Pixels of the output that they cover.
        received: Bytes that came for them; None if that is not told.
        present: Pixels of those tiles that are not absent.
        statistics: Of their pixels; None if they were not looked at.
        owned: How many valid pixels came from each source, by rank; empty if they were not looked
            at.
    """

    pixels: int
    received: int | None
    present: int
    statistics: Statistics | None
    owned: tuple[int, ...]

    def __add__(self, other: Tally) -> Tally:
        """Return what is known of both."""
        return Tally(
            pixels=self.pixels + other.pixels,
            received=_sum(self.received, other.received),
            present=self.present + other.present,
            statistics=_sum(self.statistics, other.statistics),
            owned=tuple(map(sum, zip(self.owned, other.owned, strict=True))),
        )


def _sum(one: T | None, other: T | None) -> T | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True, slots=True)
class Step:
    """A finished tile of the output.

    Attributes:
        column: Of the tile, counted in tiles.
        row: Likewise.
        tile: Its compressed bytes; None if it is absent from the source, and so from the output.
        tally: What is known of it.
    """

    column: int
    row: int
    tile: bytes | memoryview | None
    tally: Tally

"""Summarize the values of a picture: statistics, and a histogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from hrdem.geo.grid import Pixels
from hrdem.pictures.read_raster import Raster

BINS = 12


@dataclass(frozen=True, slots=True)
class Bar:
    """Pixels of a range of values, or of a class.

    Attributes:
        low: Lowest value.
        high: Value above the highest, that of the last bar excepted; ``low`` for a class.
        name: Name of a class; empty for a range.
        pixels: Number of pixels.
    """

    low: float
    high: float
    name: str
    pixels: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The values of a picture, which has fewer pixels than a large file.

    Attributes:
        pixels: Number of pixels in the picture.
        valid: Number of those with data.
        minimum: Lowest value; None without data.
        maximum: Highest value; None without data.
        mean: Mean; None without data, of classes, and of directions.
        histogram: Ranges of equal width, or classes; empty without data.
    """

    pixels: int
    valid: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    histogram: tuple[Bar, ...]

    @classmethod
    def of(cls, raster: Raster) -> Self:
        """Summarize a raster."""
        known = raster.values[np.isfinite(raster.values)].astype(np.float64)
        if not known.size:
            return cls(raster.values.size, 0, None, None, None, ())
        is_averageable = raster.ramp is not None and raster.ramp.is_averageable
        return cls(
            raster.values.size,
            known.size,
            float(known.min()),
            float(known.max()),
            float(known.mean()) if is_averageable else None,
            _count(known) if raster.ramp else _count_classes(raster),
        )

    @property
    def valid_percent(self) -> float:
        """Share of pixels with data, percent."""
        return 100 * self.valid / self.pixels

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "pixels": self.pixels,
            "valid": self.valid,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "mean": self.mean,
            "histogram": [
                {"low": bar.low, "high": bar.high, "name": bar.name or None, "pixels": bar.pixels}
                for bar in self.histogram
            ],
        }


def _count(known: Pixels) -> tuple[Bar, ...]:
    counts, edges = np.histogram(known, BINS if known.min() < known.max() else 1)
    return tuple(
        Bar(float(low), float(high), "", int(count))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )


def _count_classes(raster: Raster) -> tuple[Bar, ...]:
    return tuple(
        Bar(each.value, each.value, each.name, int((raster.values == each.value).sum()))
        for each in raster.classes
    )

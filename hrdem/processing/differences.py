"""Statistics of the differences between two sets of heights, gathered block by block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Grid, Window
from hrdem.processing.statistics import Statistics
from hrdem.runtime.text import to_json_number

BIN_METRES = 0.01  # of the percentiles
MAX_BINNED_METRES = 5_000.0  # a percentile beyond is given as this
PERCENTS = (5, 50, 95)


@dataclass(frozen=True, slots=True)
class LargestDifference:
    """The difference that is largest without its sign, and where it is.

    Attributes:
        metres: The difference.
        x: Longitude or easting of the pixel centre, in the CRS of the grid.
        y: Latitude or northing.
    """

    metres: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Differences:
    """Statistics of differences.

    Attributes:
        statistics: Number, mean, standard deviation, smallest and largest.
        percentiles: The 5th, 50th and 95th percentile in metres, to a centimetre; NaN without
            values.
        largest: None without values.
    """

    statistics: Statistics
    percentiles: tuple[float, float, float]
    largest: LargestDifference | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        low, median, high = map(to_json_number, self.percentiles)
        largest = self.largest and {
            "metres": self.largest.metres,
            "x": self.largest.x,
            "y": self.largest.y,
        }
        return {
            **self.statistics.as_dict(),
            "median": median,
            "p5": low,
            "p95": high,
            "largest": largest,
        }


class DifferenceTally:
    """Gathers differences of the pixels of a grid, a window at a time, in bounded memory.

    Args:
        grid: The grid.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._statistics = Statistics()
        self._largest: LargestDifference | None = None
        self._last = round(MAX_BINNED_METRES / BIN_METRES)
        self._bins = np.zeros(2 * self._last + 1, np.int64)

    def add(self, window: Window, metres: NDArray[np.float32]) -> None:
        """Add the differences of a window.

        Args:
            window: Window of the grid; each pixel is added once.
            metres: Array of shape (window.height, window.width), NaN where there is none.
        """
        valid = np.isfinite(metres)
        values = metres[valid]
        self._statistics += Statistics.of(values, window.pixels)
        if not values.size:
            return
        bins = np.rint(values / np.float32(BIN_METRES)).clip(-self._last, self._last)
        first = int(bins.min()) + self._last
        counts = np.bincount(bins.astype(np.int64) + self._last - first)
        self._bins[first : first + counts.size] += counts
        row, column = np.unravel_index(
            int(np.argmax(np.where(valid, np.abs(metres), -1))), metres.shape
        )
        largest = float(metres[row, column])
        if self._largest is None or abs(largest) > abs(self._largest.metres):
            x, y = self._grid.centre(window.column + int(column), window.row + int(row))
            self._largest = LargestDifference(largest, x, y)

    def finish(self) -> Differences:
        """Return the statistics of all that was added."""
        low, median, high = (self._find_percentile(percent) for percent in PERCENTS)
        return Differences(self._statistics, (low, median, high), self._largest)

    def _find_percentile(self, percent: int) -> float:
        """Return the smallest bin that at least a percentage of the values does not exceed."""
        count = self._statistics.valid
        if not count:
            return math.nan
        rank = max(1, math.ceil(count * percent / 100))
        number = int(np.searchsorted(np.cumsum(self._bins), rank))
        return round((number - self._last) * BIN_METRES, 2)

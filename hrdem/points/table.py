"""Tables of points: their coordinates, and the rows that they came in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Columns = list[NDArray[Any]]

BATCH_ROWS = 20_000  # read at a time when rows are written again


class Rows(Protocol):
    """The columns that points came with, besides what they are used for."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns."""
        ...

    def read_batches(self) -> Iterator[Columns]:
        """Yield the columns of `BATCH_ROWS` points at a time, in their order.

        Raises:
            RequestError: If the file changed since its points were read.
        """
        ...


@dataclass(frozen=True, slots=True)
class PointTable:
    """Points, in the order in which they were given.

    Attributes:
        label: Short description, for messages.
        points: float64 array of shape (n, 2), x or longitude first; NaN where a row has none.
        crs: CRS of the points.
        rows: The columns that they came with.
    """

    label: str
    points: NDArray[np.float64]
    crs: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Rows that consist of nothing but coordinates.

    Attributes:
        points: As in `PointTable`.
        names: Names of the two columns.
    """

    points: NDArray[np.float64]
    names: tuple[str, str] = ("lon", "lat")

    def read_batches(self) -> Iterator[Columns]:
        """Yield the coordinates."""
        for start in range(0, len(self.points), BATCH_ROWS):
            yield list(self.points[start : start + BATCH_ROWS].T)

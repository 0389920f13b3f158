"""Tables of points: their coordinates, and the rows that they came in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.crs import is_geographic

BATCH_ROWS = 20_000  # read at a time when rows are written again


@dataclass(frozen=True, slots=True)
class Times:
    """A column of dates with times.

    Attributes:
        text: Each in ISO 8601, such as ``2020-01-01T12:00:00-05:00``, with a zone if it has one;
            None where there is none. Shape (n,).
    """

    text: NDArray[np.object_]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.text)


#: arrays of numbers, masked if whole numbers or truths are missing; of dates; or of text, with None
Columns = list[NDArray[Any] | Times]


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
        crs: As in `PointTable`.
    """

    points: NDArray[np.float64]
    crs: str

    @property
    def names(self) -> tuple[str, str]:
        """Names of the two columns."""
        return name_coordinates(self.crs)

    def read_batches(self) -> Iterator[Columns]:
        """Yield the coordinates."""
        for start in range(0, len(self.points), BATCH_ROWS):
            yield list(self.points[start : start + BATCH_ROWS].T)


def name_coordinates(crs: str) -> tuple[str, str]:
    """Return the names of columns of coordinates that came without any."""
    return ("lon", "lat") if is_geographic(crs) else ("x", "y")


def make_text_column(values: Iterable[Any]) -> NDArray[np.object_]:
    """Return values as text: lists as JSON, bytes as hexadecimal digits; None where one is missing.

    Args:
        values: Values of any type, None where one is missing.
    """
    texts = [_to_text(value) for value in values]
    column = np.empty(len(texts), object)
    column[:] = texts
    return column


def _to_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, np.ndarray):
        return json.dumps(value.tolist(), ensure_ascii=False)
    return str(value)

"""The columns of a GeoDataFrame, as rows of its points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.points.table import BATCH_ROWS, Columns, Times, make_text_column


@dataclass(frozen=True, slots=True)
class FrameRows:
    """The columns of a GeoDataFrame besides its geometry (see `hrdem.points.table.Rows`).

    Attributes:
        frame: The GeoDataFrame.
    """

    frame: Any

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(str(self.frame.columns[position]) for position in self._positions)

    @property
    def _positions(self) -> list[int]:
        geometry = self.frame.geometry.name
        return [place for place, name in enumerate(self.frame.columns) if name != geometry]

    def read_batches(self) -> Iterator[Columns]:
        """Yield the values of each column."""
        for start in range(0, len(self.frame), BATCH_ROWS):
            some = self.frame.iloc[start : start + BATCH_ROWS]
            yield [_to_column(some.iloc[:, place]) for place in self._positions]


def _to_column(series: Any) -> NDArray[Any] | Times:
    """Return the values of a column; what is neither number nor time is text."""
    missing: NDArray[np.bool_] = series.isna().to_numpy(bool)
    kind = series.dtype.kind
    if kind == "f":
        is_single = series.dtype == np.float32
        return np.asarray(series.to_numpy(np.float32 if is_single else np.float64, na_value=np.nan))
    if kind in "iub" and series.dtype != np.uint64:  # which a GeoPackage does not have
        dtype = np.bool_ if kind == "b" else np.int64
        if not missing.any():
            return np.asarray(series.to_numpy(dtype))
        return np.ma.masked_array(series.to_numpy(dtype, na_value=0), missing)
    values = [None if gone else each for each, gone in zip(series, missing, strict=True)]
    if kind == "M":
        return Times(make_text_column(each and each.isoformat() for each in values))
    return make_text_column(values)

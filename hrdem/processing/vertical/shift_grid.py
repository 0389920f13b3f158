"""A grid of the difference between two vertical datums, and what it says of places.

PROJ is not asked to shift heights: where it lacks the grid, it shifts by nothing and says nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from rasterio.io import DatasetReader, MemoryFile

from hrdem.errors import RequestError
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message

MAX_FILE_BYTES = 256 << 20  # of a file that a user gives
MAX_NODES = 1 << 24  # 64 MB; Canada has 3.6 million in steps of 2'
_LARGEST = 5.0  # metres between the datums, and some to spare; a geoid is tens of metres away
_ON_NODE = 1e-6  # of a step, millimetres on the ground; coordinates are not exact to the last bit
CHUNK_POINTS = 1 << 15  # places: what is computed of them then stays in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class ShiftGrid:
    """How much higher heights are in CGVD28 than in CGVD2013, at nodes in longitude and latitude.

    Attributes:
        path: The file.
        sha256: Its checksum, hexadecimal.
        transform: From column and row to degrees; nodes are in the centres of pixels.
        values: What is stored, float32, rows from the north; NaN where there is nothing.
        scale: Metres that a stored 1 stands for.
        offset: Metres to add to that.
    """

    path: Path
    sha256: str
    transform: Affine
    values: NDArray[np.float32]
    scale: float
    offset: float

    def shift(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
        """Return what to add to heights in CGVD2013 to have them in CGVD28.

        It is interpolated linearly between the four nodes around a place. Threads may call it at
        the same time.

        Args:
            lon: Longitudes in NAD83(CSRS), degrees, array of any shape.
            lat: Latitudes, likewise, of the same shape.

        Returns:
            Metres, array of that shape; NaN outside the grid, and where a node that counts has
            no value.
        """
        x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        shifts = np.empty(x.shape)
        flat_x, flat_y, flat = x.reshape(-1), y.reshape(-1), shifts.reshape(-1)
        for start in range(0, flat.size, CHUNK_POINTS):
            some = slice(start, start + CHUNK_POINTS)
            flat[some] = self._interpolated(flat_x[some], flat_y[some])
        return shifts

    def _interpolated(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        height, width = self.values.shape
        x = (lon - self.transform.c) / self.transform.a - 0.5
        y = (lat - self.transform.f) / self.transform.e - 0.5
        inside = _within(x, width - 1) & _within(y, height - 1)
        x, y = _on_nodes(np.where(inside, x, 0)), _on_nodes(np.where(inside, y, 0))
        column, row = x.astype(np.intp), y.astype(np.intp)
        east, south = x - column, y - row
        stored = np.where(inside, 0, np.nan)
        for rows, down in ((row, 1 - south), (np.minimum(row + 1, height - 1), south)):
            for columns, across in ((column, 1 - east), (np.minimum(column + 1, width - 1), east)):
                weight = down * across
                nodes = self.values[rows, columns]
                stored += np.where(weight > 0, weight * nodes, 0)  # as 0 * NaN would count
        return stored * self.scale + self.offset


def _within(steps: NDArray[np.float64], last: int) -> NDArray[np.bool_]:
    return (steps > -_ON_NODE) & (steps < last + _ON_NODE)


def _on_nodes(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put onto a node what is as good as there."""
    nearest = np.rint(steps)
    return np.where(np.abs(steps - nearest) < _ON_NODE, nearest, steps)


def make_unknown_shift_error(grid: ShiftGrid, lon: float, lat: float) -> RequestError:
    """Return the error for a height at a place where a grid has no value.

    Args:
        grid: The grid.
        lon: Longitude of the place, degrees.
        lat: Its latitude.
    """
    return RequestError(
        f"The grid {grid.path.name} does not tell the difference between CGVD2013 and CGVD28 at "
        f"{lon:.5f}, {lat:.5f}, where the data have a height. Nothing was written. Give a smaller "
        "area, a `vertical_grid` that reaches there, or `vertical_datum=CGVD2013`."
    )


def read_user_grid(path: Path) -> ShiftGrid:
    """Read a grid that a user gives.

    Raises:
        RequestError: If it cannot be read, or `read_grid` refuses it.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _unusable(path, f"it is larger than {MAX_FILE_BYTES >> 20} MiB.")
        content = path.read_bytes()
    except OSError as exc:
        raise _unusable(path, f"it cannot be read ({exc}).") from exc
    return read_grid(path, content)


def read_grid(path: Path, content: bytes) -> ShiftGrid:
    """Read a grid in any format of GDAL's that is one file.

    Args:
        path: The file.
        content: Its bytes: what has the checksum is what is read, whatever lies beside the file.

    Raises:
        RequestError: If it is no raster of one band, in longitude and latitude, of differences
            that can be those between the datums.
    """
    try:
        # the environment could have GDAL take a point for the corner of its pixel
        with (
            rasterio.Env(GTIFF_POINT_GEO_IGNORE=False),
            MemoryFile(content, ext=path.suffix) as memory,
            memory.open() as dataset,
        ):
            _check_nodes(path, dataset)
            values = dataset.read(1, out_dtype="float32")
            values[dataset.read_masks(1) == 0] = np.nan
            scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
            transform = dataset.transform
    except GDAL_ERRORS as exc:
        raise _unusable(path, f"GDAL cannot read it. {gdal_message(exc)}") from exc
    extremes = (float(reduce(values, axis=None)) for reduce in (np.fmin.reduce, np.fmax.reduce))
    largest = max(abs(stored * scale + offset) for stored in extremes)
    if not 0 < largest <= _LARGEST:
        raise _unusable(
            path,
            f"its largest value is {largest:.6g} m, and the datums lie up to 3 m apart. It may be "
            "a geoid, or have lost its scale.",
        )
    return ShiftGrid(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        transform=transform,
        values=values,
        scale=scale,
        offset=offset,
    )


def _check_nodes(path: Path, dataset: DatasetReader) -> None:
    """Make sure that a raster has one band, and its nodes in longitude and latitude."""
    if dataset.count != 1:
        raise _unusable(path, f"it has {dataset.count} bands, and not one.")
    if dataset.width * dataset.height > MAX_NODES:
        raise _unusable(path, f"it has more than {MAX_NODES:,} nodes.")
    if dataset.crs is None or not dataset.crs.is_geographic:
        raise _unusable(path, "it is not in longitude and latitude.")
    transform = dataset.transform
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        raise _unusable(path, "its rows do not go from west to east, the first in the north.")


def _unusable(path: Path, why: str) -> RequestError:
    return RequestError(
        f"{path} cannot be the grid of differences between CGVD2013 and CGVD28: {why} Leave out "
        "`vertical_grid` to have the usual one looked for, or fetched."
    )

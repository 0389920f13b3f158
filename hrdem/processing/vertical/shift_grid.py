"""Grid of differences between two vertical datums, with interpolation.

PROJ is not used to shift heights: without the grid it shifts by zero, without an error.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from rasterio.io import DatasetReader, MemoryFile

from hrdem.errors import RequestError
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message, raise_if_out_of_memory

MAX_FILE_BYTES = 256 << 20  # of a user-supplied file
MAX_NODES = 1 << 24  # 64 MB; Canada has 3.6 million in steps of 2'
_MAX_DIFFERENCE_METRES = (
    5.0  # metres between the datums, with a margin; a geoid is tens of metres off
)
_NODE_TOLERANCE_STEPS = 1e-6  # of a step: millimetres on the ground, for rounding errors
CHUNK_POINTS = 1 << 15  # interpolated at a time, so that arrays stay in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class ShiftGrid:
    """Heights in CGVD28 minus heights in CGVD2013, at nodes in longitude and latitude.

    Attributes:
        path: The file.
        sha256: Its checksum, hexadecimal.
        transform: From column and row to degrees; nodes are pixel centres.
        values: Stored values, float32, rows from the north; NaN for nodata.
        scale: Metres for each unit of the stored values.
        offset: Metres to add to the scaled values.
    """

    path: Path
    sha256: str
    transform: Affine
    values: NDArray[np.float32]
    scale: float
    offset: float

    def shift(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.float64]:
        """Interpolate the differences to add to heights in CGVD2013 to get heights in CGVD28.

        The interpolation is bilinear. Several threads may call it at the same time.

        Args:
            lon: Longitudes in NAD83(CSRS), degrees, array of any shape.
            lat: Latitudes in NAD83(CSRS), degrees, array of the same shape.

        Returns:
            Metres, array of that shape; NaN outside the grid, and where a node with a weight has
            no value.
        """
        x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        shifts = np.empty(x.shape)
        flat_x, flat_y, flat = x.reshape(-1), y.reshape(-1), shifts.reshape(-1)
        for start in range(0, flat.size, CHUNK_POINTS):
            chunk = slice(start, start + CHUNK_POINTS)
            flat[chunk] = self._interpolate(flat_x[chunk], flat_y[chunk])
        return shifts

    def _interpolate(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        height, width = self.values.shape
        x = (lon - self.transform.c) / self.transform.a - 0.5
        y = (lat - self.transform.f) / self.transform.e - 0.5
        inside = _is_inside(x, width - 1) & _is_inside(y, height - 1)
        x, y = _snap_to_nodes(np.where(inside, x, 0)), _snap_to_nodes(np.where(inside, y, 0))
        column, row = x.astype(np.intp), y.astype(np.intp)
        east, south = x - column, y - row
        stored = np.where(inside, 0, np.nan)
        for rows, down in ((row, 1 - south), (np.minimum(row + 1, height - 1), south)):
            for columns, across in ((column, 1 - east), (np.minimum(column + 1, width - 1), east)):
                weight = down * across
                nodes = self.values[rows, columns]
                stored += np.where(weight > 0, weight * nodes, 0)  # 0 * NaN is NaN
        return stored * self.scale + self.offset


def _is_inside(steps: NDArray[np.float64], last: int) -> NDArray[np.bool_]:
    return (steps > -_NODE_TOLERANCE_STEPS) & (steps < last + _NODE_TOLERANCE_STEPS)


def _snap_to_nodes(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move points within the tolerance of a node onto it."""
    nearest = np.rint(steps)
    return np.where(np.abs(steps - nearest) < _NODE_TOLERANCE_STEPS, nearest, steps)


def make_unknown_shift_error(grid: ShiftGrid, lon: float, lat: float) -> RequestError:
    """Make the error for a height at a point where a grid has no value.

    Args:
        grid: The grid.
        lon: Longitude of the point, degrees.
        lat: Latitude of the point, degrees.
    """
    return RequestError(
        f"The grid {grid.path.name} has no difference between CGVD2013 and CGVD28 at {lon:.5f}, "
        f"{lat:.5f}, where the data have a height. Nothing was written. Choose a smaller area, a "
        "`vertical_grid` that covers it, or `vertical_datum=CGVD2013`."
    )


def read_user_grid(path: Path) -> ShiftGrid:
    """Read a user-supplied grid.

    Raises:
        RequestError: If it cannot be read, or `read_grid` rejects it.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _make_unusable_error(path, f"it is larger than {MAX_FILE_BYTES >> 20} MiB.")
        content = path.read_bytes()
    except OSError as exc:
        raise _make_unusable_error(path, f"it cannot be read ({exc}).") from exc
    return read_grid(path, content)


def read_grid(path: Path, content: bytes) -> ShiftGrid:
    """Read a grid in any single-file format of GDAL.

    Args:
        path: Path of the file, for its name.
        content: Bytes of the file: what the checksum covers is what is read, without sidecar files.

    Raises:
        RequestError: If it is not a raster of one band, in longitude and latitude, with plausible
            differences between the datums.
    """
    try:
        with (
            pinned_gdal(),
            MemoryFile(content, ext=path.suffix) as memory,
            memory.open() as dataset,
        ):
            _check_nodes(path, dataset)
            values = dataset.read(1, out_dtype="float32")
            values[dataset.read_masks(1) == 0] = np.nan
            scale, offset = float(dataset.scales[0]), float(dataset.offsets[0])
            transform = dataset.transform
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise _make_unusable_error(path, f"GDAL cannot read it. {gdal_message(exc)}") from exc
    extremes = (float(reduce(values, axis=None)) for reduce in (np.fmin.reduce, np.fmax.reduce))
    largest = max(abs(stored * scale + offset) for stored in extremes)
    if not 0 < largest <= _MAX_DIFFERENCE_METRES:
        raise _make_unusable_error(
            path,
            f"its largest value is {largest:.6g} m, but the datums differ by up to 3 m. It may be "
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
    """Check that a raster has one band, and nodes in longitude and latitude."""
    if dataset.count != 1:
        raise _make_unusable_error(path, f"it has {dataset.count} bands instead of one.")
    if dataset.width * dataset.height > MAX_NODES:
        raise _make_unusable_error(path, f"it has more than {MAX_NODES:,} nodes.")
    if dataset.crs is None or not dataset.crs.is_geographic:
        raise _make_unusable_error(path, "it is not in longitude and latitude.")
    transform = dataset.transform
    if transform.b or transform.d or transform.a <= 0 or transform.e >= 0:
        raise _make_unusable_error(path, "it is not north-up.")


def _make_unusable_error(path: Path, why: str) -> RequestError:
    return RequestError(
        f"{path} cannot be the grid of differences between CGVD2013 and CGVD28: {why} Leave out "
        "`vertical_grid` to use the published one."
    )

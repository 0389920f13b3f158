"""Deterministic synthetic terrain: the height of a point depends on the point alone.

So any window of any response of the demonstration can be compared with `heights`, pixel by pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.demo.editions import height_offset

Float32 = NDArray[np.float32]
Float64 = NDArray[np.floating[Any]]

NODATA = np.float32(-32767)

# wavelength (m), amplitude (m), ridged: valleys and crests instead of round hills
_OCTAVES = (
    (410_000.0, 420.0, False),
    (88_000.0, 160.0, False),
    (21_000.0, 180.0, True),
    (7_300.0, 130.0, True),
    (2_600.0, 55.0, True),
    (930.0, 20.0, False),
    (340.0, 8.0, False),
    (121.0, 2.6, False),
    (43.0, 1.1, False),
    (15.0, 0.5, False),
    (5.3, 0.22, False),
    (2.1, 0.08, False),
)
_LAKE_WAVELENGTH, _LAKE_LEVEL, _LAKE_SEED = 3_100.0, 0.9, 201
_SURVEY_WAVELENGTH, _SURVEY_SEED = 150_000.0, 341
# where the survey noise is above this, the collection has no data
_SURVEY_LIMIT = {"1m": 0.66, "2m": 0.78, "30m": 1.1, "lidar": 1.1}
# value noise with smoothstep weights is steepest at 1.5 a wavelength along each axis
_STEEPEST = 3.0


def heights(
    left: float,
    top: float,
    resolution: float,
    width: int,
    height: int,
    *,
    product: str = "dtm",
    collection: str = "1m",
    edition: int = 1,
) -> Float32:
    """Compute the heights at the pixel centres of a grid.

    Args:
        left: x of the grid's upper left corner, metres, EPSG:3979.
        top: y of the same corner.
        resolution: Pixel size in metres; detail finer than two pixels is omitted.
        width: Columns.
        height: Rows.
        product: ``"dtm"``, or ``"dsm"`` for the ground with trees and buildings.
        collection: ``"1m"``, ``"2m"``, ``"30m"`` or ``"lidar"``; determines where there is
            no survey.
        edition: 1 for heights from 0 to 1,024 m; each next one is 1,024 m higher.

    Returns:
        float32 array of shape (height, width), metres, -32767 where there is no data.
    """
    x = left + (np.arange(width) + 0.5) * resolution
    y = top - (np.arange(height) + 0.5) * resolution
    z = np.zeros((height, width), np.float32)
    for seed, (wavelength, amplitude, ridged) in enumerate(_OCTAVES):
        if wavelength < 2 * resolution:
            z += np.float32(amplitude / 2)
            continue
        octave = _value_noise(x, y, wavelength, seed + 1)
        if ridged:
            octave *= 2
            octave -= 1
            np.abs(octave, out=octave)
        octave *= np.float32(amplitude)
        z += octave
    if product == "dsm":
        z += _compute_canopy(x, y, resolution)
    z += height_offset(edition)
    z[_value_noise(x, y, _LAKE_WAVELENGTH, _LAKE_SEED) > _LAKE_LEVEL] = NODATA
    limit = _SURVEY_LIMIT[collection]
    if limit < 1:
        z[_value_noise(x, y, _SURVEY_WAVELENGTH, _SURVEY_SEED) > limit] = NODATA
    return z


def heights_at(
    x: Float64, y: Float64, resolution: float, *, product: str = "dtm", edition: int = 1
) -> Float32:
    """Return the nearest pixels of a lattice that begins at the origin of EPSG:3979.

    Args:
        x: Easting of points, metres, EPSG:3979; any shape.
        y: Northing, of the same shape.
        resolution: Pixel size of the lattice, metres. All of it under the points is computed.
        product: As for `heights`.
        edition: As for `heights`.

    Returns:
        float32 array of the same shape, metres, -32767 where there is no data.
    """
    column, row = np.floor(x / resolution).astype(int), np.floor(-y / resolution).astype(int)
    first_column, first_row = column.min(), row.min()
    lattice = heights(
        first_column * resolution,
        -first_row * resolution,
        resolution,
        int(column.max() - first_column) + 1,
        int(row.max() - first_row) + 1,
        product=product,
        edition=edition,
    )
    nearest: Float32 = lattice[row - first_row, column - first_column]
    return nearest


def surveyed(x: Float64, y: Float64, size: float, collection: str) -> NDArray[np.bool_]:
    """Return which squares may have data; some without are included.

    Args:
        x: Centres of the columns of squares, metres, EPSG:3979, shape (columns,).
        y: Centres of the rows of squares, shape (rows,).
        size: Side of a square in metres.
        collection: ``"1m"``, ``"2m"``, ``"30m"`` or ``"lidar"``.

    Returns:
        bool array of shape (rows, columns); False means that no pixel of the square has data.
    """
    slack = _STEEPEST * size / 2 / _SURVEY_WAVELENGTH
    return _value_noise(x, y, _SURVEY_WAVELENGTH, _SURVEY_SEED) <= _SURVEY_LIMIT[collection] + slack


def _compute_canopy(x: Float64, y: Float64, resolution: float) -> Float32:
    """Height above ground of trees in woods and of flat roofs, metres."""
    woods = _value_noise(x, y, 640.0, 101)
    woods -= np.float32(0.5)
    np.clip(woods, 0, 0.25, out=woods)
    crowns = _value_noise(x, y, 6.0, 102) if resolution < 3 else np.float32(0.5)
    trees: Float32 = woods * crowns * np.float32(90)
    blocks = lattice(np.floor(x / 37).astype(np.int64), np.floor(y / 29).astype(np.int64), 103)
    town = _value_noise(x, y, 2_900.0, 104) > 0.72
    roofs = np.where(town & (blocks > 0.62), np.float32(4) + blocks * np.float32(9), np.float32(0))
    return np.maximum(trees, roofs)


def _value_noise(x: Float64, y: Float64, wavelength: float, seed: int) -> Float32:
    """Value noise in [0, 1): random lattice values, joined by smoothstep weights."""
    u, v = x / wavelength, y / wavelength
    column, row = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    tx, ty = (u - column).astype(np.float32), (v - row).astype(np.float32)
    tx, ty = tx * tx * (3 - 2 * tx), (ty * ty * (3 - 2 * ty))[:, None]
    columns = np.arange(column.min(), column.max() + 2)
    rows = np.arange(row.min(), row.max() + 2)
    values = lattice(columns, rows, seed)
    here = column - columns[0]
    along = values[:, here] + tx * (values[:, here + 1] - values[:, here])
    there = row - rows[0]
    upper, lower = along[there], along[there + 1]
    lower -= upper
    lower *= ty
    lower += upper
    noise: Float32 = lower
    return noise


def lattice(column: NDArray[np.int64], row: NDArray[np.int64], seed: int) -> Float32:
    """Return a random value in [0, 1) for each pair of lattice column and row."""
    with np.errstate(over="ignore"):
        h = (column.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))[None, :] ^ (
            row.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        )[:, None]
        h ^= np.uint64(seed) * np.uint64(0x165667B19E3779F9)
        h ^= h >> np.uint64(31)
        h *= np.uint64(0x7FB5D329728EA185)
        h ^= h >> np.uint64(27)
        h *= np.uint64(0x81DADEF4BC2DD44D)
        h ^= h >> np.uint64(33)
    values: Float32 = (h >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)
    return values

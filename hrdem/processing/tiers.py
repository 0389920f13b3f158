"""Tiers over one another: the finer where it has data, blended into the next where asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels, Window
from hrdem.planning.feather import Feather
from hrdem.processing.finish import SourceIds
from hrdem.processing.progress import TierSeam

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Layer:
    """Pixels of a window, and where they came from.

    Attributes:
        pixels: Array of shape (rows, columns).
        valid: Which of them have data.
        origins: For each surface that they were made of, numbers of sources; 0 without data.
    """

    pixels: Pixels
    valid: Mask
    origins: Sequence[SourceIds]


def overlay(fine: Layer, coarse: Layer, feather: Feather) -> Layer:
    """Lay a finer tier over a coarser one.

    Args:
        fine: The finer tier.
        coarse: All that lies below it.
        feather: From the edge of the finer tier, where the coarser goes on, its weight grows from 0
            to 1 over so far. It has to be seen that far around.

    Returns:
        Both; a blended pixel counts as the finer's.
    """
    pixels = np.where(fine.valid, fine.pixels, coarse.pixels)
    if feather.metres:
        weight = measure_distance(~fine.valid & coarse.valid, feather) / np.float32(feather.metres)
        blended = fine.valid & coarse.valid & (weight < 1)
        wide = np.result_type(pixels, np.float32)
        above, below = fine.pixels[blended].astype(wide), coarse.pixels[blended].astype(wide)
        mixed = below + weight[blended] * (above - below)
        pixels[blended] = mixed if pixels.dtype.kind == "f" else np.rint(mixed)
    origins = [
        np.where(fine.valid, one, other)
        for one, other in zip(fine.origins, coarse.origins, strict=True)
    ]
    return Layer(pixels, fine.valid | coarse.valid, origins)


def measure_seam(
    fine: Layer, coarse: Layer, shown: Mask, within: Window, place: Window
) -> TierSeam:
    """Measure the steps between two tiers along the edge of the finer.

    Args:
        fine: The finer tier, as it is without feathering.
        coarse: All that lies below it.
        shown: Which of the pixels to look at are in the output, array of the shape of ``within``.
        within: The pixels to look at, in the layers' own count; they have neighbours all around.
        place: The same pixels on the output's grid.
    """
    rows, columns = within.slices
    goes_on = ~fine.valid & coarse.valid
    beside = np.zeros(shown.shape, np.bool_)
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        beside |= goes_on[
            rows.start + down : rows.stop + down, columns.start + right : columns.stop + right
        ]
    beside &= shown & fine.valid[rows, columns] & coarse.valid[rows, columns]
    if not beside.any():
        return TierSeam()
    above = fine.pixels[rows, columns][beside].astype(np.float64)
    apart = np.abs(above - coarse.pixels[rows, columns][beside])
    most = int(apart.argmax())
    row, column = np.argwhere(beside)[most]
    return TierSeam(
        pixels=apart.size,
        total=float(apart.sum()),
        max_step=float(apart[most]),
        max_step_pixel=(place.column + int(column), place.row + int(row)),
    )


def measure_distance(mask: Mask, feather: Feather) -> NDArray[np.float32]:
    """Measure how far each pixel is from the nearest one of a mask.

    Args:
        mask: Array of shape (rows, columns).
        feather: How far to look, and how large pixels are.

    Returns:
        Between centres, in metres; what is farther is as far as was looked. float32 array of the
        same shape.
    """
    far = feather.metres**2
    squares = np.where(mask, np.float32(0), np.float32(far))
    for axis, size in ((0, feather.height), (1, feather.width)):  # straight down, then across that
        found = squares.copy()
        lines, beside = np.moveaxis(found, axis, 0), np.moveaxis(squares, axis, 0)
        for step in range(1, min(math.ceil(feather.metres / size), len(lines))):
            more = np.float32((step * size) ** 2)
            np.minimum(lines[step:], beside[:-step] + more, out=lines[step:])
            np.minimum(lines[:-step], beside[step:] + more, out=lines[:-step])
        squares = found
    return np.sqrt(squares)

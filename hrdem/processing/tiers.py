"""Overlay tiers: the finer one where it has data, blended into the next if requested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.grid import Pixels, Window
from hrdem.planning.feather import Feather
from hrdem.processing.finish import SourceIds
from hrdem.processing.tile_result import TierSeam

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Layer:
    """Pixels of a window, with the ids of their sources.

    Attributes:
        pixels: Array of shape (rows, columns).
        valid: Which of them have data.
        source_ids: Source ids of each surface that they are computed from; 0 without data.
    """

    pixels: Pixels
    valid: Mask
    source_ids: Sequence[SourceIds]


def overlay(fine: Layer, coarse: Layer, feather: Feather) -> Layer:
    """Overlay a finer tier on a coarser one.

    Args:
        fine: The finer tier.
        coarse: All tiers below it.
        feather: Distance over which the weight of the finer tier grows from 0 to 1, from its edge
            with the coarser one. Layers must have a border of that width.

    Returns:
        Both; a blended pixel has the source id of the finer tier.
    """
    pixels = np.where(fine.valid, fine.pixels, coarse.pixels)
    if feather.metres:
        weight = measure_distance(~fine.valid & coarse.valid, feather) / np.float32(feather.metres)
        blended = fine.valid & coarse.valid & (weight < 1)
        wide = np.result_type(pixels, np.float32)
        above, below = fine.pixels[blended].astype(wide), coarse.pixels[blended].astype(wide)
        mixed = below + weight[blended] * (above - below)
        pixels[blended] = mixed if pixels.dtype.kind == "f" else np.rint(mixed)
    source_ids = [
        np.where(fine.valid, one, other)
        for one, other in zip(fine.source_ids, coarse.source_ids, strict=True)
    ]
    return Layer(pixels, fine.valid | coarse.valid, source_ids)


def measure_seam(
    fine: Layer, coarse: Layer, visible: Mask, within: Window, dst_window: Window
) -> TierSeam:
    """Measure the vertical steps along the edge of a finer tier.

    Args:
        fine: The finer tier, without feathering.
        coarse: All tiers below it.
        visible: Which pixels are visible in the output, array of the shape of ``within``.
        within: Window of the layers to measure in; it has a border of at least one pixel.
        dst_window: The same window on the output's grid.
    """
    rows, columns = within.slices
    continued = ~fine.valid & coarse.valid
    at_edge = np.zeros(visible.shape, np.bool_)
    for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        at_edge |= continued[
            rows.start + down : rows.stop + down, columns.start + right : columns.stop + right
        ]
    at_edge &= visible & fine.valid[rows, columns] & coarse.valid[rows, columns]
    if not at_edge.any():
        return TierSeam()
    above = fine.pixels[rows, columns][at_edge].astype(np.float64)
    steps = np.abs(above - coarse.pixels[rows, columns][at_edge])
    largest = int(steps.argmax())
    row, column = np.argwhere(at_edge)[largest]
    return TierSeam(
        pixels=steps.size,
        total=float(steps.sum()),
        max_step=float(steps[largest]),
        max_step_pixel=(dst_window.column + int(column), dst_window.row + int(row)),
    )


def measure_distance(mask: Mask, feather: Feather) -> NDArray[np.float32]:
    """Measure the distance of each pixel to the nearest pixel of a mask.

    Args:
        mask: Array of shape (rows, columns).
        feather: Maximum distance, and size of pixels.

    Returns:
        float32 array of the same shape: metres between centres, at most the maximum distance.
    """
    far = feather.metres**2
    squares = np.where(mask, np.float32(0), np.float32(far))
    for axis, size in ((0, feather.height), (1, feather.width)):  # along columns, then along rows
        found = squares.copy()
        lines, before = np.moveaxis(found, axis, 0), np.moveaxis(squares, axis, 0)
        for step in range(1, min(math.ceil(feather.metres / size), len(lines))):
            more = np.float32((step * size) ** 2)
            np.minimum(lines[step:], before[:-step] + more, out=lines[step:])
            np.minimum(lines[:-step], before[step:] + more, out=lines[:-step])
        squares = found
    return np.sqrt(squares)

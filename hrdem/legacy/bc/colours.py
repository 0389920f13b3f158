"""Colours of hillshades: the ramp of BC 2.0, 3.5.4, mixed with brightness."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

#: linear between, constant beyond (BC 2.0, 3.5.4)
RAMP_METRES = (0, 0.1, 1120, 2150, 3200)
RAMP_RED = (0x1A, 0x6A, 0xF0, 0xE9, 0xFF)
RAMP_GREEN = (0x10, 0xC9, 0xE6, 0x85, 0xFF)
RAMP_BLUE = (0x81, 0x81, 0x8C, 0x6A, 0xFF)
MAX_RAMP_METRES = 3200
SHADES = 256


def mix_colours(heights: NDArray[np.int16], shade: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mix the colours of heights with brightness.

    A colour is that of the ramp times the brightness of the black-and-white file, over 255: it can
    be recomputed from the delivered files.

    Args:
        heights: int16 array of shape (rows, columns), metres.
        shade: Brightness, 1 to 255, same shape; 0 where there is no height.

    Returns:
        uint8 array of shape (rows, columns, 3): red, green, blue; black where ``shade`` is 0.
    """
    place = heights.clip(0, MAX_RAMP_METRES).astype(np.int32)
    place *= SHADES
    place += shade
    return _make_table().take(place, axis=0)


def repeat_grey(shade: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return brightness as red, green and blue, shape (rows, columns, 3)."""
    return np.repeat(shade[:, :, None], 3, axis=2)


@functools.cache
def _make_table() -> NDArray[np.uint8]:
    """Return the colours of each whole metre of the ramp, for each shade; 2.5 MB."""
    metres = np.arange(MAX_RAMP_METRES + 1)
    bands = (RAMP_RED, RAMP_GREEN, RAMP_BLUE)
    ramp = np.stack([np.interp(metres, RAMP_METRES, band) for band in bands], axis=1)
    table = np.empty((len(metres), SHADES, len(bands)), np.uint8)
    for shade in range(SHADES):
        table[:, shade] = np.floor(ramp * shade / 255 + 0.5)
    return table.reshape(-1, len(bands))

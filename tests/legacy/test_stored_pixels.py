"""Pixels in a file, read by windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hrdem.geo.grid import Window
from hrdem.legacy.stored_pixels import StoredPixels


def test_windows_are_those_of_the_array(tmp_path: Path) -> None:
    whole = np.random.default_rng(2).integers(-32767, 6000, (9, 7), np.int16)
    wide = np.zeros((9, 14), np.int16)
    wide[:, ::2] = whole  # a band need not be contiguous
    stored = StoredPixels.write(tmp_path / "heights", [whole[:4], wide[4:, ::2]])
    assert (stored.width, stored.height) == (7, 9)
    for window in (Window(0, 0, 7, 9), Window(0, 3, 7, 2), Window(5, 0, 2, 9), Window(2, 4, 3, 1)):
        np.testing.assert_array_equal(stored.read(window), whole[window.slices])

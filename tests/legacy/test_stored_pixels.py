"""Pixels in a file, read by windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hrdem.errors import OutputError
from hrdem.geo.grid import Window
from hrdem.legacy.stored_pixels import StoredPixels
from tests.systems import IS_WINDOWS


def test_windows_are_those_of_the_array(tmp_path: Path) -> None:
    whole = np.random.default_rng(2).integers(-32767, 6000, (9, 7), np.int16)
    wide = np.zeros((9, 14), np.int16)
    wide[:, ::2] = whole  # a band need not be contiguous
    stored = StoredPixels.write(tmp_path / "heights", [whole[:4], wide[4:, ::2]])
    assert (stored.width, stored.height) == (7, 9)
    for window in (Window(0, 0, 7, 9), Window(0, 3, 7, 2), Window(5, 0, 2, 9), Window(2, 4, 3, 1)):
        np.testing.assert_array_equal(stored.read(window), whole[window.slices])


def test_a_file_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    """What an array had before is never taken for heights."""
    stored = StoredPixels.write(tmp_path / "heights", [np.ones((4, 5), np.int16)])
    with stored.path.open("rb+") as file:
        file.truncate(35)
    np.testing.assert_array_equal(stored.read(Window(0, 0, 5, 3)), 1)
    for window in (Window(0, 0, 5, 4), Window(3, 3, 2, 1)):
        with pytest.raises(OutputError, match="was cut off while it was in use. Set TMPDIR"):
            stored.read(window)


@pytest.mark.skipif(IS_WINDOWS, reason="Windows has no device that is always full")
def test_a_full_disk_names_the_folder_of_temporary_files() -> None:
    with pytest.raises(OutputError, match="cannot take 40 B of temporary files"):
        StoredPixels.write(Path("/dev/full"), [np.ones((4, 5), np.int16)])

"""Heights in a file, read by rows and by columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hrdem.legacy.bc.stored_heights import StoredHeights


def test_rows_and_columns_are_those_of_the_array(tmp_path: Path) -> None:
    whole = np.random.default_rng(2).integers(-32767, 6000, (9, 7), np.int16)
    wide = np.zeros((9, 14), np.int16)
    wide[:, ::2] = whole  # a band need not be contiguous
    stored = StoredHeights.write(tmp_path / "heights", [whole[:4], wide[4:, ::2]])
    assert (stored.width, stored.height) == (7, 9)
    np.testing.assert_array_equal(stored.read_rows(0, 9), whole)
    np.testing.assert_array_equal(stored.read_rows(3, 2), whole[3:5])
    np.testing.assert_array_equal(stored.read_columns(0, 7), whole)
    np.testing.assert_array_equal(stored.read_columns(5, 2), whole[:, 5:])

"""Statistics of parts combine to the statistics of the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrdem.processing.statistics import Statistics

heights = st.lists(st.floats(-100, 6000, width=32), max_size=60)


@given(st.lists(heights, max_size=6))
def test_parts_add_up_to_the_whole(parts: list[list[float]]) -> None:
    total = Statistics()
    for part in parts:
        total += Statistics.of(np.array(part, "float32"), len(part) + 3)
    everything = np.array([value for part in parts for value in part], "float32")
    assert total.pixels == everything.size + 3 * len(parts)
    assert total.valid == everything.size
    if everything.size:
        assert (total.minimum, total.maximum) == (everything.min(), everything.max())
        assert total.mean == pytest.approx(everything.mean(dtype="f8"), abs=1e-6)
        assert total.standard_deviation == pytest.approx(everything.std(dtype="f8"), abs=1e-6)
    else:
        assert math.isnan(total.mean)
        assert total.valid_percent == 0


def test_constant_heights_have_no_deviation() -> None:
    lake = Statistics.of(np.full(1000, 56.7, "float32"), 1000)
    assert (lake + lake).standard_deviation == pytest.approx(0, abs=1e-5)

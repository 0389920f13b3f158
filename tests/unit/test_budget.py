"""Memory is shared out so that a run stays below its limit, however wide the area."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrdem.budget import Budget, check_limit
from hrdem.errors import RequestError

PIECE = 1 << 19


@given(
    limit=st.integers(220_000_000, 8_000_000_000),
    width=st.integers(1, 500_000),
    itemsize=st.sampled_from([1, 4, 8]),
)
def test_what_is_held_at_a_time_fits_below_the_limit(limit: int, width: int, itemsize: int) -> None:
    budget = Budget.of(limit, width, itemsize, PIECE)
    assert budget.blocks >= 1
    assert budget.pieces >= 1
    held = budget.blocks * 512 * 512 * (itemsize + 1) + budget.pieces * PIECE * itemsize
    assert held < limit - 90_000_000 or (budget.blocks, budget.pieces) == (1, 1)


def test_the_usual_limit_keeps_all_connections_busy_on_a_wide_area() -> None:
    budget = Budget.of(300_000_000, 65_536, 4, PIECE)
    assert budget.blocks >= 60  # a border between stripes is read twice
    assert budget.pieces >= 16


def test_more_memory_reads_further_ahead() -> None:
    small, large = (Budget.of(limit, 16_384, 4, PIECE) for limit in (300_000_000, 600_000_000))
    assert large.pieces > small.pieces


def test_too_little_memory_is_a_wrong_request() -> None:
    check_limit(220_000_000)
    with pytest.raises(RequestError, match="at least 220 MB"):
        check_limit(219_999_999)

"""Spans of bytes are joined where a gap costs less than a request."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hrdem.http.spans import MAX_GAP_BYTES, join_ranges, join_spans


@given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(1, 10**6)), min_size=1))
def test_joined_spans_cover_all_and_leave_wide_gaps(spans) -> None:
    requested = [(start, start + length) for start, length in spans]
    joined = join_spans(requested)
    for start, stop in requested:
        assert any(a <= start and stop <= b for a, b in joined)
    for (_, stop), (start, _) in itertools.pairwise(joined):
        assert start - stop > MAX_GAP_BYTES
    starts, stops = np.array(requested, np.int64).T
    assert join_ranges(starts, stops) == joined
    assert join_ranges(starts[:0], stops[:0]) == []

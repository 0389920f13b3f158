"""Memory is divided so that a run stays below its limit, however wide the area."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrdem.errors import RequestError
from hrdem.geo.grid import Window
from hrdem.processing.memory_budget import Budget, check_max_memory, divide_by_runs

BLOCK = (512, 512)
LARGE = Window(0, 0, 16_384, 16_384)


@given(
    limit=st.integers(240_000_000, 8_000_000_000),
    width=st.integers(1, 500_000),
    height=st.integers(1, 500_000),
    itemsize=st.sampled_from([1, 4, 8]),
    coders=st.integers(1, 4),
    edge=st.sampled_from([128, 512, 1024]),
)
def test_all_buffers_fit_below_the_limit(
    limit: int, width: int, height: int, itemsize: int, coders: int, edge: int
) -> None:
    budget = Budget.of(limit, Window(0, 0, width, height), itemsize, (edge, edge), coders)
    assert min(budget.stripe_blocks, budget.max_reads, budget.max_decoding) >= 1
    read = max(budget.read_pixels, edge * edge) * itemsize
    block = 512 * 512 * (itemsize + 1)
    total = budget.stripe_blocks * block * max(1, edge // 512)
    total += budget.max_reads * read
    total += budget.max_decoding * read + 2 * coders * block
    minimal = (budget.stripe_blocks, budget.max_reads) == (1, 1)
    assert total < limit - 140_000_000 or minimal


def test_default_limit_keeps_all_connections_busy() -> None:
    """On a wide area, stripes are wide and 16 reads or more are allowed."""
    budget = Budget.of(300_000_000, Window(0, 0, 65_536, 65_536), 4, BLOCK, 2)
    assert budget.stripe_blocks >= 48  # a border between stripes is read twice
    assert budget.max_reads >= 16


def test_stripes_do_not_depend_on_a_few_megabytes() -> None:
    """The width of the stripes determines the order of tiles in the file."""
    wide = Window(0, 0, 65_536, 65_536)
    usual, larger = (
        Budget.of(300_000_000, wide, 4, BLOCK, 2, used_memory=used)
        for used in (100_000_000, 112_000_000)
    )
    assert usual.stripe_blocks == larger.stripe_blocks


def test_more_memory_reads_further_ahead() -> None:
    small, large = (Budget.of(limit, LARGE, 4, BLOCK, 2) for limit in (300_000_000, 600_000_000))
    assert large.max_reads * large.read_pixels > small.max_reads * small.read_pixels


@pytest.mark.parametrize(("limit", "tiles"), [(300_000_000, 3), (600_000_000, 8)])
def test_memory_is_used_for_large_reads(limit: int, tiles: int) -> None:
    """A connection is idle for a round trip after each read; this process uses 140 MB already."""
    budget = Budget.of(limit, LARGE, 4, BLOCK, 2, used_memory=140_000_000)
    assert budget.read_pixels >= tiles * 512 * 512
    assert budget.max_reads > 16


def test_small_area_has_reads_for_all_connections() -> None:
    budget = Budget.of(300_000_000, Window(0, 0, 2_560, 2_560), 4, BLOCK, 2)
    assert budget.read_pixels == 512 * 512


def test_large_blocks_mean_fewer_reads_at_a_time() -> None:
    usual = Budget.of(300_000_000, LARGE, 4, BLOCK, 2)
    large = Budget.of(300_000_000, LARGE, 4, (2_048, 2_048), 2)
    assert large.max_reads < usual.max_reads / 4
    assert (large.max_decoding, usual.max_decoding) == (1, 2)


def test_more_threads_leave_less_memory_for_reads() -> None:
    two, four = (Budget.of(300_000_000, LARGE, 4, BLOCK, coders) for coders in (2, 4))
    assert four.max_reads * four.read_pixels < two.max_reads * two.read_pixels


def test_too_little_memory_is_a_request_error() -> None:
    check_max_memory(240_000_000)
    with pytest.raises(RequestError, match="at least 240 MB"):
        check_max_memory(239_999_999)


@pytest.mark.parametrize(
    ("max_memory", "used", "runs"),
    [(300, 100, 4), (300, 210, 2), (300, 290, 1), (240, 400, 1), (2_000, 210, 8)],
)
def test_runs_at_the_same_time_share_memory(max_memory: int, used: int, runs: int) -> None:
    """What all of them take beside the rest of the process is within its limit."""
    most, limit = divide_by_runs(max_memory * 1_000_000, used * 1_000_000, 8)
    base = max(140, used) * 1_000_000
    assert most == runs
    assert (limit - base) * runs <= max_memory * 1_000_000 - base
    assert limit - base >= 40_000_000 or runs == 1

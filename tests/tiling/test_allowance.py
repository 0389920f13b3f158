"""Connections are shared among tiles, and there are fewer of them while a server is throttled."""

from __future__ import annotations

import pytest

from hrdem.tiling.allowance import Allowance


@pytest.mark.parametrize(
    ("most", "capacity", "shares"),
    [
        (16, 1, [16]),
        (16, 4, [4, 4, 4, 4]),
        (16, 3, [5, 5, 5]),
        (16, 20, [1] * 16),  # more workers than connections: some wait
        (1, 4, [1]),
    ],
)
def test_tiles_in_progress_never_have_more_connections_than_allowed(
    most: int, capacity: int, shares: list[int]
) -> None:
    allowance = Allowance(most)
    taken = [allowance.take(str(number), capacity) for number in range(len(shares) + 2)]
    assert taken == [*shares, 0, 0]
    assert sum(taken) <= most


def test_a_throttled_tile_halves_them_and_clean_ones_win_them_back() -> None:
    allowance = Allowance(16)
    for name in "abcd":
        assert allowance.take(name, 4) == 4
    allowance.give_back("a", throttled=3)
    assert allowance.allowed == 8
    assert allowance.take("e", 4) == 0  # three tiles still have 12
    for name in "bcd":  # began before the cut: they tell nothing new
        allowance.give_back(name, throttled=1)
    assert allowance.allowed == 8
    assert [allowance.take(name, 4) for name in "efg"] == [4, 4, 0]
    allowance.give_back("e", throttled=1)
    assert allowance.allowed == 4
    for number in range(20):
        allowance.give_back("f" if number == 0 else str(number - 1), throttled=0)
        allowance.take(str(number), 4)
    assert allowance.allowed == 16


def test_a_single_worker_has_fewer_connections_while_it_is_throttled() -> None:
    allowance = Allowance(16)
    for expected in (16, 8, 4, 2, 1, 1):
        assert allowance.take("a", 1) == expected
        allowance.give_back("a", throttled=1)


def test_more_workers_get_smaller_shares_within_what_is_free() -> None:
    allowance = Allowance(16)
    assert [allowance.take(name, 2) for name in "ab"] == [8, 8]
    assert allowance.take("c", 4) == 0
    allowance.give_back("a", throttled=0)
    assert [allowance.take(name, 4) for name in "cde"] == [4, 4, 0]

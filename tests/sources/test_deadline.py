"""How long a WCS is tried that returns nothing."""

from __future__ import annotations

import pytest

from hrdem.sources.wcs import deadline
from hrdem.sources.wcs.deadline import MAX_FRUITLESS_SECONDS, FirstChunkDeadline


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


def fail(waited: FirstChunkDeadline, clock: Clock, seconds: float) -> None:
    waited.begin()
    clock.now += seconds
    waited.record_failure(seconds)


def test_failures_at_once_are_tried_for_a_minute_with_their_waits(clock: Clock) -> None:
    waited = FirstChunkDeadline(limit=300)
    tries = 0
    while not waited.is_over(wait=8.0):
        fail(waited, clock, 0.01)
        clock.now += 8.0
        tries += 1
    assert tries == 7
    assert MAX_FRUITLESS_SECONDS - 8 < waited.elapsed <= MAX_FRUITLESS_SECONDS


def test_halves_of_a_slow_failure_have_their_time(clock: Clock) -> None:
    """A gateway gives up after a minute; the server may return a quarter in time."""
    waited = FirstChunkDeadline(limit=300)
    for _ in range(2):
        fail(waited, clock, 60)
        assert not waited.is_over(wait=0)
    fail(waited, clock, 70)
    assert not waited.is_over(wait=20)
    fail(waited, clock, 20)
    assert waited.is_over(wait=1)


def test_time_limits_of_the_server_bound_all_threads_together(clock: Clock) -> None:
    waited = FirstChunkDeadline(limit=2)
    fail(waited, clock, 2.2)
    waited.record_failure(2.2)
    assert not waited.is_over(wait=0)
    waited.record_failure(2.2)
    assert waited.is_over(wait=0)


def test_a_server_that_returned_a_chunk_is_tried_on(clock: Clock) -> None:
    waited = FirstChunkDeadline(limit=300)
    waited.begin()
    waited.record_success()
    fail(waited, clock, 5000)
    assert not waited.is_over(wait=5000)
    assert FirstChunkDeadline(limit=300).elapsed == 0

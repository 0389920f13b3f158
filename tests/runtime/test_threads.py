"""Work in threads: ordered results, bounded work in progress, and cancellation by an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrdem.runtime.threads import iterate_completed, map_in_order, thread_pool


@settings(max_examples=40, deadline=None)
@given(
    pauses=st.lists(st.floats(0, 0.002), max_size=30),
    most=st.integers(1, 9),
    threads=st.integers(1, 5),
)
def test_results_are_in_order(pauses: list[float], most: int, threads: int) -> None:
    def work(item: tuple[int, float]) -> int:
        time.sleep(item[1])
        return item[0]

    with thread_pool(threads, "test") as pool:
        assert list(map_in_order(pool, work, enumerate(pauses), most)) == list(range(len(pauses)))


def test_items_are_taken_one_window_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 100:
            taken += 1
            yield taken

    with thread_pool(2, "test") as pool:
        results = map_in_order(pool, lambda item: item, items(), max_pending=5)
        for consumed in range(1, 40):
            next(results)
            assert taken <= consumed + 4
        results.close()


def test_error_is_raised_in_order_and_cancels_the_rest() -> None:
    begun, go = [], threading.Event()

    def work(item: int) -> int:
        begun.append(item)
        if item == 1:
            raise OSError("broken")
        go.wait(0.2)
        return item

    with pytest.raises(OSError, match="broken"), thread_pool(1, "test") as pool:
        list(map_in_order(pool, work, range(1_000), max_pending=50))
    assert len(begun) <= 4


def test_futures_are_yielded_as_they_complete() -> None:
    """Also after the time for which a wait may not notice Ctrl-C."""
    go = threading.Event()
    with thread_pool(2, "test") as pool:
        late, early = pool.submit(go.wait, 5), pool.submit(lambda: 1)
        completed = iterate_completed([late, early])
        assert next(completed) is early
        threading.Timer(0.3, go.set).start()
        assert next(completed) is late
        assert next(completed, None) is None

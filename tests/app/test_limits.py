"""Work is done a few at a time, and not for pages that have gone on."""

from __future__ import annotations

import threading
import time
from unittest.mock import AsyncMock

import anyio
import pytest

from hrdem.app.limits import Lane
from hrdem.app.problems import RefusedError


def page_of(owner: str, *, is_gone: bool = False) -> AsyncMock:
    page = AsyncMock()
    page.state.owner = owner
    page.is_disconnected.return_value = is_gone
    return page


@pytest.mark.slow
def test_one_browser_leaves_room_for_others() -> None:
    free, done = threading.Event(), []

    async def try_it() -> None:
        lane = Lane(2, 1, most=4, most_of_one=2)
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(lane.run, page_of("a"), lambda: free.wait(60))
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(RefusedError) as refused:
                await lane.run(page_of("a"), pytest.fail)
            assert refused.value.status == 429
            await lane.run(page_of("b"), lambda: done.append("b"))
            assert done == ["b"]
            free.set()
        await lane.run(page_of("a"), lambda: done.append("a"))

    anyio.run(try_it)


def test_all_browsers_together_have_a_limit() -> None:
    free = threading.Event()

    async def try_it() -> None:
        lane = Lane(1, 1, most=2, most_of_one=2)
        async with anyio.create_task_group() as group:
            for owner in "ab":
                group.start_soon(lane.run, page_of(owner), lambda: free.wait(60))
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(RefusedError):
                await lane.run(page_of("c"), pytest.fail)
            assert lane._queues.keys() == {"a", "b"}  # nothing is left of who was refused
            free.set()

    anyio.run(try_it)


def test_nothing_is_done_for_a_page_that_has_gone_on() -> None:
    with pytest.raises(RefusedError):
        anyio.run(Lane(1, 1, 1, 1).run, page_of("a", is_gone=True), pytest.fail)


def test_a_server_that_stops_does_not_wait_for_what_runs() -> None:
    """It may wait for a service that is silent."""
    free = threading.Event()

    async def refuse(lane: Lane) -> None:
        with pytest.raises(RefusedError, match="stops"):
            await lane.run(page_of("a"), lambda: free.wait(60))

    async def try_it() -> None:
        lane = Lane(1, 1, 2, 2)
        async with anyio.create_task_group() as group:
            group.start_soon(refuse, lane)
            await anyio.wait_all_tasks_blocked()
            lane.close()
        with pytest.raises(RefusedError):
            await lane.run(page_of("a"), pytest.fail)

    began = time.monotonic()
    anyio.run(try_it)
    assert time.monotonic() - began < 30
    free.set()

"""Hand tiles to an engine: some at a time, within their connections, and failed ones again."""

from __future__ import annotations

import collections
import heapq
import time
from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import dataclass, replace

from hrdem.tiling.allowance import Allowance
from hrdem.tiling.engines.protocol import Engine
from hrdem.tiling.task import Report, TileOutcome, TileTask

MAX_TRIES = 3  # of a tile
FIRST_WAIT_SECONDS = 2.0  # before another try, if no other tile is left; the client has waited, too
MAX_LOST_IN_ROW = 10  # tiles that failed for good without any that was made, before the run stops
MAX_OUTAGES_IN_ROW = 10  # tries without any tile that was made, before no others are begun
_STEP_SECONDS = 1.0  # after which workers and tiles to try again are looked at
IDLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """A tile that has ended for good.

    Attributes:
        report: Its last report.
        tries: Number of tries.
        stops: Whether no other tile is begun after it.
    """

    report: Report
    tries: int
    stops: bool = False


class _Queue:
    """Tiles to make, and those to try again later."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = collections.deque(names)
        self._later: list[tuple[float, str]] = []
        self.tries: collections.Counter[str] = collections.Counter()

    def __bool__(self) -> bool:
        return bool(self._names or self._later)

    @property
    def has_failed(self) -> bool:
        """Whether there are tiles to try again."""
        return bool(self._later)

    def next(self, *, only_failed: bool = False) -> str | None:
        """Return the next tile, which stays queued; None if none is due.

        Args:
            only_failed: Whether it is one that has failed before.
        """
        if self._names and not only_failed:
            return self._names[0]
        is_due = self._later and self._later[0][0] <= time.monotonic()
        return self._later[0][1] if is_due else None

    def begin(self, name: str) -> None:
        """Remove the tile that was the next one."""
        self.tries[name] += 1
        if self._names and self._names[0] == name:
            self._names.popleft()
        else:
            heapq.heappop(self._later)

    def add_again(self, name: str) -> None:
        """Add a tile that failed: after all others, and not at once."""
        wait = FIRST_WAIT_SECONDS * 4.0 ** (self.tries[name] - 1)
        heapq.heappush(self._later, (time.monotonic() + wait, name))

    def remove(self, names: Collection[str]) -> list[str]:
        """Remove tiles; return those that were queued."""
        removed = [name for name in self._names if name in names]
        removed += [name for _, name in self._later if name in names]
        self._names = collections.deque(name for name in self._names if name not in names)
        self._later = [each for each in self._later if each[1] not in names]
        heapq.heapify(self._later)
        return removed

    def clear(self) -> None:
        """Remove all tiles."""
        self._names.clear()
        self._later.clear()


def dispatch_tiles(
    names: Iterable[str],
    engine: Engine,
    allowance: Allowance,
    find_stale: Callable[[str], Collection[str]] = lambda _: (),
) -> Generator[Ended]:
    """Make tiles, and yield each when it has ended for good; tiles in no order.

    A tile that fails is tried again after all others; but if nothing can be fetched, before all
    others, so that the run stops soon if that lasts. If a source changed, the tiles that read it
    and have not begun are stale; tiles in progress find that out themselves.

    Args:
        names: Names of the tiles.
        engine: Makes them.
        allowance: Connections for all of them.
        find_stale: Returns the names of all tiles that read a source, by its address.

    Raises:
        HrdemError: If the engine fails.
    """
    queue = _Queue(names)
    lost_in_row = outages_in_row = 0
    while queue or allowance.in_progress:
        is_outage = outages_in_row >= MAX_OUTAGES_IN_ROW
        _begin_tiles(queue, engine, allowance, is_outage=is_outage)
        if not allowance.in_progress:  # no worker yet, or no tile is due
            time.sleep(IDLE_SECONDS)
            continue
        for report in engine.wait(_STEP_SECONDS):
            allowance.give_back(report.name, report.throttled)
            tries = queue.tries[report.name]
            if isinstance(report, TileOutcome):
                lost_in_row = outages_in_row = 0
                yield Ended(report, tries)
                continue
            outages_in_row += report.is_outage
            if report.can_retry and tries < MAX_TRIES:
                queue.add_again(report.name)
                continue
            lost_in_row += report.is_outage
            stops = report.stops or lost_in_row >= MAX_LOST_IN_ROW
            if stops:
                queue.clear()
            yield Ended(report, tries, stops)
            if report.source:
                for name in queue.remove(find_stale(report.source)):
                    yield Ended(replace(report, name=name), 0)


def _begin_tiles(queue: _Queue, engine: Engine, allowance: Allowance, *, is_outage: bool) -> None:
    """Begin as many tiles as workers and connections allow; in an outage, those that failed."""
    capacity = engine.capacity
    while capacity:
        only_failed = is_outage and bool(queue.has_failed or allowance.in_progress)
        name = queue.next(only_failed=only_failed)
        connections = 0 if name is None else allowance.take(name, capacity)
        if name is None or not connections:
            return
        queue.begin(name)
        engine.submit(TileTask(name, connections, engine.keeps_connections))

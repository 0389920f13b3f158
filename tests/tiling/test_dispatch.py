"""Tiles go to an engine some at a time, and failed ones go again after all others."""

from __future__ import annotations

import collections
from collections.abc import Callable

import pytest

from hrdem.tiling import dispatch
from hrdem.tiling.allowance import Allowance
from hrdem.tiling.dispatch import (
    MAX_LOST_IN_ROW,
    MAX_OUTAGES_IN_ROW,
    MAX_TRIES,
    dispatch_tiles,
)
from hrdem.tiling.task import Report, TileFailure, TileOutcome, TileTask


class Engine:
    """Ends one tile at each wait, as a test's script says."""

    keeps_connections = True

    def __init__(self, capacity: int, script: Callable[[str, int], Report]) -> None:
        self.capacity = capacity
        self.script = script
        self.running: collections.deque[TileTask] = collections.deque()
        self.begun: list[str] = []
        self.most = 0

    def submit(self, task: TileTask) -> None:
        self.running.append(task)
        self.begun.append(task.name)
        self.most = max(self.most, len(self.running))

    def wait(self, seconds: float) -> list[Report]:
        task = self.running.popleft()
        return [self.script(task.name, self.begun.count(task.name))]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(dispatch, "IDLE_SECONDS", 0.001)


def lost(name: str, **details) -> TileFailure:
    return TileFailure(name, "TransferError", "The line is cut.", **details)


def test_all_tiles_are_made_and_few_are_in_progress() -> None:
    engine = Engine(3, lambda name, _: TileOutcome(name))
    names = [f"{number:03}" for number in range(100)]
    ended = [each.report.name for each in dispatch_tiles(names, engine, Allowance(16))]
    assert ended == engine.begun == names
    assert engine.most == 3


def test_a_tile_that_fails_is_tried_again_after_all_others_and_three_times_in_all() -> None:
    def script(name: str, tries: int) -> Report:
        return lost(name) if name == "a" or (name == "b" and tries < 3) else TileOutcome(name)

    engine = Engine(2, script)
    ended = {each.report.name: each for each in dispatch_tiles("abcd", engine, Allowance(2))}
    assert engine.begun[:4] == ["a", "b", "c", "d"]
    assert isinstance(ended["a"].report, TileFailure)
    assert ended["a"].tries == engine.begun.count("a") == MAX_TRIES
    assert ended["b"].report == TileOutcome("b")
    assert len(ended) == 4


def test_a_failure_that_lasts_is_not_tried_again() -> None:
    engine = Engine(1, lambda name, _: TileFailure(name, "RequestError", "No.", can_retry=False))
    (ended,) = dispatch_tiles("a", engine, Allowance(1))
    assert (ended.tries, engine.begun) == (1, ["a"])


def test_tiles_of_a_source_that_changed_are_stale_and_the_others_are_made() -> None:
    url = "https://store.example/a.tif"

    def script(name: str, _: int) -> Report:
        changed = TileFailure(name, "SourceChangedError", "It changed.", url, can_retry=False)
        return changed if name in ("b", "c") else TileOutcome(name)

    engine = Engine(2, script)
    found = list(dispatch_tiles("abcdef", engine, Allowance(2), lambda _: {"b", "c", "e"}))
    assert engine.begun == ["a", "b", "c", "d", "f"]  # c had begun when b found the change
    stale = {each.report.name: each.tries for each in found if not_made(each.report)}
    assert stale == {"b": 1, "c": 1, "e": 0}
    assert len(found) == 6


def not_made(report: Report) -> bool:
    return isinstance(report, TileFailure) and bool(report.source)


def test_without_a_line_the_run_stops_before_every_tile_has_failed() -> None:
    engine = Engine(1, lambda name, _: lost(name, is_outage=True))
    names = [f"{number:02}" for number in range(50)]
    found = list(dispatch_tiles(names, engine, Allowance(1)))
    assert [each.stops for each in found] == [False] * (MAX_LOST_IN_ROW - 1) + [True]


@pytest.mark.parametrize("workers", [1, 8])
def test_without_a_line_the_first_tiles_get_their_tries_and_most_are_not_begun(
    workers: int,
) -> None:
    """Each was tried twice before the run stopped: hours, of thousands."""
    engine = Engine(workers, lambda name, _: lost(name, is_outage=True))
    names = [f"{number:04}" for number in range(5_000)]
    found = list(dispatch_tiles(names, engine, Allowance(16)))
    assert any(each.stops for each in found)
    most = MAX_OUTAGES_IN_ROW + workers - 1
    assert len(set(engine.begun)) <= most
    assert len(engine.begun) <= MAX_TRIES * most


def test_a_short_storm_loses_no_tile() -> None:
    tries = 0

    def script(name: str, _: int) -> Report:
        nonlocal tries
        tries += 1
        is_storm = 5 <= tries < 25 or name == "07"  # which has a storm of its own
        return lost(name, is_outage=True) if is_storm else TileOutcome(name)

    engine = Engine(4, script)
    names = [f"{number:02}" for number in range(40)]
    found = list(dispatch_tiles(names, engine, Allowance(16)))
    assert sorted(each.report.name for each in found) == names
    assert [each.report.name for each in found if each.report != TileOutcome(each.report.name)] == [
        "07"
    ]
    assert engine.most == 4


def test_others_are_begun_in_an_outage_when_no_tile_is_left_to_try_again() -> None:
    def script(name: str, tries: int) -> Report:
        is_first = tries == 1
        is_lost = name <= "j"
        return lost(name, is_outage=is_first, can_retry=is_first) if is_lost else TileOutcome(name)

    found = list(dispatch_tiles("abcdefghijklmnop", Engine(1, script), Allowance(1)))
    assert [each.report for each in found[10:]] == [TileOutcome(name) for name in "klmnop"]


def test_a_full_disk_stops_the_run() -> None:
    engine = Engine(
        1, lambda name, _: TileFailure(name, "OutputError", "The disk is full.", stops=True)
    )
    (ended,) = dispatch_tiles("a", engine, Allowance(1))
    assert (ended.stops, ended.tries) == (True, MAX_TRIES)


def test_workers_may_come_later() -> None:
    engine = Engine(0, lambda name, _: TileOutcome(name))
    capacities = iter((0, 0, 1, 1, 1, 1, 1, 1))
    type(engine).capacity = property(lambda _: next(capacities), lambda *_: None)
    try:
        assert len(list(dispatch_tiles("ab", engine, Allowance(1)))) == 2
    finally:
        del type(engine).capacity

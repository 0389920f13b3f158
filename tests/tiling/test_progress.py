"""Progress of a job: by bytes, for people and as JSON lines."""

from __future__ import annotations

import json

import pytest

from hrdem.tiling import progress
from hrdem.tiling.progress import JobMeter, JobProgress, format_progress
from hrdem.tiling.task import OutcomeState, TileFailure, TileOutcome


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[JobProgress]:
    clock = iter(range(100))
    monkeypatch.setattr(progress.time, "monotonic", lambda: 10.0 * next(clock))
    return []


def test_time_left_goes_by_bytes_because_tiles_differ(seen: list[JobProgress]) -> None:
    sizes = {"large": 900, "small": 50, "smaller": 50}
    meter = JobMeter(sizes, seen.append)
    meter.add(TileOutcome("small", received_bytes=40, written_bytes=30), 16)
    meter.add(TileOutcome("large", received_bytes=900), 16)
    assert [each.seconds_left for each in seen] == [None, 190.0, pytest.approx(20 * 0.05 / 0.95)]
    assert (seen[-1].received_bytes, seen[-1].written_bytes, seen[-1].source_bytes) == (
        940,
        30,
        950,
    )
    assert seen[-1].bytes_per_second == 47


def test_json_has_the_tile_and_the_sums(seen: list[JobProgress]) -> None:
    meter = JobMeter({"a": 1, "b": 1, "c": 1}, seen.append)
    meter.add(TileOutcome("a", OutcomeState.EMPTY, throttled=2), 8)
    meter.add(TileFailure("b", "TransferError", "The line is cut."), 9)
    meter.add(TileFailure("c", "SourceChangedError", "It changed.", "https://store.example/c"), 10)
    lines = [json.loads(json.dumps(each.as_dict())) for each in seen]
    assert [line.get("tile", {}).get("state") for line in lines] == [
        None, "empty", "failed", "stale",
    ]  # fmt: skip
    assert lines[2]["tile"]["reason"] == "The line is cut."
    sums = {name: lines[-1][name] for name in ("tiles", "done", "failed", "stale", "throttled")}
    assert sums == {"tiles": 3, "done": 1, "failed": 1, "stale": 1, "throttled": 2}
    assert format_progress(seen[-1]) == "1 of 3 tiles, 1 failed, 1 stale, 0 s left"

"""A run makes what its store lacks, goes on after failures, and says what it has made."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio

from hrdem.errors import (
    ExitCode,
    HrdemError,
    OutputError,
    RequestError,
    SourceChangedError,
    TransferError,
)
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import extract
from hrdem.output.plan_writer import OutputOptions
from hrdem.tiling.engines.in_process import InProcessEngine
from hrdem.tiling.failures import Failure, write_failures
from hrdem.tiling.folder_store import FolderStore
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.job_file import format_hash
from hrdem.tiling.journal import JobReplacedError, TileState, create_job, read_journal, read_states
from hrdem.tiling.make_tile import make_tile
from hrdem.tiling.output_store import open_store
from hrdem.tiling.progress import JobProgress
from hrdem.tiling.report_tile import report_tile
from hrdem.tiling.run_job import JobSummary, run_job, select_part
from hrdem.tiling.task import MakeTile, TileOutcome
from tests.stores import Store
from tests.tiling import tilings

QUARTERS = ["north-Rivière", "north-west", "south-Rivière", "south-west"]


@dataclass
class InMemory:
    """The work of a job whose sources are in memory; some tiles fail first."""

    job: Job
    folder: Path
    http: Store
    fail: Callable[[str], HrdemError | None] = lambda _: None
    key: str = "in memory"

    @contextlib.contextmanager
    def open(self) -> Iterator[MakeTile]:
        context = RunContext(self.http, self.folder / "cache")
        yield lambda task: report_tile(task, self.job, context, self._make)

    def _make(self, tile: Tile) -> TileOutcome:
        if error := self.fail(tile.name):
            raise error
        context = RunContext(self.http, self.folder / "cache")
        return make_tile(self.job, tile, open_store(self.folder), context)

    def run(self, **options) -> JobSummary:
        store = open_store(self.folder)
        create_job(store, format_hash(self.job.sha256))
        with InProcessEngine(self) as engine:
            return run_job(self.job, store, engine, read_journal(self.job, store), **options)


@pytest.fixture
def work(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InMemory:
    monkeypatch.setattr("hrdem.tiling.dispatch.FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("hrdem.tiling.dispatch.IDLE_SECONDS", 0.001)
    tilings.publish_relief(store)
    return InMemory(tilings.make_job(store), tmp_path / "out", store)


def test_all_tiles_are_made_once_and_have_the_pixels_of_the_whole(
    work: InMemory, tmp_path: Path
) -> None:
    seen: list[JobProgress] = []
    summary = work.run(on_progress=seen.append)
    assert (summary.exit_code, summary.progress.done) == (ExitCode.COMPLETE, 4)
    whole = tmp_path / "whole.tif"
    extract(work.job.plan.request, RunContext(work.http, tmp_path), OutputOptions(whole))
    with rasterio.open(whole) as dataset:
        expected = dataset.read(1)
    for name in QUARTERS:
        with rasterio.open(work.folder / f"{name}.tif") as dataset:
            np.testing.assert_array_equal(
                dataset.read(1), expected[work.job.tile(name).window.slices]
            )
        item = json.loads((work.folder / f"{name}.stac.json").read_text())
        assert item["properties"]["hrdem:job"] == work.job.sha256
        assert item["properties"]["hrdem:tile"] == item["id"] == name
    assert [each.report and each.report.name for each in seen] == [None, *QUARTERS]
    again = work.run()
    assert (again.progress.tiles, again.exit_code) == (0, ExitCode.COMPLETE)


@pytest.mark.slow
def test_a_tile_that_fails_three_times_is_recorded_and_the_others_are_made(work: InMemory) -> None:
    work.fail = lambda name: TransferError("No line.") if name == "north-west" else None
    summary = work.run()
    assert summary.exit_code == ExitCode.INCOMPLETE
    assert summary.as_dict()["failed_tiles"] == {"north-west": "No line."}
    record = json.loads((work.folder / "failed.json").read_text())
    assert record["tiles"]["north-west"]["tries"] == 3
    states = read_states(work.job, open_store(work.folder))
    assert [states[name] for name in QUARTERS] == ["done", "failed", "done", "done"]
    work.fail = lambda _: None
    assert work.run().progress.done == 1
    assert not (work.folder / "failed.json").exists()


@pytest.mark.parametrize("how", ["an interrupt", "a full disk"])
def test_a_retry_that_does_not_get_to_the_end_forgets_no_failed_tile(
    work: InMemory, how: str
) -> None:
    """They became missing, and the next retry had nothing to do."""
    store = open_store(work.folder)
    create_job(store, format_hash(work.job.sha256))
    lost = Failure("failed", "TransferError", "The line is cut.", "", 3)
    write_failures(store, work.job.sha256, dict.fromkeys(QUARTERS, lost))
    if how == "an interrupt":

        def interrupt(progress: JobProgress) -> None:
            if progress.done == 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            work.run(only_failed=True, on_progress=interrupt)
    else:
        full = OutputError("The disk is full.")
        work.fail = lambda name: full if name != QUARTERS[0] else None
        assert work.run(only_failed=True).exit_code == ExitCode.OUTPUT
    work.fail = lambda _: None
    assert work.run(only_failed=True).progress.done == 3
    assert not (work.folder / "failed.json").exists()


def test_a_retry_is_not_complete_while_tiles_are_missing(work: InMemory) -> None:
    store = open_store(work.folder)
    lost = Failure("failed", "TransferError", "The line is cut.", "", 3)
    write_failures(store, work.job.sha256, {QUARTERS[0]: lost})
    for made in (1, 0):
        summary = work.run(only_failed=True)
        assert (summary.progress.done, summary.missing) == (made, 3)
        assert summary.exit_code == ExitCode.INCOMPLETE
    assert work.run().exit_code == ExitCode.COMPLETE


def test_tiles_of_a_republished_source_are_stale_and_stay_so(work: InMemory) -> None:
    url = work.job.plan.sources[0].url
    work.fail = lambda name: SourceChangedError("It changed.", url) if name == QUARTERS[1] else None
    summary = work.run()
    assert summary.exit_code == ExitCode.SOURCE_CHANGED
    assert summary.stale == QUARTERS[1:]  # all read it
    assert summary.failures[QUARTERS[1]].reason == (
        f"{url} was published again since the job was planned. `update=True` plans and makes its "
        "tiles anew."
    )
    states = read_states(work.job, open_store(work.folder))
    assert {states[name] for name in QUARTERS[1:]} == {TileState.STALE}
    work.fail = lambda _: None
    again = work.run()  # tries none of them again
    assert (again.progress.tiles, again.exit_code) == (0, ExitCode.SOURCE_CHANGED)


@pytest.mark.slow
def test_a_disk_that_is_full_ends_the_run_with_a_summary(
    work: InMemory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OutputError("failed.json cannot be written.")

    work.fail = lambda _: OutputError("The disk is full.")
    monkeypatch.setattr("hrdem.tiling.run_job.write_failures", fail)
    summary = work.run()
    assert (summary.exit_code, summary.stopped) == (ExitCode.OUTPUT, "The disk is full.")
    assert "not recorded: failed.json cannot be written." in caplog.text


@pytest.mark.slow
def test_a_defect_in_one_tile_does_not_end_the_others(work: InMemory) -> None:
    work.fail = lambda name: 1 / 0 if name == "south-west" else None
    summary = work.run()
    assert summary.progress.done == 3
    assert summary.failures["south-west"].reason == "ZeroDivisionError: division by zero"


@pytest.mark.slow
def test_a_tile_without_a_valid_pixel_gets_an_item_and_no_raster(
    store: Store, tmp_path: Path
) -> None:
    store.add("hrdem-mosaic-1m", np.full((400, 600), -32767, np.float32), tilings.LEFT, tilings.TOP)
    work = InMemory(tilings.make_job(store), tmp_path / "out", store)
    folder = work.folder
    folder.mkdir()
    (folder / "south-west.tif").write_bytes(b"of a worker that was killed before the update")
    summary = work.run()
    assert (summary.empty, summary.exit_code) == (4, ExitCode.COMPLETE)
    assert summary.progress.received_bytes == summary.progress.total_bytes
    assert not list(folder.glob("*.tif"))
    item = json.loads((folder / "south-west.stac.json").read_text())
    assert (item["assets"], item["properties"]["hrdem:empty"]) == ({}, True)
    assert read_states(work.job, open_store(folder))["south-west"] == TileState.EMPTY


class Overtaken(FolderStore):
    """Another job takes the place of this one, and makes its tile, during an upload."""

    @contextlib.contextmanager
    def write_file(self, name: str, *beside: str) -> Iterator[Path]:
        with super().write_file(name, *beside) as path:
            yield path
            self.write("job.json", format_hash("6" * 64))
            self.write("north-west.stac.json", b"{}")


def test_a_raster_that_replaces_one_of_a_new_job_leaves_its_tile_to_make(work: InMemory) -> None:
    """It stayed, under the item of the new job, which did not describe it."""
    store = Overtaken(work.folder)
    create_job(store, format_hash(work.job.sha256))
    with pytest.raises(JobReplacedError):
        make_tile(work.job, work.job.tile("north-west"), store, RunContext(work.http))
    assert store.list_names().keys() == {"job.json", "north-west.tif"}


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_parts_make_each_tile_once_with_like_shares_of_the_bytes(count: int) -> None:
    sizes = [number * 7919 % 101 for number in range(200)]
    tiles = [Tile(f"{n:03}", None, None, size, 1, 1, (0,), "") for n, size in enumerate(sizes)]
    parts = [select_part(tiles, (number, count)) for number in range(1, count + 1)]
    assert [tile for part in parts for tile in part] == tiles
    for part in parts:
        assert abs(sum(tile.size for tile in part) - sum(sizes) / count) <= 101


@pytest.mark.slow
def test_a_part_takes_its_share_of_the_connections(work: InMemory, caplog) -> None:
    given: list[int] = []
    work.http.limit_connections = given.append
    assert work.run(part=(1, 4), connections=16).progress.tiles < 4
    assert set(given) == {4}
    work.run(part=(1, 40), connections=16)
    assert "sbatch --array=1-40%16" in caplog.text
    with pytest.raises(RequestError, match="Part 5 of 4"):
        work.run(part=(5, 4))

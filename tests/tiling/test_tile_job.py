"""What a user has of a job: runs that write their indexes, and nothing over those of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hrdem.errors import OutputError, RequestError
from hrdem.http.run_context import RunContext
from hrdem.request import tile_fields
from hrdem.request.signature import complete
from hrdem.tiling.failures import Failure, write_failures
from hrdem.tiling.folder_store import FolderStore
from hrdem.tiling.job import Job
from hrdem.tiling.journal import JobReplacedError
from hrdem.tiling.progress import JobProgress
from hrdem.tiling.tile_job import TileJob
from hrdem.tiling.tile_work import WorkerSettings
from tests.stores import Store
from tests.tiling import tilings

LOST = Failure("failed", "TransferError", "The line is cut.", "", 3)


@pytest.fixture
def begin(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TileJob]:
    """Return what begins a job, whose tiles are made in this process from sources in memory."""
    tilings.publish_relief(store)
    jobs: dict[str, Job] = {}

    @contextmanager
    def open_in_memory(settings: WorkerSettings) -> Iterator[tuple[Job, RunContext]]:
        yield jobs[settings.sha256], RunContext(store)

    def begin(
        old: TileJob | None = None, without: str = "", key: str = "", **params: object
    ) -> TileJob:
        job = tilings.make_job(store, **params)
        number = len(jobs)
        tiles = tuple(
            replace(each, key=key or f"{number:032}") for each in job.tiles if each.name != without
        )
        job = replace(job, tiles=tiles, sha256=f"{number:064}")
        jobs[job.sha256] = job
        worker = complete(tile_fields.WORKER, {})
        return TileJob(
            job,
            FolderStore(tmp_path / "out"),
            worker,
            is_saved=False,
            replaces=old and old.job,
        )

    monkeypatch.setattr(WorkerSettings, "open", open_in_memory)
    return begin


def read_files(job: TileJob) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in job.store.root.glob("[!.]*")}


def test_a_run_whose_job_is_replaced_stops_and_leaves_the_files_of_the_new_one(
    begin: Callable[..., TileJob],
) -> None:
    """It computed all tiles in vain, and wrote indexes of its own over those of the new tiles."""
    old = begin().save()
    new = begin(old, resolution=5)
    seen: list[JobProgress] = []
    files: dict[str, bytes] = {}

    def replace_it(progress: JobProgress) -> None:
        seen.append(progress)
        if progress.done == 1 and not files:
            assert new.run(workers=0).exit_code == 0
            write_failures(new.store, new.job.sha256, {"north-west": LOST})
            files.update(read_files(new))

    with pytest.raises(JobReplacedError, match="replaced by another one meanwhile"):
        old.run(workers=0, on_progress=replace_it)
    assert (seen[-1].done, seen[-1].failed) == (1, 1)
    assert {"failed.json", "mosaic.vrt", "index.gti.gpkg"} < files.keys()
    assert read_files(new) == files


def test_an_update_that_only_drops_tiles_drops_them_from_the_indexes(
    begin: Callable[..., TileJob],
) -> None:
    job = begin(key="k")
    assert job.run(workers=0).progress.done == 4
    fewer = begin(job, without="south-west", key="k")
    assert fewer.run(workers=0).progress.done == 0
    assert not {"south-west.tif", "south-west.stac.json"} & read_files(fewer).keys()
    for name in ("collection.json", "mosaic.vrt", "index.gti.gpkg"):
        assert b"north-west" in (fewer.store.read(name) or b"")
        assert b"south-west" not in (fewer.store.read(name) or b"")


def test_a_job_whose_tiles_are_all_dropped_has_no_indexes(begin: Callable[..., TileJob]) -> None:
    job = begin()
    job.run(workers=0)
    job.store.write("items.parquet", b"items")
    empty = begin(job)
    empty = replace(
        empty, job=replace(empty.job, tiles=tuple(t for t in empty.tiles if t.is_empty))
    )
    empty.run(workers=0)
    assert read_files(empty).keys() == {"job.json"}


def test_removed_indexes_are_written_again_and_others_stay_as_they_are(
    begin: Callable[..., TileJob],
) -> None:
    job = begin().save()
    job.run(workers=0)
    paths = [job.store.root / name for name in ("collection.json", "index.gti.gpkg", "mosaic.vrt")]
    written = [path.stat().st_mtime_ns for path in paths]
    job.run(workers=0)
    assert [path.stat().st_mtime_ns for path in paths] == written
    for path in paths:
        path.unlink()
        job.run(workers=0)
        assert path.exists()


def test_a_table_of_items_does_not_outlast_them(begin: Callable[..., TileJob]) -> None:
    job = begin().save()
    job.run(workers=0)
    job.store.write("items.parquet", b"of the tiles before")
    job.store.remove("south-west.tif")
    job.run(workers=0)
    assert "items.parquet" not in read_files(job)


def test_a_full_temporary_folder_is_named_and_the_next_run_writes_the_indexes(
    begin: Callable[..., TileJob],
) -> None:
    """It was a defect of hrdem, and the next run took the indexes for written."""
    resource = pytest.importorskip("resource", reason="limits the sizes of files")
    job = begin().save()
    job.run(workers=0)
    job.store.remove("index.gti.gpkg")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="temporary files: .* set TMPDIR"):
            job.run(workers=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    job.run(workers=0)
    assert {"index.gti.gpkg", "mosaic.vrt"} < read_files(job).keys()


@pytest.mark.parametrize("overlap", [-8, 0.5, "wide"])
def test_an_overlap_of_less_than_nothing_is_refused(
    begin: Callable[..., TileJob], overlap: Any
) -> None:
    """`core` was then a part of the tile."""
    job = begin()
    with pytest.raises(RequestError, match=r"^`overlap`.* Give 0 or more"):
        next(job.map(len, overlap=overlap, workers=0))
    assert not job.store.root.exists()

"""Workers open a job by its address, and whatever makes its tiles, they have the same bytes."""

from __future__ import annotations

import hashlib
import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hrdem.demo import Addresses
from hrdem.demo.terrain import NODATA, heights
from hrdem.errors import HrdemError, RequestError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.http.client import HttpClient
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.tiling.dispatch import Ended
from hrdem.tiling.engines.in_process import InProcessEngine
from hrdem.tiling.engines.protocol import Engine
from hrdem.tiling.freeze_job import freeze_job
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import encode_job
from hrdem.tiling.journal import create_job, read_journal
from hrdem.tiling.map_tiles import MapWork, TilePixels, map_tiles
from hrdem.tiling.output_store import open_store
from hrdem.tiling.run_job import JobSummary, run_job
from hrdem.tiling.task import TileFailure, Work
from hrdem.tiling.tile_work import TileWork, WorkerSettings

LEFT, TOP = 1_499_000, 2_000  # where four files meet
OpenEngine = Callable[[Work], Engine]


@pytest.fixture
def job(demo: Addresses, tmp_path: Path) -> Job:
    """A job of two by two tiles of 1 km, with a border to their neighbours."""
    return freeze(demo, tmp_path / "out", 2)


def freeze(demo: Addresses, folder: Path, edge: int, layout: Format = Format.GTIFF) -> Job:
    """Freeze a job of so many kilometres, and store it in a folder."""
    box = (LEFT, TOP - 1_000 * edge, LEFT + 1_000 * edge, TOP)
    request = Request.of(bbox=box, bbox_crs=NATIVE_CRS, product="dtm", stac_url=demo.stac)
    options = JobOptions(layout, Compression.DEFLATE, None, 0)
    with HttpClient(trusted=[demo.url]) as http:
        job = freeze_job(request, "1km", options, http)
    create_job(open_store(folder), encode_job(job))
    return job


def settings_of(job: Job, folder: Path, **changes) -> WorkerSettings:
    return WorkerSettings(str(folder), job.sha256, **{"no_cache": True, **changes})


def run(job: Job, folder: Path, engine: Engine, **options) -> JobSummary:
    store = open_store(folder)
    with engine:
        return run_job(job, store, engine, read_journal(job, store), **options)


def checksums(folder: Path) -> dict[str, str]:
    paths = sorted(folder.glob("*.tif"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.mark.slow
def test_a_task_is_small_and_a_worker_refuses_another_job(job: Job, tmp_path: Path) -> None:
    work = TileWork(settings_of(job, tmp_path / "out"))
    assert len(pickle.dumps(work)) < 1000
    other = TileWork(replace(work.settings, sha256="0" * 64))
    with pytest.raises(RequestError, match="replaced by another one"), InProcessEngine(other):
        pass
    elsewhere = TileWork(replace(work.settings, address=str(tmp_path / "elsewhere")))
    with pytest.raises(RequestError, match="that all machines share"), InProcessEngine(elsewhere):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(
    "max_cache",
    [pytest.param(0, marks=pytest.mark.long), 10**9],
    ids=["without a cache", "with one"],
)
def test_bytes_are_those_that_were_foreseen(job: Job, tmp_path: Path, max_cache: int) -> None:
    settings = settings_of(
        job,
        tmp_path / "out",
        no_cache=not max_cache,
        cache_dir=str(tmp_path / "cache"),
        max_cache=max_cache,
    )
    summary = run(job, tmp_path / "out", InProcessEngine(TileWork(settings)))
    foreseen = job.cost_of(job.tiles, max_cache).source_bytes
    # guards of stored tiles that are cached are counted there alone
    assert summary.progress.received_bytes == pytest.approx(foreseen, rel=0.001 * bool(max_cache))
    assert (foreseen < job.cost.source_bytes) == bool(max_cache)


def mean_and_edges(tile: TilePixels) -> tuple[float, tuple[int, ...], tuple[float, ...]]:
    """The function of a user."""
    return float(np.nanmean(tile.pixels[tile.core])), tile.pixels.shape, tile.grid.bounds


@pytest.mark.slow
def test_a_function_gets_the_pixels_of_each_tile_and_of_its_surroundings(
    job: Job, tmp_path: Path
) -> None:
    work = MapWork.of(settings_of(job, tmp_path / "out"), mean_and_edges, overlap=8)
    with InProcessEngine(work) as engine:
        found = dict(map_tiles(job, engine, overlap=8))
    assert found.keys() == {tile.name for tile in job.tiles}
    for tile in job.tiles:
        mean, shape, bounds = found[tile.name]
        grid = job.plan.grid.crop(tile.window)
        left, _, _, top = grid.bounds
        expected = heights(left, top, 1, 1000, 1000)
        assert mean == pytest.approx(expected[expected != NODATA].mean(), rel=1e-5)
        assert shape == (1008, 1008)  # the area ends at two edges
        assert bounds[0] in (left, left - 8)
        assert bounds[3] in (top, top + 8)


def fail_in_the_west(tile: TilePixels) -> str:
    if tile.grid.bounds[0] < LEFT + 500:
        raise ValueError("too far west")
    return tile.name


@pytest.mark.slow
def test_a_function_that_fails_is_reported_after_all_others(job: Job, tmp_path: Path) -> None:
    work = MapWork.of(settings_of(job, tmp_path / "out"), fail_in_the_west, overlap=0)
    found = []
    with InProcessEngine(work) as engine, pytest.raises(HrdemError, match="2 of 4 tiles failed"):
        found.extend(map_tiles(job, engine))
    assert len(found) == 2


@pytest.mark.slow
def test_a_map_that_stops_early_says_how_many_tiles_were_not_tried(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = TileFailure(job.tiles[0].name, "OutputError", "No space.")
    monkeypatch.setattr(
        "hrdem.tiling.map_tiles.dispatch_tiles", lambda *_: iter([Ended(failure, 1, stops=True)])
    )
    work = MapWork.of(settings_of(job, tmp_path / "out"), fail_in_the_west, overlap=0)
    message = "1 of 4 tiles failed. The run stopped early, and 3 were not tried. "
    with InProcessEngine(work) as engine, pytest.raises(HrdemError, match=message):
        list(map_tiles(job, engine))


def return_a_lock(tile: TilePixels) -> object:
    return threading.Lock()


@pytest.mark.slow
def test_a_value_that_cannot_be_sent_is_named(job: Job, tmp_path: Path) -> None:
    work = MapWork.of(settings_of(job, tmp_path / "out"), return_a_lock, overlap=0)
    with InProcessEngine(work) as engine, pytest.raises(HrdemError, match="Return numbers"):
        list(map_tiles(job, engine))

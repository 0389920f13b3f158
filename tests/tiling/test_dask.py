"""Tiles on a Dask scheduler: the same reports, a few tasks at a time, workers that die."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hrdem.errors import HrdemError, RequestError
from hrdem.tiling.allowance import Allowance
from hrdem.tiling.dispatch import dispatch_tiles
from hrdem.tiling.engines.dask import DaskEngine
from hrdem.tiling.task import TileOutcome
from tests.tiling.works import Scripted, Unusable

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=2, dashboard_address=":0", silence_logs=50
    ) as cluster:
        yield cluster


@pytest.mark.long
def test_a_killed_worker_of_dask_loses_its_tile_alone(cluster, tmp_path: Path) -> None:
    work = Scripted(tmp_path)
    names = ["a", "dies-b", "sleep-0.3", "sleep-0.2", "c"]
    with DaskEngine(work, cluster.scheduler_address) as engine:
        assert engine.capacity == 2
        ended = list(dispatch_tiles(names, engine, Allowance(4)))
    assert sorted(each.report.name for each in ended) == sorted(names)
    assert all(isinstance(each.report, TileOutcome) for each in ended)
    begun = [line.split() for line in work.begun()]
    assert {connections for _, _, connections in begun} <= {"2", "4"}  # 4: one worker was left


def test_a_tile_ends_when_its_driver_is_killed(cluster, tmp_path: Path) -> None:
    work = Scripted(tmp_path, key="of a killed driver")
    context = multiprocessing.get_context("spawn")
    driver = context.Process(target=drive, args=(work, cluster.scheduler_address))
    driver.start()
    wait_for(tmp_path / "begun")
    driver.kill()
    wait_for(tmp_path / "closed")  # so that it reads no more
    driver.join()


def drive(work: Scripted, address: str) -> None:
    with DaskEngine(work, address) as engine:
        list(dispatch_tiles(["reads"], engine, Allowance(1)))


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_large_values_of_a_function_do_not_stay_in_the_scheduler(cluster, tmp_path: Path) -> None:
    from distributed import Client

    with Client(cluster, set_as_default=False) as client:
        with DaskEngine(Scripted(tmp_path), client) as engine:
            ended = list(dispatch_tiles(["returns-100", "returns-1000000"], engine, Allowance(4)))
        assert sorted(len(each.report.value) for each in ended) == [100, 1_000_000]
        topics = [each for name, each in client.get_events().items() if name.startswith("hrdem-")]
        sizes = [len(packed) for events in topics for _, (_, packed) in events]
    assert sizes
    assert max(sizes) < 10_000


def lose(client, engine: DaskEngine) -> None:
    client.close()
    list(dispatch_tiles("a", engine, Allowance(1)))


def test_a_scheduler_that_goes_away_is_the_error_that_is_raised(cluster, tmp_path: Path) -> None:
    from distributed import Client

    client = Client(cluster, set_as_default=False)
    with (
        pytest.raises(HrdemError, match="does not answer any more"),
        DaskEngine(Scripted(tmp_path), client) as engine,
    ):
        lose(client, engine)


def test_an_error_of_the_work_itself_ends_the_run(cluster) -> None:
    with (
        pytest.raises(RequestError, match="no job.json"),
        DaskEngine(Unusable(), cluster.scheduler_address) as engine,
    ):
        list(dispatch_tiles("a", engine, Allowance(1)))


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrdem.tiling.engines.dask.CONNECT_SECONDS", 0.2)
    with (
        pytest.raises(HrdemError, match="No Dask scheduler answers at tcp://127.0.0.1:9"),
        DaskEngine(Unusable(), "tcp://127.0.0.1:9"),
    ):
        pass

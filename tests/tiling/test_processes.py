"""Processes make tiles; those that are killed are replaced, and all end with their driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hrdem.errors import HrdemError
from hrdem.tiling.allowance import Allowance
from hrdem.tiling.dispatch import dispatch_tiles
from hrdem.tiling.engines.in_process import InProcessEngine
from hrdem.tiling.engines.processes import ProcessEngine
from hrdem.tiling.task import TileOutcome, Work
from tests.tiling.works import Deadly, Scripted, Unusable, Unwritable


@pytest.mark.slow
def test_a_killed_worker_loses_its_tile_alone_and_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.tiling.dispatch.FIRST_WAIT_SECONDS", 0.001)
    work = Scripted(tmp_path)
    with ProcessEngine(work, 2) as engine:
        names = ["a", "dies-b", "sleep-0.2", "c"]
        ended = list(dispatch_tiles(names, engine, Allowance(4)))
    assert sorted(each.report.name for each in ended) == sorted(names)
    assert all(isinstance(each.report, TileOutcome) for each in ended)
    assert {each.report.name for each in ended if each.tries == 2} == {"dies-b"}
    begun = [line.split() for line in work.begun()]
    assert len({process for _, process, _ in begun}) == 3
    assert {connections for _, _, connections in begun} == {"2"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "message"),
    [
        (Unusable(), "no job.json"),
        (Unwritable(), "A worker process cannot begin: .*Permission denied: '/read-only'"),
    ],
)
def test_an_error_of_the_work_itself_is_raised_in_the_driver(work: Work, message: str) -> None:
    with pytest.raises(HrdemError, match=message), ProcessEngine(work, 1) as engine:
        list(dispatch_tiles("a", engine, Allowance(1)))


@pytest.mark.slow
def test_workers_that_never_begin_are_no_endless_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrdem.tiling.dispatch.FIRST_WAIT_SECONDS", 0.001)
    with (
        pytest.raises(HrdemError, match="3 worker processes in a row ended with exit code 9"),
        ProcessEngine(Deadly(), 1) as engine,
    ):
        list(dispatch_tiles("a", engine, Allowance(1)))


def test_one_process_makes_tiles_without_a_scheduler(tmp_path: Path) -> None:
    with InProcessEngine(Scripted(tmp_path)) as engine:
        ended = [each.report.name for each in dispatch_tiles("abc", engine, Allowance(16))]
    assert ended == ["a", "b", "c"]


DRIVER = """
import sys
from pathlib import Path
from hrdem.tiling.allowance import Allowance
from hrdem.tiling.dispatch import dispatch_tiles
from hrdem.tiling.engines.in_process import InProcessEngine
from hrdem.tiling.engines.processes import ProcessEngine
from tests.tiling.works import Scripted

if __name__ == "__main__":
    with ProcessEngine(Scripted(Path(sys.argv[1])), 2) as engine:
        list(dispatch_tiles(sys.argv[2:], engine, Allowance(2)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "tile"),
    [
        pytest.param(signal.SIGINT, "sleep-60", marks=pytest.mark.long),
        pytest.param(signal.SIGKILL, "sleep-60", marks=pytest.mark.long),
        (signal.SIGKILL, "computes-0"),
    ],
)
def test_workers_end_with_their_driver(number: int, tile: str, tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), tile, f"{tile}1"],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stderr=subprocess.PIPE,
        text=True,
    )
    begun = tmp_path / "begun"
    until = time.monotonic() + 60
    while not begun.exists() or begun.read_text().count("\n") < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    started = time.monotonic()
    driver.send_signal(number)
    _, errors = driver.communicate(timeout=60)
    assert time.monotonic() - started < 60
    if number == signal.SIGINT:
        assert errors.count("KeyboardInterrupt") == 1  # of the driver alone
    workers = [int(line.split()[1]) for line in begun.read_text().splitlines()]
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() - started < 60
        time.sleep(0.05)

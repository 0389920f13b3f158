"""The engine of a run follows from what was requested."""

from __future__ import annotations

import pytest

from hrdem.errors import RequestError
from hrdem.runtime.processors import count_processors
from hrdem.tiling.engines.in_process import InProcessEngine
from hrdem.tiling.engines.processes import ProcessEngine
from hrdem.tiling.open_engine import open_engine
from tests.tiling.works import Unusable


@pytest.mark.parametrize(
    ("workers", "connections", "expected"),
    [(3, 16, 3), (30, 16, 16), (None, 64, min(count_processors(), 64))],
)
def test_there_are_no_more_processes_than_connections(
    workers: int | None, connections: int, expected: int
) -> None:
    engine = open_engine(Unusable(), workers=workers, connections=connections)
    assert isinstance(engine, ProcessEngine)
    assert engine.capacity == expected


def test_without_workers_tiles_are_made_in_this_process() -> None:
    assert isinstance(open_engine(Unusable(), workers=0, connections=1), InProcessEngine)


def test_workers_and_a_scheduler_contradict_each_other() -> None:
    with pytest.raises(RequestError, match="Give one of the two"):
        open_engine(Unusable(), workers=2, scheduler="tcp://127.0.0.1:9", connections=16)
    with pytest.raises(RequestError, match="-1 `workers`"):
        open_engine(Unusable(), workers=-1, connections=16)


@pytest.mark.slow
def test_an_asynchronous_client_of_dask_is_refused() -> None:
    class Client:
        asynchronous = True

    with pytest.raises(RequestError, match="asynchronous one"):
        open_engine(Unusable(), scheduler=Client(), connections=16)

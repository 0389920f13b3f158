"""Threads that wait for chunks of a WCS always return."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine

import hrdem
from hrdem.geo.band import Band
from hrdem.geo.grid import Grid, Window
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Download, Http
from hrdem.http.retry import Retries
from hrdem.sources.protocol import limit_service_requests
from hrdem.sources.wcs import chunking
from hrdem.sources.wcs.coverage import WcsCoverage
from hrdem.sources.wcs.reader import WcsSource
from tests.faults.wcs_service import (
    LEFT,
    TOP,
    tiff,
)

pytestmark = pytest.mark.usefixtures("small_chunks")


@pytest.fixture
def coverage() -> WcsCoverage:
    grid = Grid("EPSG:3979", Affine(1, 0, LEFT, 0, -1, TOP), 1_000, 1_000)
    return WcsCoverage(
        "http://127.0.0.1:9/",
        "dtm",
        "image/geotiff",
        grid,
        Band("float32", -1),
        "metre",
        "",
        ("dtm",),
        1,
        300,
    )


@pytest.mark.slow
def test_close_releases_waiting_threads(
    http: HttpClient, tmp_path: Path, coverage: WcsCoverage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Retries, "wait_after", lambda self, failures: 60.0)
    source = WcsSource(coverage, http, Window(0, 0, 500, 500), tmp_path, limit_service_requests())
    ended: list[BaseException] = []

    def fetch() -> None:
        try:
            source.fetch(Window(0, 0, 10, 10))
        except hrdem.HrdemError as exc:
            ended.append(exc)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    source.close()
    for thread in threads:
        thread.join(60)
    assert len(ended) == 4


@pytest.mark.slow
def test_lost_chunk_is_counted_once(tmp_path: Path, coverage: WcsCoverage) -> None:
    """Counted twice, a waiting thread would never return."""
    whole, left, right = (Window(0, 0, 150, 100), Window(0, 0, 100, 100), Window(100, 0, 50, 100))
    ready = {left: threading.Event(), right: threading.Event()}

    class Slow(Http):
        def download(self, url: str, path: Path, *, params: Any, **settings: Any) -> Download:
            x0, y0, x1, y1 = map(float, params["BOUNDINGBOX"].split(",")[:4])
            piece = Window(int(x0) - LEFT, int(TOP - y1), int(x1 - x0) + 1, int(y1 - y0) + 1)
            ready[piece].wait(60)
            path.write_bytes(
                tiff(np.ones((100, piece.width), "f4"), x0 - 0.5, y1 + 0.5, nodata=-1).body
            )
            return Download("image/tiff", 1)

    slow: Any = Slow()
    source = WcsSource(coverage, slow, whole, tmp_path, limit_service_requests())
    source._chunks = chunking.ChunkScheduler([left, right], 300)
    done: list[bool] = []

    def fetch() -> None:
        source.fetch(whole)
        done.append(True)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready[left].set()
    time.sleep(0.3)
    ready[left].clear()
    source._discard(left, OSError("gone"))
    ready[right].set()
    time.sleep(0.3)
    ready[left].set()
    for thread in threads:
        thread.join(60)
    assert done == [True] * 3
    assert (source.fetch(whole).decode() == 1).all()


def test_exception_in_one_thread_releases_the_others(tmp_path: Path, coverage: WcsCoverage) -> None:
    class Defective(Http):
        def download(self, *words: Any, **settings: Any) -> None:
            time.sleep(0.1)
            raise ZeroDivisionError

    whole, requests = Window(0, 0, 500, 500), limit_service_requests()
    source = WcsSource(coverage, Defective(), whole, tmp_path, requests)  # type: ignore[arg-type]
    ended: list[type[BaseException]] = []

    def fetch(column: int) -> None:
        try:
            source.fetch(Window(column, 0, 10, 10))
        except ZeroDivisionError as exc:
            ended.append(type(exc))

    threads = [threading.Thread(target=fetch, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ended) == 4

"""Run the command line against every row: exit code, message, pixels and leftover files."""

from __future__ import annotations

import functools
import gc
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from hrdem.demo import Addresses
from hrdem.demo.cog import DemoCog
from hrdem.demo.terrain import NODATA, heights
from hrdem.demo.tiles import list_tiles
from hrdem.errors import ExitCode
from tests.faults.matrix.commands import AREA, Outcome, Scene, here
from tests.faults.matrix.row import Row
from tests.faults.matrix.rows import GROUPS
from tests.faults.matrix.store import Place, Store
from tests.faults.matrix.table import DOCUMENT, with_tables

_FILES_OF = [tile for tile in list_tiles() if tile.item_id in ("8_2-mosaic-1m", "9_2-mosaic-1m")]


# Rows of the fast lane: one of each way to fail.
_FAST = {
    "the files' host refuses connections",
    "the files' certificate is not trusted (TLS)",
    "a connection is reset during the response, once (tiles)",
    "a login page or a proxy's page comes instead of a part (200), once (tiles)",
    "the server ignores ranges and sends the whole file (200) (header)",
    "a file in the catalogue does not exist (404) (header)",
    "503 with Retry-After: 30, once (tiles)",
    "500 Internal Server Error, always (catalogue)",
    "a bit flips before a tile, once (tiles)",
    "all files are republished between tiles (tiles)",
    "the catalogue returns HTML, such as a login page (catalogue)",
    "the files answer 500, always; a WCS is configured (tiles)",
    "a file does not exist (404), and its outline in the catalogue is wrong (header)",
    "one file answers 500, always, and --allow-partial (tiles)",
    "the disk lacks space for the output",
    "the download exceeds --max-download",
    "--offline with an empty cache",
    "cached data are damaged",
}


def _cases() -> Iterator[Any]:
    """All rows; every third is in ``.ci/run``, besides those of the fast lane; others are long."""
    for _, rows in GROUPS:
        for nth, row in enumerate(rows):
            for number, place in enumerate(row.at or (None,)):
                name = row.fault if place is None else f"{row.fault} ({place})"
                varies = nth % 3 > 0 or number > 0 or (row.times == 1 and row.run is here)
                lanes = [pytest.mark.slow(each=True), *[pytest.mark.long] * varies]
                yield pytest.param(row, place, id=name, marks=() if name in _FAST else lanes)


@pytest.fixture(autouse=True)
def as_in_a_separate_process() -> Iterator[None]:
    """Wait for the threads of the command."""
    threads = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # connections that they had just opened
        gc.collect()


@pytest.mark.parametrize(("row", "place"), list(_cases()))
def test_row(
    row: Row,
    place: Place | None,
    demo: Addresses,
    republished: Addresses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.lower(), raising=False)
    folder, cache = tmp_path / "out", tmp_path / "cache"
    folder.mkdir()
    store = Store(demo, republished, folder, row.files_url)
    last = row.first + row.times - 1
    with store.serving(row.answer, place, row.first, last) as server:
        done = row.run(
            Scene(store, server.url, folder, cache, row.options, row.timeouts, monkeypatch)
        )
        message = _with_placeholders(done, server.url, folder)
    assert not store.errors
    assert done.exit_codes == row.exit_codes, message
    assert "Traceback" not in message
    assert "defect" not in message
    _check_words(row.message, message)
    if row.answer is not None:
        assert store.hits, "the fault did not happen"
    left = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if not {ExitCode.COMPLETE, ExitCode.INCOMPLETE} & set(row.exit_codes):
        assert left == []
        return
    assert left == ["out.stac.json", "out.tif"]
    with rasterio.open(folder / "out.tif") as dataset:
        assert dataset.bounds == AREA
        expected = _terrain(row.edition).copy()
        if ExitCode.INCOMPLETE in row.exit_codes:
            expected[:, 600:] = NODATA  # all that 9_2 holds
        np.testing.assert_array_equal(dataset.read(1), expected)


@functools.cache
def _terrain(edition: int) -> np.ndarray:
    return heights(AREA[0], AREA[3], 1, 1200, 600, edition=edition)


def _with_placeholders(done: Outcome, server: str, folder: Path) -> str:
    """Return the message with placeholders for what differs between runs."""
    message = done.message
    names = {**done.hosts, "SERVER": server, "OUTPUT": str(folder / "out.tif")}
    for edition, version in ((1, "OLD"), (2, "NEW")):
        for tile in _FILES_OF:
            etag = DemoCog(tile, "dtm", edition=edition).etag
            message = message.replace(etag, version)
    for name, text in names.items():
        message = message.replace(text, name)
    return message.replace("SERVER/canelevation-dem/hrdem-mosaic-1m", "FILES")


def _check_words(expected: str, message: str) -> None:
    """Check that all parts of the expected text appear, in order."""
    rest = " ".join(message.split())
    for part in filter(None, expected.split("…")):
        assert part in rest, message
        rest = rest.partition(part)[2]


def test_every_row_of_the_fast_lane_exists() -> None:
    assert {case.id for case in _cases()} >= _FAST


def test_document_is_up_to_date() -> None:
    """`python -m tests.faults.matrix` writes it."""
    text = DOCUMENT.read_text("utf-8")
    assert with_tables(text) == text

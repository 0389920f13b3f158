"""The published grid: where it is looked for, in which order, and what is not taken for it."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import rasterio
from rasterio.crs import CRS

from hrdem.errors import OutputError, RequestError, TransferError
from hrdem.http.client import HttpClient
from hrdem.processing.vertical.find_grid import PublishedGrid, find_cgvd28_grid
from tests.misbehaving import Misbehaving, Reply, ServerRequest, misbehaving
from tests.shift_grids import millimetres, write_grid

NAME = "difference.tif"


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_grid(tmp_path / "made.tif", millimetres()).read_bytes()


@pytest.fixture(autouse=True)
def _no_folders_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with rasterio.Env():
        CRS.from_epsg(4617)  # so that rasterio has found its own PROJ before the names are taken
    monkeypatch.setenv("PROJ_DATA", "")
    monkeypatch.setenv("PROJ_LIB", "")
    monkeypatch.setenv("PROJ_USER_WRITABLE_DIRECTORY", str(tmp_path / "user"))


class Served:
    """A server that gives a grid as a test tells it to, and what is known of the grid."""

    def __init__(self, server: Misbehaving, content: bytes) -> None:
        self.server = server
        self.reply = Reply(body=content)
        checksum = hashlib.sha256(content).hexdigest()
        self.grid = PublishedGrid(f"{server.url}/{NAME}", len(content), checksum)


@pytest.fixture
def served(content: bytes) -> Iterator[Served]:
    def script(request: ServerRequest) -> Reply:
        return service.reply

    with misbehaving(script) as server:
        service = Served(server, content)
        yield service


def put(content: bytes, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_bytes(content)
    return path


def test_grid_is_fetched_once_and_cached(tmp_path: Path, served: Served, http: HttpClient) -> None:
    cache = tmp_path / "cache"
    first = find_cgvd28_grid(None, cache, http, served.grid)
    again = find_cgvd28_grid(None, cache, http, served.grid)
    assert len(served.server.requests) == 1
    assert first.path == again.path == cache / "proj" / NAME
    assert first.sha256 == again.sha256 == served.grid.sha256
    assert [each.name for each in first.path.parent.iterdir()] == [NAME]


def test_search_order_is_proj_then_cache_then_network(
    tmp_path: Path, served: Served, content: bytes, http: HttpClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    data, lib, cache = tmp_path / "data", tmp_path / "lib", tmp_path / "cache"
    monkeypatch.setenv("PROJ_DATA", os.pathsep.join([str(tmp_path / "none"), str(data)]))
    monkeypatch.setenv("PROJ_LIB", str(lib))
    for folder in (data, lib, tmp_path / "user", cache / "proj"):
        put(content, folder)
    for folder in (data, lib, tmp_path / "user", cache / "proj"):
        found = find_cgvd28_grid(None, cache, http, served.grid)
        assert found.path == folder / NAME
        found.path.unlink()
    assert not served.server.requests


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no variable for it")
def test_default_proj_user_folder_is_searched(
    tmp_path: Path, served: Served, content: bytes, http: HttpClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("PROJ_USER_WRITABLE_DIRECTORY")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    path = put(content, tmp_path / "share" / "proj")
    assert find_cgvd28_grid(None, tmp_path / "cache", http, served.grid).path == path


@pytest.mark.parametrize("kept", ["longer", "as long"])
def test_wrong_file_of_the_same_name_is_skipped_with_a_warning(
    tmp_path: Path, served: Served, content: bytes, http: HttpClient,
    caplog: pytest.LogCaptureFixture, kept: str,
) -> None:  # fmt: skip
    other = bytearray(content)
    other[-1] ^= 1
    path = put(bytes(other) + b"\0" * (kept == "longer"), tmp_path / "user")
    with caplog.at_level(logging.WARNING, "hrdem"):
        found = find_cgvd28_grid(None, tmp_path / "cache", http, served.grid)
    assert found.sha256 == served.grid.sha256
    assert found.path != path
    assert f"{path} differs from" in caplog.text


def test_damaged_cached_grid_is_refetched(
    tmp_path: Path, served: Served, content: bytes, http: HttpClient
) -> None:
    put(content[:-10], tmp_path / "cache" / "proj")
    found = find_cgvd28_grid(None, tmp_path / "cache", http, served.grid)
    assert found.path.read_bytes() == content


def test_user_supplied_grid_has_precedence(
    tmp_path: Path, served: Served, content: bytes, http: HttpClient
) -> None:
    put(content, tmp_path / "user")
    own = write_grid(tmp_path / "own.tif", millimetres() // 2)
    found = find_cgvd28_grid(own, tmp_path / "cache", http, served.grid)
    assert found.path == own
    assert found.sha256 == hashlib.sha256(own.read_bytes()).hexdigest()


def test_invalid_user_supplied_grid_is_not_replaced(
    tmp_path: Path, served: Served, content: bytes, http: HttpClient
) -> None:
    put(content, tmp_path / "user")
    with pytest.raises(RequestError, match="cannot be read"):
        find_cgvd28_grid(tmp_path / "missing.tif", tmp_path / "cache", http, served.grid)


def test_interrupted_download_is_retried(
    tmp_path: Path, served: Served, content: bytes, http: HttpClient
) -> None:
    whole = Reply(body=content)

    def script(request: ServerRequest) -> Reply:
        return Reply(body=content, cut=len(content) // 2) if request.number < 3 else whole

    served.server.script = script
    found = find_cgvd28_grid(None, tmp_path / "cache", http, served.grid)
    assert found.path.read_bytes() == content
    assert len(served.server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("cut", "Tried 3 times"),
        ("gone", "404"),
        ("another", "was replaced, or a proxy"),
        ("shorter", "was replaced, or a proxy"),
        ("longer", "with more than"),
    ],
)
def test_missing_grid_is_an_error_and_leaves_no_file(
    tmp_path: Path, served: Served, content: bytes, http: HttpClient, fault: str, said: str
) -> None:
    served.reply = {
        "cut": Reply(body=content, cut=100),
        "gone": Reply(404),
        "another": Reply(body=bytes(len(content))),
        "shorter": Reply(body=content[:-1]),
        "longer": Reply(body=content + b"\0"),
    }[fault]
    with pytest.raises(TransferError, match=said) as failed:
        find_cgvd28_grid(None, tmp_path / "cache", http, served.grid)
    for told in (str(tmp_path / "user"), str(tmp_path / "cache"), served.grid.url, "vertical_grid"):
        assert told in str(failed.value)
    assert failed.value.__cause__ is not None
    assert not (tmp_path / "cache").exists()


def test_unwritable_cache_is_reported(tmp_path: Path, served: Served, http: HttpClient) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written to .*cache_dir"):
        find_cgvd28_grid(None, tmp_path / "cache", http, served.grid)

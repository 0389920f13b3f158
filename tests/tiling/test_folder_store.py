"""Files in a folder appear whole, once, and survive kills; also without hard links."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import sys
import threading
from pathlib import Path
from typing import Self

import pytest

from hrdem.errors import NetworkError, OutputError
from hrdem.runtime.utf8_folder import has_utf8_name
from hrdem.tiling import folder_store
from hrdem.tiling.folder_store import FolderStore
from tests.systems import IS_WINDOWS
from tests.tiling.killed_workers import PLACES, finish, kill_at


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "tiles")


def test_a_new_folder_is_created_by_its_first_file(store: FolderStore) -> None:
    assert store.list_names() == {}
    assert store.read("job.json") is None
    assert store.write("job.json", b"{}")
    assert store.list_names() == {"job.json": 2}
    assert store.read("job.json") == b"{}"
    store.remove("job.json")
    store.remove("job.json")
    assert store.list_names() == {}
    with pytest.raises(OutputError, match="does not exist"), store.read_file("job.json"):
        pass


def test_a_file_appears_when_it_is_complete(store: FolderStore) -> None:
    with store.write_file("a.tif") as path:
        path.write_bytes(b"raster")
        assert store.list_names() == {}
    assert store.list_names() == {"a.tif": 6}
    with store.read_file("a.tif") as path:
        assert path.read_bytes() == b"raster"


def test_nothing_hidden_stays_and_another_process_may_remove_what_is_empty(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging_dir = folder_store.staging_dir

    def stage_late(output: Path) -> contextlib.AbstractContextManager[Path]:
        monkeypatch.setattr(folder_store, "staging_dir", staging_dir)
        output.parent.rmdir()
        return staging_dir(output)

    monkeypatch.setattr(folder_store, "staging_dir", stage_late)
    with store.write_file("a.tif") as path:
        path.write_bytes(b"raster")
        assert store.write("job.json", b"{}")
    assert sorted(path.name for path in store.root.iterdir()) == ["a.tif", "job.json"]


class Entries(list):
    """What `os.scandir` returns."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def test_a_file_that_another_run_removes_during_a_listing_is_not_listed(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("failed.json", b"{}")
    store.write("job.json", b"{}")
    scandir = os.scandir

    def scan(path: Path) -> Entries:
        with scandir(path) as found:
            entries = Entries(found)
        store.remove("failed.json")
        return entries

    monkeypatch.setattr(os, "scandir", scan)
    assert store.list_names() == {"job.json": 2}


def fail(path: Path) -> None:
    path.write_bytes(b"half")
    raise ZeroDivisionError


def test_a_file_that_fails_leaves_the_old_one(store: FolderStore) -> None:
    store.write("a.tif", b"old")
    with pytest.raises(ZeroDivisionError), store.write_file("a.tif") as path:
        fail(path)
    assert store.read("a.tif") == b"old"
    assert not list(store.root.rglob("*.partial"))


def test_a_file_that_is_there_stays(store: FolderStore) -> None:
    assert store.write("a.stac.json", b"first", if_absent=True)
    assert not store.write("a.stac.json", b"second", if_absent=True)
    assert store.read("a.stac.json") == b"first"


@pytest.fixture
def no_hard_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("no_hard_links")
def test_one_of_many_writers_wins_without_hard_links(store: FolderStore) -> None:
    for turn in range(6):
        name, wrote = f"{turn}.stac.json", []
        start = threading.Barrier(8)

        def write(content: bytes, name: str = name, start: threading.Barrier = start) -> None:
            start.wait()
            if store.write(name, content, if_absent=True):
                wrote.append(content)  # noqa: B023

        writers = [threading.Thread(target=write, args=(b"%d" % each,)) for each in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [store.read(name)] == wrote


@pytest.mark.usefixtures("no_hard_links")
def test_a_claim_of_a_killed_process_is_no_file(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_store, "MAX_CLAIM_SECONDS", 0.1)
    store.root.mkdir()
    (store.root / "a.stac.json").touch()
    assert store.list_names() == {}
    assert store.read("a.stac.json") is None
    assert store.write("a.stac.json", b"item", if_absent=True)
    assert store.list_names() == {"a.stac.json": 4}


def test_a_link_whose_answer_was_lost_is_ours(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client of a file server sends a request again, and finds what the first one made."""
    link = os.link

    def link_twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", link_twice)
    assert store.write("a.stac.json", b"item", if_absent=True)


@pytest.mark.skipif(sys.platform != "linux", reason="names are text")
def test_a_file_in_a_folder_of_another_encoding_has_a_path_for_gdal(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / os.fsdecode(b"caf\xe9"))
    store.write("a.tif", b"raster")
    with store.read_file("a.tif") as path:
        assert has_utf8_name(path)
        assert path.read_bytes() == b"raster"


def test_a_folder_that_cannot_be_written_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "tiles").write_bytes(b"a file")
    with pytest.raises(OutputError, match=r"tiles.a\.tif cannot be written: .*permissions"):
        FolderStore(tmp_path / "tiles").write("a.tif", b"raster")


def test_a_store_is_sent_to_workers(store: FolderStore) -> None:
    assert pickle.loads(pickle.dumps(store)) == store


@pytest.mark.slow
@pytest.mark.skipif(IS_WINDOWS, reason="kills by a signal")
@pytest.mark.parametrize(("place", "left"), PLACES.items())
def test_a_killed_worker_leaves_whole_files(
    store: FolderStore, place: str, left: dict[str, int]
) -> None:
    kill_at(place, store.address)
    assert store.list_names() == left
    finish(store.address)
    assert store.list_names() == {"a.tif": 16, "a.stac.json": 8}


@pytest.mark.slow
def test_unfinished_files_of_killed_workers_are_removed(store: FolderStore) -> None:
    kill_at("inside the raster", store.address)
    (left,) = store.root.rglob("*.partial")
    os.utime(left, (0, 0))
    store.write("b.stac.json", b"item")
    assert not list(store.root.rglob("*.partial"))


def test_a_disk_that_fills_up_while_a_file_is_made_is_an_error_of_the_output(
    store: FolderStore,
) -> None:
    with (
        pytest.raises(OutputError, match=r"index\.gpkg cannot be written: No space left"),
        store.write_file("index.gpkg"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(NetworkError), store.write_file("index.gpkg"):
        raise NetworkError("The store cannot be reached.")

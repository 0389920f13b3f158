"""What an object store does with a bucket in memory; `tests/services` has a real one."""

from __future__ import annotations

import _thread
import functools
import pickle
import socket
import tempfile
import threading
import time
from pathlib import Path

import pytest
from obstore.store import MemoryStore, S3Store

from hrdem.errors import OutputError
from hrdem.tiling import object_store
from hrdem.tiling.object_store import ObjectStore

MAX_END_SECONDS = 20  # of an upload that is interrupted


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    connect = functools.cache(lambda _address: MemoryStore())
    monkeypatch.setattr(object_store, "from_url", connect)
    object_store.connect.cache_clear()
    return ObjectStore("s3://bucket/tiles")


def test_objects_are_listed_by_name(store: ObjectStore) -> None:
    assert store.list_names() == {}
    assert store.read("job.json") is None
    assert store.write("job.json", b"{}")
    assert store.read("job.json", 1) == b"{"
    assert store.read("job.json", 9) == b"{}"
    with store.write_file("Rivière Noire.tif", "a.source.tif") as path:
        path.write_bytes(b"raster")
        path.with_name("a.source.tif").write_bytes(b"ids")
    assert store.write("below/other.json", b"of another job")
    assert store.list_names() == {"job.json": 2, "Rivière Noire.tif": 6, "a.source.tif": 3}
    with store.read_file("Rivière Noire.tif") as path:
        assert path.read_bytes() == b"raster"
    for name in ("job.json", "job.json", "a.source.tif"):
        store.remove(name)
    assert store.list_names() == {"Rivière Noire.tif": 6}


def test_an_object_that_is_there_stays(store: ObjectStore) -> None:
    assert store.write("a.stac.json", b"first", if_absent=True)
    assert not store.write("a.stac.json", b"second", if_absent=True)
    assert store.write("a.stac.json", b"first", if_absent=True)  # sent again
    assert store.read("a.stac.json") == b"first"


def fail(path: Path) -> None:
    path.write_bytes(b"half")
    raise ZeroDivisionError


def test_a_file_that_fails_is_not_uploaded(store: ObjectStore) -> None:
    with pytest.raises(ZeroDivisionError), store.write_file("a.tif") as path:
        fail(path)
    assert store.list_names() == {}


def write_and_interrupt_soon(path: Path) -> None:
    path.write_bytes(b"raster")
    threading.Timer(0.1, _thread.interrupt_main).start()


def test_an_upload_that_is_interrupted_leaves_no_local_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process was killed before the server answered, and TMPDIR kept each of its rasters."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bucket = S3Store(
            "bucket",
            endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}",
            access_key_id="a",
            secret_access_key="b",
            client_options={"allow_http": True, "timeout": f"{2 * MAX_END_SECONDS}s"},
            retry_config={"max_retries": 0},
        )
        monkeypatch.setattr(object_store, "connect", lambda _address: bucket)
        began = time.monotonic()
        with (
            pytest.raises(KeyboardInterrupt),
            ObjectStore("s3://bucket/tiles").write_file("a.tif") as path,
        ):
            write_and_interrupt_soon(path)
        assert time.monotonic() - began < MAX_END_SECONDS
    assert not list(tmp_path.iterdir())


def test_a_missing_object_is_named(store: ObjectStore) -> None:
    with (
        pytest.raises(OutputError, match=r"^s3://bucket/tiles/a\.tif cannot be read: .* Check the"),
        store.read_file("a.tif"),
    ):
        pass


def test_a_store_is_sent_to_workers(store: ObjectStore) -> None:
    assert pickle.loads(pickle.dumps(store)) == store

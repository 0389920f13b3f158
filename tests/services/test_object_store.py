"""Tiles in a bucket of a real S3 server: conditional writes, multipart uploads, kills."""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import obstore
import pytest
import rasterio

from hrdem.errors import OutputError
from hrdem.http.run_context import RunContext
from hrdem.jobs.read_pixels import read_pixels
from hrdem.tiling.index.write_index import write_index
from hrdem.tiling.journal import TileState, read_states
from hrdem.tiling.object_store import ObjectStore, connect
from hrdem.tiling.output_store import open_store
from hrdem.tiling.verify_tiles import VerifySummary, verify_tiles
from tests.stores import Store
from tests.tiling.killed_workers import PLACES, finish, kill_at
from tests.tiling.tilings import make_job, publish_relief, write_tiles

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("bucket")]

_numbers = itertools.count()


@pytest.fixture
def http(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Sources in memory."""
    return Store(monkeypatch)


@pytest.fixture
def store() -> ObjectStore:
    """An empty prefix of a bucket."""
    store = open_store(f"s3://tiles/{next(_numbers)}")
    assert isinstance(store, ObjectStore)
    store.write("first.json", b"{}")  # creates the bucket
    store.remove("first.json")
    return store


def test_of_many_workers_one_commits_a_tile(store: ObjectStore) -> None:
    for turn in range(2):
        name, wrote = f"{turn}.stac.json", list[bytes]()
        start = threading.Barrier(8)

        def commit(content: bytes) -> None:
            start.wait()  # noqa: B023
            if store.write(name, content, if_absent=True):  # noqa: B023
                wrote.append(content)  # noqa: B023

        workers = [threading.Thread(target=commit, args=(b"%d" % each,)) for each in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [store.read(name)] == wrote


def test_a_large_raster_is_uploaded_in_parts(store: ObjectStore) -> None:
    content = os.urandom(30_000_000)
    with store.write_file("a.tif") as path:
        path.write_bytes(content)
    assert store.list_names() == {"a.tif": len(content)}
    assert obstore.head(connect(store.address), "a.tif")["e_tag"].endswith('-4"')  # of four parts
    with store.read_file("a.tif") as path:
        assert path.read_bytes() == content


def test_a_listing_has_more_names_than_a_page(store: ObjectStore) -> None:
    names = {f"{number:05}.stac.json": 4 for number in range(1_100)}  # more than a page
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: store.write(name, b"item"), names))
    assert store.list_names() == names


@pytest.mark.parametrize(("place", "left"), PLACES.items())
def test_a_killed_worker_leaves_whole_objects(
    store: ObjectStore, place: str, left: dict[str, int]
) -> None:
    kill_at(place, store.address)
    assert store.list_names() == left
    finish(store.address)
    assert store.list_names() == {"a.tif": 16, "a.stac.json": 8}


def test_a_job_in_a_bucket_is_indexed_and_verified(store: ObjectStore, http: Store) -> None:
    """GDAL opens the index in the bucket as one raster, with relative names of tiles."""
    publish_relief(http)
    job = make_job(http)
    write_tiles(job, store, http)
    states = read_states(job, store)
    assert set(states.values()) == {TileState.DONE, TileState.EMPTY}
    write_index(job, store, states, parquet=True)
    summary = verify_tiles(job, store, RunContext(http), samples=4)
    assert summary == VerifySummary(4, 4, 0, ())
    expected, _ = read_pixels(job.plan, job.plan.grid.window, None, RunContext(http))
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    settings = {"AWS_S3_ENDPOINT": endpoint, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
    address = store.address.replace("s3://", "/vsis3/")
    for name in ("index.gti.gpkg", "mosaic.vrt"):
        with rasterio.Env(**settings), rasterio.open(f"{address}/{name}") as dataset:
            np.testing.assert_array_equal(dataset.read(1), expected)


def test_wrong_credentials_are_said(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    connect.cache_clear()
    with pytest.raises(OutputError, match=r"a\.json cannot be written: .*403.* credentials") as no:
        store.write("a.json", b"{}")
    assert "Debug source" not in str(no.value)
    connect.cache_clear()

"""Servers of the page in this process, and browsers that use them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rasterio.io import MemoryFile

with warnings.catch_warnings():  # of httpx, which it used before httpx2
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from hrdem.app.job_store import JobStore
from hrdem.app.server import make_app, make_data_folder
from hrdem.app.settings import Services, Settings
from hrdem.demo import Addresses

PORT = 18791
NOWHERE = "http://127.0.0.1:9"
BOX = {"bbox": [-75.72, 45.40, -75.719, 45.401]}


@contextmanager
def serving(settings: Settings) -> Iterator[TestClient]:
    """Yield a browser at a server that does not run jobs; its page is open already."""
    make_data_folder(settings.data)
    with JobStore(settings.data / "jobs.sqlite") as store:
        client = browse(make_app(settings, store))
        if settings.token is None:
            client.get("/api/config")
        yield client


@contextmanager
def running(settings: Settings) -> Iterator[TestClient]:
    """The same, with jobs."""
    with serving(settings) as client, client:
        yield client


def browse(app: Any) -> TestClient:
    """Return another browser, with cookies of its own."""
    return TestClient(app, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False)


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Return what a condition returns, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def pixels_of(raster: bytes) -> Any:
    """Return the pixels of a GeoTIFF; its tags name the address of the service."""
    with MemoryFile(raster) as file, file.open() as dataset:
        return dataset.read()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a server whose services do not exist."""
    return Settings(Services(NOWHERE, NOWHERE, NOWHERE), tmp_path / "data", port=PORT)


@pytest.fixture
def demo_settings(settings: Settings, demo: Addresses) -> Settings:
    """Settings of a server of the demonstration."""
    services = Services(demo.stac, demo.wcs, demo.wms, no_cache=True, is_demo=True)
    return replace(settings, services=services)


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("app") / "data"
    with serving(Settings(Services(NOWHERE, NOWHERE, NOWHERE), data, port=PORT)) as client:
        yield client


@pytest.fixture
def client(_shared: TestClient) -> TestClient:
    """A browser with an open page, at a server that runs no jobs and has no services."""
    client = browse(_shared.app)
    client.cookies.update(_shared.cookies)
    return client

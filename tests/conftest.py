"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import itertools
import logging
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from hrdem.demo import Addresses, running
from hrdem.http.client import HttpClient
from hrdem.http.retry import Retries
from hrdem.http.timeouts import Timeouts
from tests import documents
from tests.stores import Store

# a busy machine is no fault of the code
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)  # there may be no xdist
def pytest_xdist_auto_num_workers() -> int:
    """One more than processors, because a third of the time of the tests is waiting."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)  # before tests are selected by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of a slow test as long, but for the first or `slow(each=True)`."""
    begun = set()
    for item in items:
        slow = item.get_closest_marker("slow")
        if slow and not slow.kwargs.get("each") and not item.get_closest_marker("long"):
            name = item.nodeid.partition("[")[0]
            if name in begun:
                item.add_marker(pytest.mark.long)
            begun.add(name)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without the garbage collector, which then need not look at them again.

    They are 300,000 objects, through which each full collection of each test would go.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def demo() -> Iterator[Addresses]:
    """The demonstration service, in a separate process."""
    with running() as addresses:
        yield addresses


@pytest.fixture
def on_demo(demo: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which commands without an address use the demonstration, as pages have them."""
    monkeypatch.chdir(tmp_path)
    for name, url in demo.by_option.items():
        monkeypatch.setenv(f"HRDEM_{name.upper()}", url)
    monkeypatch.setenv("HRDEM_NO_CACHE", "1")
    return tmp_path


@pytest.fixture(scope="session")
def republished() -> Iterator[Addresses]:
    """The demonstration service after its files were republished."""
    with running(edition=2) as addresses:
        yield addresses


@pytest.fixture
def http() -> Iterator[HttpClient]:
    """A client with short timeouts and no pause between attempts."""
    timeouts = Timeouts(connect=2, read=2, total=5)
    with HttpClient(
        timeouts=timeouts,
        retries=Retries(attempts=3),
        sleep=lambda _: None,
        trusted=["http://127.0.0.1"],
    ) as client:
        yield client


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo the logging that a command sets up for its process."""
    root, ours = logging.getLogger(), logging.getLogger("hrdem")
    before = root.handlers[:], ours.level
    yield
    root.handlers[:], level = before
    ours.setLevel(level)


@pytest.fixture(scope="session")
def document_problems() -> Iterator[list[str]]:
    problems: list[str] = []
    with documents.checking(problems):
        yield problems


@pytest.fixture(autouse=True)
def documents_have_schemas(document_problems: list[str]) -> Iterator[None]:
    """Fail where a command prints a document that `hrdem schema` does not describe."""
    yield
    found = [*document_problems]
    document_problems.clear()
    assert not found, found[0]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """An in-memory service, to which a test adds rasters."""
    return Store(monkeypatch)


@pytest.fixture(scope="session", autouse=True)
def shared_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep fixtures shared by several tests out of the user's own cache.

    Processes that tests start may write bytecode: they are many, and compiling takes each of them
    as long as all else that it imports.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("shared-cache")))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture(scope="session")
def cache_homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths in one folder; `tmp_path_factory.mktemp` lists all earlier folders for each new one."""
    folder = tmp_path_factory.mktemp("caches")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def cache_dir(cache_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test its own cache, also in the processes that it starts."""
    folder = next(cache_homes)
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setattr("hrdem.http.cache.store.default_cache_dir", lambda: folder / "hrdem")
    return folder / "hrdem"

"""Fixtures that run the real servers for the whole session.

The tests are skipped if the servers are missing, or fail if HRDEM_SERVICES=required.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from servers import MissingServerError, Programs
from stack import CORNER, CORNER_TILES, Stack, running


@pytest.fixture(scope="session")
def programs() -> Programs:
    """The servers."""
    try:
        return Programs.found()
    except MissingServerError as exc:
        if os.environ.get("HRDEM_SERVICES") == "required":
            pytest.fail(str(exc), pytrace=False)
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder for the files of servers, which clients reach without a proxy."""
    with (
        pytest.MonkeyPatch.context() as environment,
        tempfile.TemporaryDirectory(prefix="hrdem-services-") as folder,
    ):
        environment.setenv("NO_PROXY", "127.0.0.1")
        environment.setenv("no_proxy", "127.0.0.1")
        Path(folder).chmod(0o755)  # the PostgreSQL user needs access
        yield Path(folder)


@pytest.fixture(scope="session")
def stack(programs: Programs, folder: Path) -> Iterator[Stack]:
    """The service on free ports of 127.0.0.1, with an empty store."""
    with running(folder / "stack") as up:
        yield up


@pytest.fixture(scope="session")
def bucket(programs: Programs, folder: Path) -> Iterator[None]:
    """An S3 server with any bucket, known to clients by the environment."""
    (folder / "bucket" / "logs").mkdir(parents=True)
    with (
        pytest.MonkeyPatch.context() as environment,
        servers.bucket(programs, folder / "bucket") as settings,
    ):
        for name, value in settings.items():
            environment.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def corner(stack: Stack) -> Stack:
    """The service with a small area of data where four tiles meet, at (2,000,000, 0)."""
    for item in CORNER_TILES:
        stack.publish(item, "dtm", CORNER)
    return stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let two processes share the tests: those of buckets, and those of the other servers."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.is_relative_to(Path(__file__).parent):
            group = "buckets" if "bucket" in item.fixturenames else "servers"
            item.add_marker(pytest.mark.xdist_group(group))

"""Fixtures that run the real servers for the whole session.

The tests are skipped if the servers are missing, or fail if HRDEM_SERVICES=required.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import MissingServerError, Programs
from stack import CORNER, CORNER_TILES, Stack, running


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The service on free ports of 127.0.0.1, with an empty store."""
    try:
        Programs.found()
    except MissingServerError as exc:
        if os.environ.get("HRDEM_SERVICES") == "required":
            pytest.fail(str(exc), pytrace=False)
        pytest.skip(str(exc))
    with (
        pytest.MonkeyPatch.context() as environment,
        tempfile.TemporaryDirectory(prefix="hrdem-services-") as folder,
    ):
        environment.setenv("NO_PROXY", "127.0.0.1")
        environment.setenv("no_proxy", "127.0.0.1")
        Path(folder).chmod(0o755)  # the PostgreSQL user needs access
        with running(Path(folder)) as up:
            yield up


@pytest.fixture(scope="session")
def corner(stack: Stack) -> Stack:
    """The service with a small area of data where four tiles meet, at (2,000,000, 0)."""
    for item in CORNER_TILES:
        stack.publish(item, "dtm", CORNER)
    return stack

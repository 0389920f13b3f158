"""The real servers, up for the whole session.

Without them the tests are skipped; HRDEM_SERVICES=required makes that a failure.
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
    """The service on free ports of 127.0.0.1, its store empty at first."""
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
        Path(folder).chmod(0o755)  # PostgreSQL's user has to pass
        with running(Path(folder)) as up:
            yield up


@pytest.fixture(scope="session")
def corner(stack: Stack) -> Stack:
    """The service with a little data where four tiles meet, at (2,000,000, 0)."""
    for item in CORNER_TILES:
        stack.publish(item, "dtm", CORNER)
    return stack

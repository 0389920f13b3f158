"""The server of the demonstration leaves the terminal to the user's command."""

from __future__ import annotations

import pytest

from hrdem.demo.listen import listen
from hrdem.demo.server import DemoServer


@pytest.mark.parametrize(
    ("error", "is_reported"), [(ConnectionResetError(), False), (KeyError(), True)]
)
def test_a_client_that_is_gone_is_not_reported(
    capfd: pytest.CaptureFixture[str], error: Exception, is_reported: bool
) -> None:
    """As a job of the page that was cancelled; a defect is."""
    with DemoServer(listen(0)) as server:
        try:
            raise error
        except type(error):
            server.handle_error(None, ("127.0.0.1", 1))
    assert bool(capfd.readouterr().err) == is_reported

"""Every test in this folder is a test of the `browser` kind: it drives the page in Chromium.

The tests are skipped if Chromium is missing, or fail if HRDEM_BROWSER=required.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.app_server import AppServer
from tests.browser.chromium import MissingBrowserError, launched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_HERE = Path(__file__).parent
TIMEOUT_MILLISECONDS = 30_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    try:
        with launched() as browser:
            yield browser
    except MissingBrowserError as exc:
        if os.environ.get("HRDEM_BROWSER") == "required":
            pytest.fail(str(exc), pytrace=False)
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """A server that tests share: each browser context has jobs of its own."""
    server = AppServer(tmp_path_factory.mktemp("app"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Make pages, each in a context of its own; none of them may log an error."""
    contexts, faults = [], []

    def make(**options: Any) -> Page:
        # a quarter of the pixels, as nothing but processors draws them
        plain = {"locale": "en-CA", "reduced_motion": "reduce", "device_scale_factor": 0.5}
        settings = plain | options
        context = browser.new_context(viewport=settings.pop("viewport", None), **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MILLISECONDS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: faults.append(message.text) if _is_fault(message) else None,
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


def _is_fault(message: Any) -> bool:
    """Whether a message is an error of the page, not one that a test provoked."""
    provoked = ("net::ERR_", "status of 400", "status of 502")
    is_provoked = any(each in message.text for each in provoked)
    return message.type == "error" and not is_provoked


@pytest.fixture
def page(server: AppServer, new_page: Callable[..., Page]) -> Page:
    """The page, opened by somebody who was never there."""
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto(server.url)
    return page

"""Chromium of the system, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    *("--no-sandbox", "--no-first-run", "--disable-quic", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # WebGL 2 without a graphics card
)


class MissingBrowserError(Exception):
    """Chromium or Playwright is not installed."""


def find_chromium() -> str:
    """Return the path of Chromium.

    Raises:
        MissingBrowserError: If it is not installed.
    """
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise MissingBrowserError("Chromium is not installed: apt-get install chromium.")


@contextmanager
def launched() -> Iterator[Browser]:
    """Run Chromium.

    Raises:
        MissingBrowserError: If it or Playwright is not installed.
    """
    path = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as exc:
        raise MissingBrowserError(
            "Playwright is not installed: pip install 'hrdem[browser]'."
        ) from exc
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()

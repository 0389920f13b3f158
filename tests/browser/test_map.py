"""What the map shows after changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

from tests.browser import steps
from tests.browser.app_server import AppServer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # a screenshot
WIDE = {"width": 1280, "height": 800}
NOTHING = {"type": "FeatureCollection", "features": []}
OUTLINES = "**/api/outlines?collection="
MAX_WAITS = 300  # of a tenth of a second


def look_at_map(page: Page, x: float, y: float) -> NDArray[np.uint8]:
    """Return the colours of a few pixels of the map, around a place counted from its corner."""
    box = page.locator("#map").bounding_box()
    assert box is not None
    clip = {"x": box["x"] + x - 6, "y": box["y"] + y - 6, "width": 12, "height": 12}
    with rasterio.MemoryFile(page.screenshot(clip=clip)) as file, file.open() as picture:
        return picture.read([1, 2, 3])


def wait_until(page: Page, is_so: Callable[[], bool]) -> None:
    """Wait for what only a picture of the map shows."""
    for _ in range(MAX_WAITS):
        if is_so():
            return
        page.wait_for_timeout(100)
    raise AssertionError("The map does not show it.")


def test_a_map_that_comes_late_shows_what_was_chosen_before(
    server: AppServer, new_page: Callable[..., Page]
) -> None:
    """Where the area is, and in the colours of the page."""
    page = new_page(viewport=WIDE)
    with steps.held(page, "**/maplibre-gl-*.mjs") as wait_for_code:
        page.goto(server.url)
        steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
        page.locator("#area-chosen").wait_for()
        page.locator("#theme").click()
        wait_for_code()
    steps.wait_for_map(page)
    page.wait_for_function("() => JSON.parse(sessionStorage.hrdem).place?.zoom > 10")
    wait_until(page, lambda: look_at_map(page, 10, 400).mean() < 100)


def test_the_map_marks_what_is_measured_last(page: Page) -> None:
    """Not a station of the profile before; and a layer that fails late takes no other away."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"{OUTLINES}1m", hold)
    page.route(f"{OUTLINES}2m", lambda route: route.fulfill(json=NOTHING))
    steps.go_to(page)
    page.locator("#layers summary").click()
    with page.expect_request(f"{OUTLINES}1m"):
        page.locator("#layer-coverage").select_option("1m")
    with page.expect_response(f"{OUTLINES}2m"):
        page.locator("#layer-coverage").select_option("2m")
    with page.expect_response(f"{OUTLINES}1m"):
        held.pop().fulfill(status=502)
    page.locator("#layers summary").click()

    page.locator("#map-bar [data-tool=line]").click()
    steps.click_map(page, (300, 200), (420, 200))
    page.locator("#drawing-finish").click()
    page.locator("#measured [role=slider]").press("End")
    page.locator("#map-bar [data-tool=height]").click()
    before = look_at_map(page, 600, 250)
    steps.click_map(page, (600, 250))
    page.mouse.move(0, 0)
    wait_until(page, lambda: bool((look_at_map(page, 600, 250) != before).any()))
    assert page.locator("#layer-coverage").input_value() == "2m"

"""Areas that are refused, and answers that come after somebody has gone on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.browser import steps

if TYPE_CHECKING:
    from playwright.sync_api import Page

REFUSAL = {
    "error": {"message": "The area lies outside of Canada.", "hint": "", "class": "AoiError"}
}
FILE = {"type": "Polygon", "coordinates": [[[-75.7, 45.4], [-75.69, 45.4], [-75.69, 45.41]]]}
DRAWING = "#map-side.drawing"


def test_the_box_tool_ends_with_its_box_and_not_before(page: Page) -> None:
    """A refused box puts it away, a flat one does not end."""
    steps.go_to(page)
    page.route("**/api/area", lambda route: route.fulfill(status=400, json=REFUSAL))
    steps.drag_box(page)
    page.locator("#area-trouble .trouble").wait_for()
    assert page.locator("[data-tool][aria-pressed=true]").count() == 0
    assert not page.locator("#drawing-bar").is_visible()
    page.unroute("**/api/area")
    page.locator(".ways [data-tool=box]").click()
    steps.drag_box(page, 60, 0)
    page.locator(DRAWING).wait_for()
    steps.drag_box(page)
    page.locator("#area-chosen").wait_for()


def test_who_goes_on_is_not_disturbed_by_what_was_looked_for(page: Page) -> None:
    """Lists stay closed, drawings go on; other choices give nothing up."""
    steps.wait_for_map(page)
    field = page.locator("#search-text")
    find = "**/api/find?*"

    with steps.held(page, find) as wait_for_find:
        field.fill("Otta")
        wait_for_find()
        with page.expect_event("requestfailed"):
            field.press("Tab")
    assert not page.locator("#search-list").is_visible()

    with steps.held(page, find) as wait_for_find:
        field.fill("031G05")
        field.press("Enter")
        wait_for_find()
        with page.expect_event("requestfailed"):
            page.locator(".ways [data-tool=polygon]").click()
    page.locator(DRAWING).wait_for()
    page.keyboard.press("Escape")

    with steps.held(page, "**/api/areas?*") as wait_for_upload:
        content = json.dumps(FILE).encode()
        file = {"name": "a.geojson", "mimeType": "application/json", "buffer": content}
        page.locator("#file").set_input_files(file)
        wait_for_upload()
        page.locator("#area-reading", has_text="a.geojson").wait_for()
        with page.expect_event("requestfailed"):
            page.locator(".ways [data-tool=polygon]").click()
    assert not page.locator("#area-reading").is_visible()
    page.locator(DRAWING).wait_for()

    with steps.held(page, find) as wait_for_find:
        field.fill("031G05")
        field.press("Enter")
        wait_for_find()
        page.locator("#products input[value=dsm]").check()
    page.locator("#area-chosen", has_text="031G05").wait_for()

    page.locator("#area-clear").click()
    field.fill("031G05")
    field.press("Enter")
    page.locator("#area-zoom:focus").wait_for()

"""Choices that are changed and used at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser import steps

if TYPE_CHECKING:
    from playwright.sync_api import Page

FIND_CRS = "**/api/crs?*"


def test_what_is_missing_is_named(page: Page) -> None:
    """First the area, then the product."""
    steps.wait_for_map(page)
    summary, trouble = page.locator("#summary"), page.locator("#get-trouble")
    assert "area" in summary.inner_text()
    steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
    steps.wait_for_estimate(page)
    page.locator("#products input[value=dtm]").uncheck()
    assert "product" in summary.inner_text()
    page.locator("#get").click(force=True)
    assert "product" in trouble.inner_text()
    page.locator("#products input[value=dsm]").check()
    assert trouble.inner_text() == ""


def test_the_file_is_what_the_form_says(page: Page) -> None:
    """No click is lost to the field before it; no file is made while a field is wrong."""
    steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
    page.locator("#area-chosen").wait_for()
    page.locator("#choices summary").click()
    resolution = page.locator("#choices input[name=resolution]")
    fill = page.locator("#fill input")
    get = page.locator("#get[aria-disabled=false]")
    resolution.fill("5")
    fill.first.click()
    assert fill.first.is_checked()
    fill.nth(1).focus()
    page.keyboard.press("Space")
    assert page.locator("#fill input:focus").is_checked()

    resolution.fill("five")
    page.locator("#get").click()
    page.locator("#choices-trouble .trouble").wait_for()
    assert get.count() == page.locator(".job").count() == 0
    resolution.fill("5")
    resolution.blur()
    get.wait_for()

    page.locator("#choices select[name=crs]").select_option("other")
    field = page.locator("#choices input[name=crs_other]")
    field.fill("no such system")
    field.blur()
    page.locator("#choices-trouble .trouble").wait_for()
    page.locator("#choices select[name=format]").select_option("cog")
    assert page.locator("#choices-trouble .trouble").is_visible()
    with steps.held(page, FIND_CRS) as wait_for_find:
        field.fill("mtm zone 9")
        page.locator("#get").click(force=True)
        wait_for_find()
        assert get.count() == page.locator(".job").count() == 0
    get.wait_for()
    with page.expect_request("**/api/jobs") as posted:
        get.click()
    sent = posted.value.post_data_json
    assert (sent["crs"], sent["resolution"], sent["format"]) == ("EPSG:2951", 5, "cog")
    assert len(sent["fill"]) == 2

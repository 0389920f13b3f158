"""Estimates that fail, that come late, and that change what stands around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser import steps

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

ESTIMATE, SURVEYS = "**/api/estimate", "**/api/surveys"
PLACE = "document.querySelector('#jobs-title').getBoundingClientRect().top"
FAILURE = {
    "error": {"message": "The service does not answer.", "hint": "", "class": "NetworkError"}
}


def test_a_service_that_fails_for_a_while_is_asked_again(page: Page) -> None:
    """For the estimate, and for the surveys of it."""

    def fail(route: Route) -> None:
        route.fulfill(status=502, json=FAILURE)

    page.route(ESTIMATE, fail)
    page.route(SURVEYS, fail)
    steps.type_box(page, -75.724, 45.41, -75.719, 45.415)  # of no other test: nothing is known
    again = page.locator("#estimate button", has_text="Try again")
    again.click()
    again.wait_for()
    page.unroute(ESTIMATE)
    again.click()
    page.locator("#estimate dl").wait_for()
    page.locator("#estimate", has_text=FAILURE["error"]["message"]).wait_for()
    page.locator("#get[aria-disabled=false]").wait_for()
    page.unroute(SURVEYS)
    again.click()
    page.locator("#estimate details.surveys").wait_for()


def test_a_download_beyond_the_limit_is_told_before(page: Page) -> None:
    """A map sheet of the demonstration at 1 m takes more than the 50 GB of the server."""
    steps.wait_for_map(page)
    page.locator("#search-text").fill("031G")
    page.locator("#search-list [role=option]").first.wait_for()
    page.keyboard.press("Enter")
    page.locator("#estimate .note", has_text="50 GB").wait_for()
    page.locator("#choices summary").click()
    page.locator("#choices input[name=resolution]").fill("30")
    page.keyboard.press("Enter")
    page.locator("#estimate .note").wait_for(state="detached")


def test_what_is_used_stays_while_estimates_arrive(page: Page) -> None:
    """Files under the pointer, buttons in focus; the command of another area does not."""

    def find_gaps(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        found["coverage"][0]["percent"] = found["total_percent"] = 60
        route.fulfill(response=answer, json=found | {"warnings": ["Some of it has no data."]})

    page.route(ESTIMATE, find_gaps)
    with steps.held(page, SURVEYS) as wait_for_surveys:
        with steps.held(page, ESTIMATE):
            steps.type_box(page, -75.725, 45.41, -75.72, 45.415)  # of no other test
            page.locator("#get[aria-disabled=false]").click()
            page.locator("#jobs-title").hover()
            before = page.evaluate(PLACE)
        fill_gaps = page.locator(".coverage button")
        fill_gaps.wait_for()
        assert abs(page.evaluate(PLACE) - before) <= 1
        page.locator("#commands summary").click()
        copy = page.locator("#commands .copy").first.element_handle()
        fill_gaps.focus()
        wait_for_surveys()
    page.locator("#estimate details.surveys").wait_for()
    page.locator(".coverage button:focus").wait_for()
    assert copy.evaluate("button => button.isConnected")

    page.unroute(ESTIMATE)
    with steps.held(page, ESTIMATE):
        page.locator("#products input[value=dsm]").check()
        page.locator("#commands-body[inert]").wait_for()
        page.locator("#area-clear").click()
        page.locator("#coordinates button").click()
        page.locator("#estimate[aria-busy=true]").wait_for()
        assert page.locator("#commands code").count() == 0

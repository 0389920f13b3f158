"""Jobs that are cancelled, that outlive the server, and that are nobody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import steps
from tests.browser.app_server import AppServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

WIDE = {"width": 1280, "height": 800}
SOME_SECONDS = (-75.75, 45.38, -75.69, 45.45)  # a box that takes two on a fast machine
A_SECOND = (-75.75, 45.38, -75.72, 45.43)  # one that takes one, for jobs that are to be done
MAX_JOB_MILLISECONDS = 120_000  # of such a job on a slow one

BE_SEEN = """seen => {
    Object.defineProperty(document, "hidden", { value: !seen, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
IS_IN_SIGHT = """element => {
    const { left, top } = element.getBoundingClientRect();
    return element.contains(document.elementFromPoint(left + 20, top + 8));
}"""
GO_AND_COME_BACK = """() => {
    for (const name of ["pagehide", "pageshow"]) {
        dispatchEvent(new PageTransitionEvent(name, { persisted: true }));
    }
}"""


@pytest.fixture
def mortal(browser: Browser, tmp_path: Path) -> Iterator[AppServer]:
    """A server of the test's own, which it may kill."""
    server = AppServer(tmp_path, options=("--workers", "1"))
    server.start()
    yield server
    server.stop()


def test_a_job_is_cancelled_and_goes_on(page: Page) -> None:
    """Cancel stops it; Go on makes the file."""
    steps.type_box(page, *A_SECOND)
    job = steps.get_file(page)
    job.locator("button", has_text="Cancel").click()
    page.locator(".job.cancelled").wait_for()
    page.locator(".job.cancelled button", has_text="Go on").click()
    page.locator(".job.done .downloads a").first.wait_for(timeout=MAX_JOB_MILLISECONDS)


def test_a_button_is_pressed_while_its_job_goes_on(page: Page) -> None:
    """What is drawn meanwhile does not take the button from under the pointer."""
    steps.type_box(page, *SOME_SECONDS)
    job = steps.get_file(page)
    page.locator(".job.running progress[value]").wait_for()
    job.locator("button", has_text="Cancel").hover()
    shown = page.locator(".job progress").get_attribute("value")
    page.mouse.down()
    page.wait_for_function(
        "shown => document.querySelector('.job progress').getAttribute('value') !== shown",
        arg=shown,
    )
    page.mouse.up()
    page.locator(".job.cancelled").wait_for()


def test_answers_that_come_late_do_not_undo_what_events_told(page: Page) -> None:
    """The answer to a request can come after the event of what it led to, or of more."""

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        late.append(lambda: route.fulfill(response=answer))

    late: list[Callable[[], None]] = []
    page.route("**/api/jobs", answer_late)
    page.route("**/cancel", answer_late)
    steps.type_box(page, *SOME_SECONDS)
    steps.wait_for_estimate(page)
    page.locator("#get[aria-disabled=false]").click()
    page.locator(".job.running button", has_text="Cancel").click()
    page.locator(".job.cancelled").wait_for()
    assert len(late) == 2
    for answer in late:
        answer()
    page.locator("#get[aria-disabled=false]").wait_for()  # until the first has come
    assert page.locator(".job").count() == page.locator(".job.cancelled").count() == 1


def test_a_job_that_is_deleted_is_gone_from_other_tabs(page: Page, server: AppServer) -> None:
    """They belong to the same browser."""
    steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
    steps.get_file(page)
    page.locator(".job.done").wait_for()
    other = page.context.new_page()
    other.goto(server.url)
    other.locator(".job.done button", has_text="Delete").click()
    other.locator("#dialog button.danger").click()
    page.locator("#jobs-section").wait_for(state="hidden")


def test_pages_out_of_sight_leave_the_connections_to_others(page: Page, server: AppServer) -> None:
    """A browser has six to a server; pages that are seen again know what they missed."""
    page.evaluate(BE_SEEN, False)
    for _ in range(6):
        other = page.context.new_page()
        other.route("**/maplibre-gl-*.mjs", lambda route: route.abort())  # maps take seconds
        with other.expect_request("**/api/events"):
            other.goto(server.url)
        other.evaluate(BE_SEEN, False)
    other.evaluate(BE_SEEN, True)
    steps.type_box(other, -75.72, 45.40, -75.715, 45.405)
    other.locator("#get[aria-disabled=false]").click()
    other.locator(".job").wait_for()
    page.evaluate(BE_SEEN, True)
    page.locator(".job").wait_for()
    with page.expect_request("**/api/events"):
        page.evaluate(GO_AND_COME_BACK)


def test_a_job_survives_a_server_that_is_killed(
    mortal: AppServer, new_page: Callable[..., Page]
) -> None:
    """The page says that the server is gone, and goes on by itself when it is back."""
    page = new_page(viewport=WIDE)
    page.goto(mortal.url)
    steps.type_box(page, *A_SECOND)
    steps.get_file(page)
    page.locator(".job.running").wait_for()
    mortal.kill()
    page.locator("#offline").wait_for()
    page.locator("#jobs-section").evaluate("element => element.scrollIntoView()")
    assert page.locator("#offline").evaluate(IS_IN_SIGHT)
    page.locator("#get").click()
    page.locator("#get-trouble .trouble").wait_for()
    mortal.start()
    page.locator(".job.done").wait_for(timeout=MAX_JOB_MILLISECONDS)
    assert not page.locator("#offline").is_visible()
    assert not page.locator("#get-trouble .trouble").is_visible()


def test_two_browsers_do_not_see_each_others_jobs(
    page: Page, server: AppServer, new_page: Callable[..., Page]
) -> None:
    """Neither in the list nor by the address of a file."""
    steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
    steps.get_file(page)
    link = page.locator(".downloads a").first.get_attribute("href")
    assert page.request.get(f"{server.url.rstrip('/')}{link}").status == 200
    other = new_page(viewport=WIDE)
    other.goto(server.url)
    steps.type_box(other, -75.70, 45.40, -75.695, 45.405)
    steps.get_file(other)
    other.locator(".downloads a").first.wait_for()
    assert other.locator(".job").count() == 1
    assert other.request.get(f"{server.url.rstrip('/')}{link}").status == 404


def test_a_job_is_deleted_after_a_question(page: Page) -> None:
    """Esc keeps it."""
    steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
    job = steps.get_file(page)
    page.locator("#get").hover()
    for press in (page.mouse.down, page.mouse.up):
        press(click_count=2)  # of a double click, after the first
    page.locator(".job.done").wait_for()
    delete = job.locator("button", has_text="Delete")
    delete.click()
    page.keyboard.press("Escape")
    assert page.locator(".job").count() == 1
    delete.click()
    page.locator("#dialog button.danger").click()
    page.locator("#jobs-section").wait_for(state="hidden")
    page.locator("#get:focus").wait_for()

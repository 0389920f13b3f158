"""French, keyboard, screen readers, small screens, dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import steps
from tests.browser.app_server import AppServer

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
RUN_AXE = "async options => (await axe.run(document, options)).violations"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def find_violations(page: Page) -> list[tuple[str, Any]]:
    """Return the rules of axe-core that the page breaks, each with where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    tags = {"runOnly": {"type": "tag", "values": list(RULES)}}
    found = page.evaluate(RUN_AXE, tags)
    return [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]


@pytest.mark.parametrize(("locale", "scheme"), [("en-CA", "light"), ("fr-CA", "dark")])
def test_no_state_of_the_page_breaks_a_rule_of_axe(
    server: AppServer, new_page: Callable[..., Page], locale: str, scheme: str
) -> None:
    """Empty, searching, drawing, in error, estimated, done, looked at, measured; light and dark."""
    page = new_page(viewport=WIDE, locale=locale, color_scheme=scheme)
    page.goto(server.url)
    steps.wait_for_map(page)
    found = {"empty": find_violations(page)}
    page.locator("#layers summary").click()
    page.locator("#search-text").fill("Otta")
    page.locator("#search-list [role=option]").first.wait_for()
    found["searching"] = find_violations(page)
    page.locator("#layers summary").click()
    page.locator("#search-text").focus()
    page.keyboard.press("Enter")
    found["drawing"] = find_violations(page)
    page.keyboard.press("Escape")
    steps.type_box(page, -75.72, "?", -75.715, 45.405)
    page.locator("#choices summary").click()
    found["error"] = find_violations(page)
    page.locator("#coordinates input[name=south]").fill("45.40")
    page.locator("#coordinates button").click()
    steps.wait_for_estimate(page)
    page.locator("#commands summary").click()
    found["estimated"] = find_violations(page)
    steps.get_file(page)
    page.locator(".job.done").wait_for()
    page.locator(".job details summary").click()
    found["done"] = find_violations(page)
    page.locator(".job .row button").first.click()
    page.locator("#dialog .columns > table").wait_for()
    found["looked at"] = find_violations(page)
    page.keyboard.press("Escape")
    page.locator("#map-bar [data-tool=line]").click()
    box = page.locator("#map").bounding_box()
    assert box is not None
    for x in (300, 420):
        page.mouse.click(box["x"] + x, box["y"] + 200)
    page.locator("#drawing-finish").click()
    page.locator("#measured [role=slider]").wait_for()
    found["measured"] = find_violations(page)
    assert {state: broken for state, broken in found.items() if broken} == {}


def test_a_french_browser_gets_french_and_can_switch(
    server: AppServer, new_page: Callable[..., Page]
) -> None:
    """From the first byte; the switch is remembered."""
    page = new_page(viewport=WIDE, locale="fr-CA")
    page.goto(server.url)
    assert page.locator("html").get_attribute("lang") == "fr"
    steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
    steps.wait_for_estimate(page)
    assert "à télécharger" in page.locator("#summary").inner_text()
    page.locator("#language").click()
    page.locator("html[lang=en]").wait_for()
    page.goto(server.url)
    assert page.locator("html").get_attribute("lang") == "en"
    steps.wait_for_estimate(page)  # the area was kept
    assert "to download" in page.locator("#summary").inner_text()


def test_a_french_browser_gets_errors_in_french(
    server: AppServer, new_page: Callable[..., Page]
) -> None:
    """What the server says, and what its jobs say of the options of a command, are English."""
    page = new_page(viewport=WIDE, locale="fr-CA")
    page.goto(server.url)
    steps.type_box(page, "-20,1", 48, -20, "48,1")
    page.locator("#area-trouble strong", has_text="La zone est hors du Canada").wait_for()
    assert page.locator("#area-trouble [lang=en]", has_text="outside Canada").is_visible()
    assert find_violations(page) == []
    page.locator("#coordinates summary").click()
    steps.type_box(page, -120, 60, -119.99, 60.01)  # where the demonstration has no data
    steps.get_file(page)
    trouble = page.locator(".job.failed .trouble")
    trouble.locator("strong", has_text="Il n’y a pas de données dans cette zone").wait_for()
    assert "--" not in trouble.inner_text()


def test_the_keyboard_alone_gets_a_file(page: Page) -> None:
    """Skip link, search, a box by arrow keys and Enter, the button, the download."""
    steps.wait_for_map(page)
    page.keyboard.press("Tab")
    assert page.locator(".skip").evaluate("link => link === document.activeElement")
    press_until(page, "#search-text")
    page.keyboard.type("Ottawa")
    page.locator("#search-list [role=option]").first.wait_for()
    page.keyboard.press("Enter")
    page.locator("#map-side.drawing").wait_for()  # begun by the search, with the map in focus
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    for key in ("ArrowRight", "ArrowDown"):
        for _ in range(6):
            page.keyboard.press(key)
    page.keyboard.press("Enter")
    steps.wait_for_estimate(page)
    page.locator("#get[aria-disabled=false]").wait_for()
    press_until(page, "#get")
    page.keyboard.press("Enter")
    page.locator(".job.done").wait_for()
    press_until(page, ".downloads a", backwards=True)
    with page.expect_download():
        page.keyboard.press("Enter")


def press_until(page: Page, selector: str, *, backwards: bool = False) -> None:
    """Press Tab until an element has the focus, which has to be seen."""
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        focused = page.evaluate(
            "selector => document.activeElement === document.querySelector(selector)", selector
        )
        if focused:
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) != "none"
            return
    pytest.fail(f"{selector} cannot be reached by Tab.")


def test_a_phone_shows_everything_in_its_width(
    server: AppServer, new_page: Callable[..., Page]
) -> None:
    """Nothing scrolls sideways, and a finger draws a box."""
    page = new_page(viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto(server.url)
    steps.go_to(page)
    steps.drag_box(page)
    steps.wait_for_estimate(page)
    steps.get_file(page)
    page.locator(".job.done").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate("document.querySelector('#steps').scrollWidth") <= PHONE["width"]
    assert page.locator("#get").is_visible()
    assert find_violations(page) == []


def test_a_phone_measures_a_height_and_then_a_profile(
    server: AppServer, new_page: Callable[..., Page]
) -> None:
    """The card of the height leaves the map and the buttons of the line alone."""
    page = new_page(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page.goto(server.url)
    steps.go_to(page)
    page.locator("#drawing-cancel").click()
    page.locator("#map-bar [data-tool=height]").click()
    steps.click_map(page, (300, 180))
    page.locator("#measured .reading").wait_for()
    page.locator("#map-bar [data-tool=line]").click()
    steps.click_map(page, (280, 200), (200, 320))
    page.locator("#drawing-finish").click()
    page.locator("#measured [role=slider]").wait_for()


def test_dark_is_that_of_the_system_until_it_is_switched(
    server: AppServer, new_page: Callable[..., Page]
) -> None:
    """And then remembered."""
    page = new_page(viewport=WIDE, color_scheme="dark")
    page.goto(server.url)
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.locator("#theme[aria-pressed=true]").click()
    light = page.evaluate(background)
    assert dark != light
    page.reload()
    assert page.evaluate(background) == light

"""Pictures of the states of the page for docs/app.md: ``python -m tests.browser.screenshots``."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.browser import steps
from tests.browser.app_server import AppServer
from tests.browser.chromium import launched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = Path(__file__).parents[2] / "docs/images"
WIDE = {"width": 1120, "height": 700}
HIGH = {"width": 1120, "height": 1000}
PHONE = {"width": 360, "height": 640}
STILL_MILLISECONDS = 2_000  # a tile of the hillshade takes less
MAX_LOOKS = 8
COLOURS = 96  # enough for a page


def take(page: Page, name: str, part: str = "body", *, moves: bool = False) -> None:
    """Write a picture of the page, or a part of it, as docs/images/app-NAME.png.

    What moves is drawn at once, all else when it stands still.
    """
    drawn = page.locator(part).screenshot() if moves else _wait_until_drawn(page, part)
    with Image.open(io.BytesIO(drawn)) as picture:
        few = picture.convert("RGB").quantize(
            COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        few.save(IMAGES / f"app-{name}.png", optimize=True)


def _wait_until_drawn(page: Page, part: str) -> bytes:
    """Return a picture that stays as it is: the map draws on while its tiles arrive."""
    drawn = page.locator(part).screenshot()
    for _ in range(MAX_LOOKS):
        page.wait_for_timeout(STILL_MILLISECONDS)
        drawn, before = page.locator(part).screenshot(), drawn
        if drawn == before:
            break
    return drawn


def choose_area(page: Page) -> None:
    """Draw a box around the middle of Ottawa."""
    steps.go_to(page)
    steps.drag_box(page, 90, 70)
    steps.wait_for_estimate(page)


def scroll_to(page: Page, selector: str) -> None:
    """Bring an element to the top of the panel."""
    page.locator(selector).evaluate("element => element.scrollIntoView({ block: 'start' })")


def show_start(page: Page) -> None:
    """The page as it opens."""
    steps.wait_for_map(page)
    take(page, "start")
    page.locator("#search-text").fill("Ott")
    page.locator("#search-list [role=option]").first.wait_for()
    take(page, "search")
    page.locator("#search-text").fill("Nowhere at all")
    page.keyboard.press("Enter")
    page.locator("#area-trouble .trouble").wait_for()
    take(page, "error")


def show_drawing(page: Page) -> None:
    """A polygon by keyboard: the cursor is the circle."""
    steps.go_to(page)
    page.locator("#map-bar [data-tool=polygon]").click()
    for key, times in (("ArrowUp", 9), ("ArrowRight", 16), ("ArrowDown", 16)):
        for _ in range(times):
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    take(page, "drawing")


def show_journey(page: Page) -> None:
    """From the estimate to the result."""
    choose_area(page)
    take(page, "area")
    scroll_to(page, "#estimate-section")
    page.locator("#commands summary").click()
    take(page, "estimate", "#panel")
    page.locator("#commands summary").click()
    page.locator("#choices summary").click()
    scroll_to(page, "#choices")
    take(page, "choices", "#panel")
    page.locator("#choices summary").click()
    page.locator("#products input[value=dsm]").check()
    steps.wait_for_estimate(page)
    steps.get_file(page)
    page.locator(".job.done").wait_for()
    scroll_to(page, "#jobs-section")
    take(page, "done", "#panel")
    page.set_viewport_size(HIGH)
    page.locator(".job button", has_text="Look at it").click()
    page.locator("#dialog .columns > table").first.wait_for()
    page.locator("#dialog img").first.evaluate("image => image.decode()")
    take(page, "result")


def show_running(page: Page) -> None:
    """A job that takes half a minute."""
    steps.type_box(page, -75.9, 45.3, -75.5, 45.5)
    steps.get_file(page)
    page.locator(".job.running progress[value]").wait_for()
    scroll_to(page, "#jobs-section")
    page.wait_for_timeout(STILL_MILLISECONDS)  # for the time that is left
    take(page, "running", "#panel", moves=True)
    page.locator(".job button", has_text="Cancel").click()


def show_measuring(page: Page) -> None:
    """A height, and a profile with the place that the chart points at."""
    choose_area(page)
    box = page.locator("#map").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + 240
    page.locator("#map-bar [data-tool=height]").click()
    page.mouse.click(x, y)
    page.locator("#measured .reading").wait_for()
    take(page, "height")
    page.locator("#map-bar [data-tool=line]").click()
    for across, down in ((-180, -40), (-30, 20), (190, -30)):
        page.mouse.click(x + across, y + down)
    page.locator("#drawing-finish").click()
    chart = page.locator("#measured [role=slider]")
    chart.focus()
    for _ in range(4):
        chart.press("PageUp")
    take(page, "profile")


def show_layers(page: Page) -> None:
    """Hillshade, coverage and sub-tiles."""
    steps.go_to(page)
    page.keyboard.press("Escape")
    for _ in range(3):
        page.locator(".maplibregl-ctrl-zoom-out").click()
    page.locator("#layers summary").click()
    page.locator("#layer-hillshade").select_option("dtm-hillshade")
    page.locator("#layer-coverage").select_option("1m")
    take(page, "layers")


def show_dark_french(page: Page) -> None:
    """The same in French and in the dark."""
    choose_area(page)
    take(page, "french-dark")


def show_phone(page: Page) -> None:
    """The map above, the panel as a sheet below."""
    choose_area(page)
    take(page, "phone")


STATES: tuple[tuple[Callable[[Page], None], dict[str, Any]], ...] = (
    (show_start, {}),
    (show_drawing, {}),
    (show_journey, {}),
    (show_running, {}),
    (show_measuring, {}),
    (show_layers, {}),
    (show_dark_french, {"locale": "fr-CA", "color_scheme": "dark"}),
    (show_phone, {"viewport": PHONE, "has_touch": True, "is_mobile": True}),
)


def draw_all(browser: Browser, server: AppServer) -> None:
    """Draw every state, each in a browser of its own."""
    for show, options in STATES:
        settings = {"viewport": WIDE, "locale": "en-CA", "reduced_motion": "reduce"} | options
        context = browser.new_context(**settings)
        page = context.new_page()
        page.goto(server.url)
        show(page)
        context.close()


if __name__ == "__main__":
    with launched() as chromium, tempfile.TemporaryDirectory() as folder:
        running = AppServer(Path(folder))
        running.start()
        try:
            draw_all(chromium, running)
        finally:
            running.stop()

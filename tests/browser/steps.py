"""What a person does on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

CHECK_MILLISECONDS, MAX_CHECKS = 20, 1_500


def wait_for_map(page: Page) -> None:
    """Wait until the map can be drawn on."""
    page.locator("#map.ready").wait_for()


def go_to(page: Page, place: str = "Ottawa") -> None:
    """Find a place by its name; the page then waits for a box to be drawn there."""
    wait_for_map(page)
    page.locator("#search-text").fill(place)
    page.locator("#search-list [role=option]").first.wait_for()
    page.keyboard.press("Enter")
    page.locator("#map-side.drawing").wait_for()


def drag_box(page: Page, width: int = 60, height: int = 50) -> None:
    """Drag a box of so many pixels in the middle of the map."""
    box = page.locator("#map").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - width / 2, y - height / 2)
    page.mouse.down()
    page.mouse.move(x + width / 2, y + height / 2, steps=3)
    page.mouse.up()


def type_box(page: Page, *sides: float) -> None:
    """Type the sides of a box: west, south, east, north."""
    page.locator("#coordinates summary").click()
    for name, side in zip(("west", "south", "east", "north"), sides, strict=True):
        page.locator(f"#coordinates input[name={name}]").fill(str(side))
    page.locator("#coordinates button").click()


def wait_for_estimate(page: Page) -> None:
    """Wait until the estimate is that of the request, with its surveys."""
    page.locator("#estimate[aria-busy=false] dl").wait_for()
    page.locator("#estimate .waiting").wait_for(state="detached")


def get_file(page: Page) -> Locator:
    """Press the large button once the estimate is there; return the card of the job."""
    wait_for_estimate(page)
    before = page.locator(".job").count()
    page.locator("#get[aria-disabled=false]").click()
    page.locator(".job").nth(before).wait_for()
    return page.locator(".job").first


def wait_until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait until a condition of the test is met, while the page goes on."""
    for _ in range(MAX_CHECKS):
        if condition():
            return
        page.wait_for_timeout(CHECK_MILLISECONDS)
    raise AssertionError


@contextmanager
def held(page: Page, address: str) -> Iterator[Callable[[], None]]:
    """Hold back what is requested of an address; yield what waits for such a request."""
    routes: list[Route] = []

    def hold(route: Route) -> None:
        routes.append(route)

    page.route(address, hold)
    yield lambda: wait_until(page, lambda: bool(routes))
    for route in routes:
        route.fallback()
    page.unroute(address)


def click_map(page: Page, *places: tuple[float, float]) -> None:
    """Click places on the map, which are counted from its corner."""
    box = page.locator("#map").bounding_box()
    assert box is not None
    for x, y in places:
        page.mouse.click(box["x"] + x, box["y"] + y)

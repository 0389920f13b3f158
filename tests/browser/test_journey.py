"""From the page's opening to the file."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio

from tests.browser import steps
from tests.browser.app_server import AppServer

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

MAX_ESTIMATE_MILLISECONDS = 2_000


def download(page: Page, folder: Path) -> Path:
    """Click the first button that downloads; return the file."""
    with page.expect_download() as found:
        page.locator(".downloads a").first.click()
    path = folder / found.value.suggested_filename
    found.value.save_as(path)
    return path


def run_shown_command(page: Page, folder: Path) -> Path:
    """Run the command that the page shows for a job; return its output."""
    page.locator(".job details summary").first.click()
    return run_command(page.locator(".job pre").first.inner_text(), folder)


def run_command(shown: str, folder: Path) -> Path:
    """Run a command that the page shows; return its output."""
    arguments = shlex.split(shown)
    assert arguments[:2] == ["hrdem", "extract"]
    subprocess.run([sys.executable, "-m", *arguments], cwd=folder, check=True, capture_output=True)
    return folder / arguments[arguments.index("--output") + 1]


def test_a_drawn_box_becomes_the_file_that_the_shown_command_makes(
    page: Page, tmp_path: Path
) -> None:
    """Open, search, draw, press the button, download: a minute at most, and equal to the bit."""
    begun = time.monotonic()
    steps.go_to(page)
    steps.drag_box(page)
    steps.wait_for_estimate(page)
    assert "km²" in page.locator("#summary").inner_text()
    steps.get_file(page)
    (tmp_path / "page").mkdir()
    (tmp_path / "command").mkdir()
    got = download(page, tmp_path / "page")
    assert time.monotonic() - begun < 60
    made = run_shown_command(page, tmp_path / "command")
    with rasterio.open(got) as one, rasterio.open(made) as other:
        assert (one.crs, one.transform, one.dtypes) == (other.crs, other.transform, other.dtypes)
        assert np.array_equal(one.read(), other.read())
        assert one.read(masked=True).count() > 10_000


def test_a_drawn_polygon_becomes_the_file_that_the_shown_command_makes(
    page: Page, tmp_path: Path
) -> None:
    """With the file of its area, which the page offers beside the command."""
    steps.go_to(page)
    page.locator("#map-bar [data-tool=polygon]").click()
    steps.click_map(page, (300, 300), (360, 280), (340, 340))
    page.locator("#drawing-finish").click()
    steps.wait_for_estimate(page)
    page.locator("#commands summary").click()
    (tmp_path / "command").mkdir()
    with page.expect_download() as found:
        page.locator("#commands-body a").click()
    found.value.save_as(tmp_path / "command" / found.value.suggested_filename)
    made = run_command(page.locator("#commands pre").first.inner_text(), tmp_path / "command")
    steps.get_file(page)
    got = download(page, tmp_path)
    with rasterio.open(got) as one, rasterio.open(made) as other:
        assert one.transform == other.transform
        assert np.array_equal(one.read(), other.read())
        assert one.read(masked=True).count() > 1_000


def test_an_estimate_is_there_soon_after_each_change(page: Page) -> None:
    """The best of three, with four times the half second that it takes, for busy machines."""
    steps.type_box(page, -75.72, 45.40, -75.70, 45.42)
    steps.wait_for_estimate(page)
    took = []
    for product in ("dsm", "chm", "dtm-slope"):
        with page.expect_response("**/api/estimate") as answer:
            page.locator(f"#products input[value={product}]").evaluate("box => box.click()")
        answer.value.finished()
        took.append(answer.value.request.timing["responseEnd"])
    assert min(took) < MAX_ESTIMATE_MILLISECONDS


def test_a_coordinate_system_is_found_by_a_part_of_its_name(page: Page) -> None:
    steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
    steps.wait_for_estimate(page)
    page.locator("#choices summary").click()
    page.locator("#choices select[name=crs]").select_option("other")
    field = page.locator("#choices input[name=crs_other]")
    for text, found in (("no such system", None), ("mtm zone 9", "EPSG:2951"), ("3161", "3161")):
        field.fill(text)
        field.press("Enter")
        if found is None:
            page.locator("#choices-trouble .trouble").wait_for()
        else:
            page.wait_for_function(
                "code => document.querySelector('#commands code').textContent.includes(code)",
                arg=f"--crs EPSG:{found.removeprefix('EPSG:')}",
            )
            assert field.input_value() == found


def test_a_reload_brings_back_the_area_and_the_choices(page: Page) -> None:
    """Also the jobs, which the server has."""
    steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
    page.locator("#products input[value=dsm]").check()
    steps.wait_for_estimate(page)
    steps.get_file(page)
    page.reload()
    steps.wait_for_estimate(page)
    assert page.locator("#products input[value=dsm]").is_checked()
    assert page.locator("#get-label").inner_text().startswith("Get the 2 files")
    assert page.locator(".job").count() == 1


def test_a_result_can_be_looked_at(page: Page) -> None:
    """Picture, histogram with its table, statistics."""
    steps.type_box(page, -75.72, 45.40, -75.715, 45.405)
    job = steps.get_file(page)
    job.locator("button", has_text="Look at it").click()
    picture = page.locator("#dialog img")
    picture.evaluate("image => image.decode()")
    assert picture.evaluate("image => image.naturalWidth") > 100
    assert "Terrain" in (picture.get_attribute("alt") or "")
    page.locator("#dialog .columns > table", has_text="Mean").wait_for()
    page.locator("#dialog figure summary").click()
    assert page.locator("#dialog figure tbody tr").count() >= 5
    page.keyboard.press("Escape")
    assert not page.locator("#dialog").is_visible()


def test_heights_and_profiles_are_measured_on_the_map(page: Page) -> None:
    """A click gives a height, a line a profile that the arrow keys walk along."""
    steps.go_to(page)
    page.keyboard.press("Escape")
    box = page.locator("#map").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + 200
    page.locator("#map-bar [data-tool=height]").click()
    page.mouse.click(x, y)
    page.locator("#measured .reading").wait_for()
    assert page.locator("#measured .reading").inner_text().endswith("m")
    page.locator("#map-bar [data-tool=line]").click()
    page.mouse.click(x - 60, y)
    page.mouse.click(x + 60, y)
    page.locator("#drawing-finish").click()
    chart = page.locator("#measured [role=slider]")
    chart.focus()
    page.keyboard.press("End")
    assert "km" in (chart.get_attribute("aria-valuetext") or "")
    page.keyboard.press("Escape")
    page.locator("#map-bar [data-tool=line]:focus").wait_for()


def test_an_error_stands_beside_what_caused_it(page: Page, server: AppServer) -> None:
    """With what to do next."""
    steps.type_box(page, -75.72, "west", -75.70, 45.42)
    trouble = page.locator("#area-trouble")
    assert "South is not a number." in trouble.inner_text()
    assert "-75.72" in trouble.inner_text()
    steps_input = page.locator("#coordinates input[name=south]")
    assert steps_input.get_attribute("aria-invalid") == "true"
    page.locator("#search-text").fill("Nowhere at all")
    page.keyboard.press("Enter")
    page.locator("#area-trouble", has_text="Nothing found").wait_for()


def test_files_stay_where_they_are_while_an_estimate_arrives(page: Page) -> None:
    """So that nothing moves away under the pointer of somebody who does not wait for it."""
    where = "document.querySelector('#jobs-section').offsetTop"
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/api/estimate", hold)
    page.route("**/api/surveys", hold)
    steps.wait_for_map(page)
    steps.type_box(page, -75.723, 45.41, -75.718, 45.415)  # of no other test: nothing is known
    page.locator("#get[aria-disabled=false]").click()
    page.locator(".job").wait_for()
    places = [page.evaluate(where)]
    for state in ("#estimate[aria-busy=false] .waiting", "#estimate details.surveys"):
        steps.wait_until(page, lambda: bool(held))
        held.pop().continue_()
        page.locator(state).wait_for()
        places.append(page.evaluate(where))
    assert max(places) - min(places) <= 2

"""Areas from files of each kind."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas
from shapely.geometry import Polygon

from tests.browser import steps

if TYPE_CHECKING:
    from playwright.sync_api import Page

# 783 m by 1,111 m, of which a triangle is half
TRIANGLE = Polygon([(-75.72, 45.40), (-75.71, 45.40), (-75.715, 45.41)])
SHAPE_PARTS = (".shp", ".shx", ".dbf", ".prj")
KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>Field</name><Polygon>
<outerBoundaryIs><LinearRing><coordinates>{}</coordinates></LinearRing></outerBoundaryIs>
</Polygon></Placemark></Document></kml>
"""


def write_area(folder: Path, kind: str) -> Path:
    """Write the triangle as a file of a kind; return its path."""
    frame = geopandas.GeoDataFrame({"name": ["Field"]}, geometry=[TRIANGLE], crs="EPSG:4326")
    if kind == "kml":
        path = folder / "field.kml"
        corners = " ".join(f"{x},{y},0" for x, y in TRIANGLE.exterior.coords)
        path.write_text(KML.format(corners), "utf-8")
    elif kind == "zip":
        frame.to_crs("EPSG:2959").to_file(folder / "field.shp")
        path = folder / "field.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for suffix in SHAPE_PARTS:
                archive.write(folder / f"field{suffix}", f"field{suffix}")
    else:
        path = folder / f"field.{kind}"
        frame.to_file(path)
    return path


def test_a_file_gives_its_area(page: Page, tmp_path: Path) -> None:
    """The same area whatever the kind of the file, and cropped to."""
    for kind in ("geojson", "gpkg", "zip", "kml"):
        page.locator("#file").set_input_files(write_area(tmp_path, kind))
        steps.wait_for_estimate(page)
        assert page.locator("#area-size").inner_text().startswith("0.44")
        assert "0.44" in page.locator("#summary").inner_text()
        assert "crop" not in page.locator("#commands-body").inner_text()
        page.locator("#area-clear").click()


def test_a_file_can_be_dropped_anywhere(page: Page) -> None:
    """Also beside the map."""
    geometry = json.dumps(TRIANGLE.__geo_interface__)
    transfer = page.evaluate_handle(
        """(text) => {
            const data = new DataTransfer();
            data.items.add(new File([text], "dropped.geojson"));
            return data;
        }""",
        geometry,
    )
    page.dispatch_event("#step-product", "dragover", {"dataTransfer": transfer})
    assert page.locator("#drop").is_visible()
    page.dispatch_event("#step-product", "drop", {"dataTransfer": transfer})
    steps.wait_for_estimate(page)
    assert not page.locator("#drop").is_visible()


def test_a_file_of_another_kind_is_refused_with_what_to_do(page: Page, tmp_path: Path) -> None:
    """In place of an area."""
    path = tmp_path / "notes.geojson"
    path.write_text("not a file of areas", "utf-8")
    page.locator("#file").set_input_files(path)
    page.locator("#area-trouble .trouble").wait_for()
    assert page.locator("#area-input").is_visible()


def test_a_layer_of_several_can_be_chosen(page: Page, tmp_path: Path) -> None:
    """A GeoPackage with several gives the one that is chosen, also after a wrong choice."""
    path = tmp_path / "fields.gpkg"
    frame = geopandas.GeoDataFrame({"name": ["Field"]}, geometry=[TRIANGLE], crs="EPSG:4326")
    frame.to_file(path, layer="first")
    wells = geopandas.GeoDataFrame(geometry=[TRIANGLE.centroid], crs="EPSG:4326")
    wells.to_file(path, layer="wells")
    frame.scale(0.5, 0.5).to_frame("geometry").set_crs("EPSG:4326").to_file(path, layer="second")
    page.locator("#file").set_input_files(path)
    page.locator("#file-layer").wait_for()
    page.locator("#file-layer").select_option("wells")
    page.locator("#area-trouble", has_text="no area").wait_for()
    page.locator("#file-layer").select_option("second")
    page.locator("#area-size", has_text="0.11").wait_for()

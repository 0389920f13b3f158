"""Years of surveys, compared with outlines that rasterio rasterizes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.features import rasterize

import hrdem
from hrdem.catalog.surveys import lookup
from hrdem.catalog.surveys.attributes import Project
from hrdem.catalog.surveys.lookup import Survey, Surveys, UnknownSurvey
from hrdem.demo import Addresses
from hrdem.demo.projects import list_projects
from hrdem.demo.tiles import list_tiles
from hrdem.geo.grid import Window
from hrdem.processing.survey_years import SurveyArea, SurveyYears
from tests.layers import read_with_layers
from tests.relief import LEFT, TIERS, TOP, make_relief, punch_holes
from tests.stores import Store

BOX = {"bbox": (LEFT + 10, TOP - 290, LEFT + 590, TOP - 10), "bbox_crs": "EPSG:3979"}
WEST, EAST = "west-hrdem-mosaic-1m", "east-hrdem-mosaic-1m"
TRIANGLE = shapely.Polygon([(LEFT + 100, TOP), (LEFT + 500, TOP - 80), (LEFT + 210, TOP - 300)])
ALL = shapely.box(LEFT, TOP - 300, LEFT + 600, TOP)
Run = Callable[..., hrdem.Result]


def survey(item: str, year: str | None, outline: shapely.Geometry, name: str = "Lac") -> Survey:
    return Survey(item, "coverage", Project(name, year, year, 1.0, {}, outline))


SURVEYS = (
    survey(WEST, "2019-06", TRIANGLE),
    survey(WEST, "2012", ALL.buffer(-40)),
    survey(WEST, None, ALL),
    survey(EAST, "2015", TRIANGLE, "Mont"),
)


@pytest.fixture
def run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Extract from two files of 1 m with holes, and one of 30 m, whose surveys are given."""
    for number, item in enumerate(("west", "east")):
        pixels = punch_holes(make_relief("1m", 300, 300), number, 0.1)
        store.add(TIERS["1m"], pixels, LEFT + 300 * number, TOP, item=item)
    store.add(TIERS["30m"], make_relief("30m", 600, 300), LEFT, TOP)

    def extract(found: tuple[Survey, ...] = SURVEYS, *unknown: UnknownSurvey, **params: Any):
        monkeypatch.setattr(lookup, "read_surveys", lambda *_: Surveys(found, unknown, ()))
        own = {"product": "dtm", "fill": "30m", "source_band": True, "output": tmp_path / "a.tif"}
        return hrdem.extract(**{**BOX, **own, **params}, http=store)

    return extract


def test_a_window_of_one_source_has_its_year() -> None:
    found = SurveyYears((SurveyArea(2019, (1,), None), SurveyArea(2012, (1, 2), None)))
    years = found.find(Window(0, 0, 3, 1), np.array([[1, 0, 1]], np.uint8))
    np.testing.assert_array_equal(years, [[2019, 0, 2019]])


def test_each_pixel_has_the_year_of_the_newest_survey_of_its_source(
    run: Run, tmp_path: Path
) -> None:
    """Not of another source, nor where there is no data; unknown years are 0."""
    result = run()
    assert [path.name for path in result.layers] == ["a.source.tif", "a.year.tif"]
    _, ids, years = read_with_layers(tmp_path / "a.tif", "source", "year")
    with rasterio.open(tmp_path / "a.year.tif") as dataset:
        assert (dataset.dtypes, dataset.nodata, dataset.count) == (("uint16",), 0, 1)
        kind = {"out_shape": dataset.shape, "transform": dataset.transform, "dtype": "uint16"}
    west = rasterize([(ALL.buffer(-40), 2012), (TRIANGLE, 2019)], **kind)
    east = rasterize([(TRIANGLE, 2015)], **kind)
    expected = np.select([ids == 1, ids == 2], [west, east], 0)
    np.testing.assert_array_equal(years, expected)
    assert np.unique(years).tolist() == [0, 2012, 2015, 2019]
    table = ET.parse(tmp_path / "a.year.tif.aux.xml").iter("Row")
    rows = [[each.text for each in row.iter("F")][:2] for row in table]
    assert rows == [["2012", "2012, Lac"], ["2015", "2015, Mont"], ["2019", "2019, Lac"]]
    assets = json.loads((tmp_path / "a.stac.json").read_bytes())["assets"]
    assert [*assets] == ["dtm", "source", "year"]


@pytest.mark.slow
def test_an_output_is_made_again_if_a_survey_has_another_year(run: Run, tmp_path: Path) -> None:
    params = {"if_changed": True, "resolution": 5}
    run(**params)
    assert run(**params).unchanged
    run((survey(WEST, "2020", TRIANGLE),), **params)
    _, years = read_with_layers(tmp_path / "a.tif", "year")
    assert np.unique(years).tolist() == [0, 2020]


def test_unknown_years_are_a_warning(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A mosaic may have no file of surveys, or one that cannot be read."""
    broken = UnknownSurvey(WEST, "It broke off.", failed=True)
    missing = UnknownSurvey(EAST, "The catalogue lists no coverage.", failed=False)
    result = run((survey(EAST, None, ALL),), broken, missing, resolution=5)
    assert [path.name for path in result.layers] == ["a.source.tif"]
    first, second = (record.getMessage() for record in caplog.records)
    assert first == f"The years of surveys of {WEST} are not known: It broke off."
    assert second == "No year of a survey is known in the area, so there is no layer of years."
    assert "a.year.tif" not in {path.name for path in tmp_path.iterdir()}


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("params", [{}, {"crs": "EPSG:2959", "bbox": (-75.9, 45.3, -75.5, 45.5)}])
def test_years_are_those_of_the_coverage_files(
    demo: Addresses, tmp_path: Path, params: dict[str, Any]
) -> None:
    """Also outside of the area, where the grid has data; and pixels of another grid."""
    box = {"bbox": (1_505_000, -190_000, 1_545_000, -150_000), "bbox_crs": "EPSG:3979"}
    if params:
        box = {}
    hrdem.extract(
        **box, **params, product="dtm", resolution=60, source_band=True,
        output=tmp_path / "a.tif", stac_url=demo.stac,
    )  # fmt: skip
    pixels, years = read_with_layers(tmp_path / "a.tif", "year")
    with rasterio.open(tmp_path / "a.year.tif") as dataset:
        crs, transform = dataset.crs, dataset.transform
    shapes = []
    for tile in list_tiles():
        if tile.item_id in ("9_2-mosaic-1m", "8_2-mosaic-1m"):
            shapes += [(each.outline, each.last.year) for each in list_projects(tile)]
    dense = [(shapely.segmentize(outline, 500), year) for outline, year in shapes]
    projected = [
        (rasterio.warp.transform_geom("EPSG:3979", crs, shapely.geometry.mapping(outline)), year)
        for outline, year in sorted(dense, key=lambda each: each[1])
    ]
    expected = rasterize(projected, out_shape=years.shape, transform=transform, dtype="uint16")
    expected[pixels == -32767] = 0
    assert (years != expected).mean() < 1e-4  # pixels whose centre is at an edge
    assert len(np.unique(years)) >= 3


@pytest.mark.slow
def test_single_surveys_have_the_years_of_their_names(demo: Addresses, tmp_path: Path) -> None:
    hrdem.extract(
        bbox=(1_504_907, -165_100, 1_505_107, -165_000), bbox_crs="EPSG:3979", product="dtm",
        collection="lidar", source_band=True, output=tmp_path / "a.tif", stac_url=demo.stac,
    )  # fmt: skip
    _, years = read_with_layers(tmp_path / "a.tif", "year")
    assert (years[:, :100] == 2018).all()
    assert (years[:, 100:] == 2021).all()

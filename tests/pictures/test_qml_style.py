"""Styles for QGIS: the colours of the ramp, over the values of the output."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio

import hrdem
from hrdem.errors import OutputExistsError, RequestError
from hrdem.pictures.ramps import CANOPY, ELEVATION, SLOPE, format_colour
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.stores import Store

BOX = (LEFT + 20, TOP - 240, LEFT + 280, TOP - 20)


@pytest.fixture
def hills(store: Store) -> Store:
    """Add one sub-tile with both surfaces, 9 m apart."""
    ground = make_relief("1m", 300, 300)
    store.add(TIERS["1m"], ground, LEFT, TOP)
    store.add(TIERS["1m"], ground + np.float32(9), LEFT, TOP, asset="dsm")
    return store


def extract(store: Store, folder: Path, **params: object) -> list[tuple[float, str]]:
    """Extract with a style; return the values and the colours of the style."""
    values = {"bbox": BOX, "bbox_crs": "EPSG:3979", "product": "dtm", "output": folder / "a.tif"}
    done = hrdem.extract(**values | params, qml=True, http=store)
    items = ET.parse(done.output.with_suffix(".qml")).iter("item")
    return [(float(item.get("value", "")), item.get("color", "")) for item in items]


@pytest.mark.parametrize("form", ["gtiff", "vrt"])
def test_heights_are_stretched_over_those_of_the_output(
    hills: Store, tmp_path: Path, form: str
) -> None:
    suffix = ".vrt" if form == "vrt" else ".tif"
    stops = extract(hills, tmp_path, format=form, output=tmp_path / f"a{suffix}")
    with rasterio.open(tmp_path / f"a{suffix}") as dataset:
        least, most = (float(dataset.tags(1)[f"STATISTICS_{x}IMUM"]) for x in ("MIN", "MAX"))
    assert [colour for _, colour in stops] == [*map(format_colour, ELEVATION.colours)]
    assert least <= stops[0][0] < stops[-1][0] <= most


def test_canopies_start_at_the_ground(hills: Store, tmp_path: Path) -> None:
    stops = extract(hills, tmp_path, product="chm")
    assert (stops[0][0], stops[-1][0]) == (0, pytest.approx(9, abs=0.1))
    assert stops[-1][1] == format_colour(CANOPY.colours[-1])


def test_slopes_start_at_level_ground_in_their_unit(hills: Store, tmp_path: Path) -> None:
    steepest = {}
    for unit in ("degrees", "percent"):
        stops = extract(
            hills, tmp_path, product="dtm-slope", slope_unit=unit, output=tmp_path / f"{unit}.tif"
        )
        assert stops[0] == (0, format_colour(SLOPE.colours[0]))
        steepest[unit] = stops[-1][0]
    assert steepest["percent"] == pytest.approx(100 * np.tan(np.radians(steepest["degrees"])), 0.1)
    assert 'label="0 %"' in (tmp_path / "percent.qml").read_text()


def test_a_style_is_added_to_an_output_that_is_unchanged(hills: Store, tmp_path: Path) -> None:
    values = {"bbox": BOX, "bbox_crs": "EPSG:3979", "product": "dtm", "http": hills}
    hrdem.extract(**values, output=tmp_path / "a.tif")
    assert extract(hills, tmp_path, if_changed=True)


def test_a_style_of_another_is_not_replaced(hills: Store, tmp_path: Path) -> None:
    (tmp_path / "a.qml").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"a\.qml exists"):
        extract(hills, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.qml"]


def test_blocks_that_are_not_decoded_have_no_range(hills: Store, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="`align=blocks` copies blocks"):
        extract(hills, tmp_path, align="blocks")

"""Exact grids: origins, sizes, and boxes that are not snapped."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import RequestError
from hrdem.request.request import Request

PAGE = Path(__file__).parents[2] / "docs" / "exact-grids.md"
# GetCoverage requests of NRCan's guide to the HRDEM Mosaic: the box, its CRS, and what follows
MARITIMES = {"bbox": (1897100, -176900, 2851900, 510100), "bbox_crs": 3979, "resolution": 200}
HALIFAX = {
    "bbox": (536284.0004916692, 4967490.7738740705, 551051.9872473435, 4992494.7738740705),
    "bbox_crs": 2961,
    "crs": 2961,
    "resolution": 5,
}
CORNER = (536284.0004916692, 4992494.7738740705)
AT_HALIFAX = Affine(5, 0, CORNER[0], 0, -5, CORNER[1])
PART = {"origin": CORNER, "size": (60, 40), "crs": "EPSG:2961", "resolution": 5}


@pytest.mark.parametrize(
    ("params", "transform", "size"),
    [
        (MARITIMES, Affine(200, 0, 1897100, 0, -200, 510100), (4774, 3435)),
        (HALIFAX, AT_HALIFAX, (2954, 5001)),
    ],
    ids=["Maritimes", "Halifax"],
)
def test_requests_of_the_guide_have_exactly_their_grid(
    demo: Addresses, params: dict[str, Any], transform: Affine, size: tuple[int, int]
) -> None:
    plan = hrdem.plan(**params, product="dtm", snap=False, stac_url=demo.stac)
    assert plan.grid.transform == transform
    assert (plan.grid.width, plan.grid.height) == size
    left, top = transform.c, transform.f
    same = {"crs": params.get("crs"), "resolution": params["resolution"], "stac_url": demo.stac}
    assert hrdem.plan(origin=(left, top), size=size, product="dtm", **same).grid == plan.grid


def test_exact_grid_equals_that_of_a_raster(tmp_path: Path, demo: Addresses) -> None:
    """A file of rasterio with this grid, as `like`, gives the same pixels."""
    template = tmp_path / "template.tif"
    profile = {"width": 60, "height": 40, "count": 1, "dtype": "uint8", "crs": "EPSG:2961"}
    with rasterio.open(template, "w", transform=AT_HALIFAX, **profile) as file:
        file.write(np.zeros((1, 40, 60), np.uint8))
    outputs = [tmp_path / "exact.tif", tmp_path / "like.tif"]
    hrdem.extract(**PART, product="dtm", stac_url=demo.stac, output=outputs[0])
    hrdem.extract(like=template, product="dtm", stac_url=demo.stac, output=outputs[1])
    with rasterio.open(outputs[0]) as exact, rasterio.open(outputs[1]) as like:
        assert exact.transform == AT_HALIFAX
        np.testing.assert_array_equal(exact.read(), like.read())


def test_a_geobox_is_a_grid(demo: Addresses) -> None:
    box = GeoBox((40, 60), AT_HALIFAX, "EPSG:2961")
    grid = hrdem.plan(like=box, product="dtm", stac_url=demo.stac).grid
    assert (grid.crs, grid.transform, grid.width, grid.height) == ("EPSG:2961", box.affine, 60, 40)


def test_whole_metres_are_the_lattice_of_the_source(demo: Addresses) -> None:
    box = {"bbox": (1897100.25, 510000.5, 1897200, 510100), "bbox_crs": 3979, "product": "dtm"}
    native = hrdem.plan(**box, stac_url=demo.stac)
    exact = hrdem.plan(**box, origin=(7, -3), stac_url=demo.stac)
    assert exact.grid == native.grid
    assert not exact.resampled
    assert hrdem.plan(**box, snap=False, stac_url=demo.stac).resampled


def test_exact_grids_are_recorded_and_others_are_as_before() -> None:
    recorded = Request.of(**PART, product="dtm").as_dict()
    assert recorded["origin"] == list(CORNER)
    assert Request.of(**HALIFAX, product="dtm", snap=False).as_dict()["snap"] is False
    assert not {"origin", "snap"} & Request.of(**HALIFAX, product="dtm").as_dict().keys()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"size": (10, 10)}, "Give that as `origin`"),
        ({**PART, "bbox": HALIFAX["bbox"]}, "`size` with `origin` is an area, and so is `bbox`"),
        ({**PART, "buffer": 10}, "and so is `buffer`"),
        ({**PART, "size": (0, 10)}, "has no pixel"),
        ({**PART, "size": "400"}, "Give the number of columns and of rows"),
        ({**PART, "size": "5e9,2.5"}, "is not a size"),
        ({**PART, "origin": (1, 2, 3)}, "`origin=1,2,3` is not a point"),
        ({**PART, "origin": (float("nan"), 1)}, "is not a point"),
        ({**PART, "origin": "a,b"}, "'a,b' is not a point"),
        ({**PART, "snap": False}, "Give one of them"),
        ({**PART, "resolution": 0}, "`resolution` is 0"),
        ({**HALIFAX, "snap": False, "align": "blocks"}, "`snap=False` resample"),
        ({"like": "dem.tif", "snap": False}, "Leave `snap=False` out"),
        ({"like": "dem.tif", "origin": (1, 1)}, "Leave `origin` out"),
    ],
)
def test_invalid_grids_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)):
        Request.of(product="dtm", **params)


def test_a_grid_elsewhere_has_no_data() -> None:
    with pytest.raises(hrdem.NoDataError, match="outside Canada"):
        Request.of(product="dtm", origin=(9e6, 9e6), size=(10, 10))


@pytest.mark.slow
def test_commands_of_the_page_work(
    tmp_path: Path, demo: Addresses, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HRDEM_STAC_URL", demo.stac)
    monkeypatch.setenv("HRDEM_WCS_URL", demo.wcs)
    commands = re.findall(r"^hrdem (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    for command in commands:
        assert run(shlex.split(command.replace(" --demo", ""))) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert "4774 x 3435 pixels of 200 m, EPSG:3979" in printed
    assert "2954 x 5001 pixels of 5 m, EPSG:2961" in printed
    with rasterio.open("lattice.tif") as lattice:
        assert (lattice.transform.c % 200, lattice.transform.f % 200) == (100, 100)

"""ESRI ASCII grids get their CRS from a .prj, a BC file name or the user, and a template's grid."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from affine import Affine
from rasterio.crs import CRS

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid
from hrdem.request.aoi.ascii_crs import find_bc_crs, place_ascii_grid, read_prj
from hrdem.request.aoi.like import read_template
from hrdem.usgsdem.ascii_grid import AsciiGrid

HEADER = AsciiGrid(4745, 4659, 769762.5, 1558662.5, (25, 25), -9999, 100)  # 104P: BC 2.0
ALBERS = CRS.from_epsg(3005).to_wkt(version="WKT1_ESRI").encode()


@pytest.mark.parametrize(
    ("name", "crs"),
    [
        ("104p-albers-elevation.asc", "EPSG:3005"),
        ("92b-utm-slope-pct.asc", "EPSG:26910"),
        ("104P-UTM-ASPECT.ASC", "EPSG:26909"),
        ("114o-utm-elevation.asc", "EPSG:26907"),
        ("94a-utm-elevation.asc", "EPSG:26910"),
        ("82g-utm-elevation.asc", "EPSG:26911"),
        ("31g-utm-elevation.asc", None),  # zone 18
        ("104q-utm-elevation.asc", None),
        ("999a-utm-elevation.asc", None),
        ("92b-lcc-elevation.asc", None),
        ("copy of 92b-utm-elevation.asc", None),
    ],
)
def test_names_of_bc_files_give_their_crs(name: str, crs: str | None) -> None:
    """Zones by hand: block 94A is from 122 to 120 W, in zone 10, which ends there."""
    assert find_bc_crs(name) == crs


def test_a_grid_is_placed_by_its_name() -> None:
    """The corner of 104P, worked out from its south-western pixel centre, 769775, 1558675."""
    grid = place_ascii_grid(HEADER, "104p-albers-elevation.asc", None)
    top = 1558662.5 + 4659 * 25
    assert grid == Grid("EPSG:3005", Affine(25, 0, 769762.5, 0, -25, top), 4745, 4659)
    assert grid.centre(0, 4658) == (769775, 1558675)


def test_a_corner_on_a_multiple_of_25_is_a_centre_in_bc_files(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As in the document's example, whose centres would else lie between the multiples of 25."""
    header = AsciiGrid(5, 4, 1248100, 1229750, (25, 25), -9999, 100)
    with caplog.at_level(logging.WARNING):
        grid = place_ascii_grid(header, "92b-albers-elevation.asc", None)
    assert grid.centre(0, 3) == (1248100, 1229750)
    assert "read as a centre" in caplog.text
    other = place_ascii_grid(header, "old.asc", None, "EPSG:3005")
    assert other.bounds[:2] == (1248100, 1229750)


def test_a_prj_names_the_crs_in_any_form_of_wkt() -> None:
    for epsg in (3005, 26910, 4269, 4267):
        for version in ("WKT1_ESRI", "WKT1_GDAL", "WKT2_2019"):
            prj = b"\xef\xbb\xbf" + CRS.from_epsg(epsg).to_wkt(version=version).encode() + b"\r\n"
            assert read_prj(prj, "old.prj") == f"EPSG:{epsg}"


def test_a_prj_comes_before_the_name() -> None:
    prj = CRS.from_epsg(3153).to_wkt(version="WKT1_ESRI").encode(), "92b-albers-x.prj"
    assert place_ascii_grid(HEADER, "92b-albers-x.asc", prj).crs == "EPSG:3153"


@pytest.mark.parametrize(
    "content",
    [b"", b"Projection UTM\nZone 10\n", b"/etc/passwd", b"EPSG:3005", b"\0" * 9, b"x" * 100_000,
     b'GEOCCS["x"]', b"PROJCS[" * 50_000],
)  # fmt: skip
def test_a_prj_that_is_no_wkt_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        read_prj(content, "old.prj")
    assert str(caught.value).startswith("old.prj is not WKT of a coordinate reference system that")


def test_a_grid_without_a_crs_is_refused_with_what_to_do() -> None:
    with pytest.raises(RequestError) as caught:
        place_ascii_grid(HEADER, "old.asc", None, None, "Give `crs`.")
    assert str(caught.value) == (
        "old.asc has no CRS, as no ESRI ASCII grid has, and there is no .prj beside it. Give `crs`."
    )


def test_a_template_may_be_an_ascii_grid(tmp_path: Path) -> None:
    text = b"ncols 3\nnrows 2\nxllcorner 12.5\nyllcorner 37.5\ncellsize 25\n1 2 3\n4 5 6\n"
    expected = Grid("EPSG:3005", Affine(25, 0, 12.5, 0, -25, 87.5), 3, 2)
    path = tmp_path / "92b-albers-elevation.asc"
    path.write_bytes(text)
    assert read_template(path) == (expected, path.name)
    path = path.rename(tmp_path / "OLD.ASC")
    with pytest.raises(RequestError, match=r"OLD.ASC has no CRS.* Put one there, with the WKT"):
        read_template(path)
    path.with_suffix(".prj").write_bytes(ALBERS)
    assert read_template(path)[0] == expected

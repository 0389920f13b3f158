"""Test GetCoverage requests for exactly the pixels of a grid."""

from __future__ import annotations

from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from hrdem.geo.grid import Grid, Window
from hrdem.sources.wcs.get_coverage import get_coverage_params

LATTICE = Grid("EPSG:3979", Affine(1, 0, -2_500_000, 0, -1, 4_000_000), 5_500_000, 5_000_000)


def test_coordinates_are_pixel_centres() -> None:
    """Corners would shift the result by half a pixel, with plausible heights."""
    grid = Grid("EPSG:3979", Affine(1, 0, 1_780_500, 0, -1, -66_500), 100, 100)
    assert get_coverage_params("dtm", "image/geotiff", grid) == {
        "SERVICE": "WCS",
        "VERSION": "1.1.1",
        "REQUEST": "GetCoverage",
        "IDENTIFIER": "dtm",
        "FORMAT": "image/geotiff",
        "BOUNDINGBOX": "1780500.5,-66599.5,1780599.5,-66500.5,urn:ogc:def:crs:EPSG::3979",
        "GRIDBASECRS": "urn:ogc:def:crs:EPSG::3979",
        "GRIDTYPE": "urn:ogc:def:method:WCS:1.1:2dSimpleGrid",
        "GRIDCS": "urn:ogc:def:cs:OGC:0.0:Grid2dSquareCS",
        "GRIDORIGIN": "1780500.5,-66500.5",
        "GRIDOFFSETS": "1.0,-1.0",
    }


def test_parameter_names() -> None:
    """GRIDOFFSET, a common misspelling, is ignored: the response has native pixels."""
    grid = Grid("EPSG:3979", Affine(200, 0, 1_897_000, 0, -200, 510_200), 4_775, 3_436)
    asked = get_coverage_params("dtm", "image/geotiff", grid)
    assert asked["GRIDOFFSETS"] == "200.0,-200.0"
    assert asked["BOUNDINGBOX"].startswith("1897100.0,-176900.0,2851900.0,510100.0,")


def test_a_geographic_grid_is_written_latitude_first() -> None:
    grid = Grid("EPSG:4326", Affine(0.25, 0, -76, 0, -0.25, 46), 4, 2)
    asked = get_coverage_params("dtm", "image/geotiff", grid)
    assert asked["BOUNDINGBOX"] == "45.625,-75.875,45.875,-75.125,urn:ogc:def:crs:EPSG::4326"
    assert asked["GRIDORIGIN"] == "45.875,-75.875"
    assert asked["GRIDOFFSETS"] == "-0.25,0.25"


@given(
    st.integers(0, 5_000_000), st.integers(0, 4_500_000), st.integers(1, 9_999), st.integers(1, 999)
)
def test_a_server_counts_the_pixels_that_were_meant(
    column: int, row: int, width: int, height: int
) -> None:
    """Both kinds of server divide the distance of the centres by the offset, and add one."""
    asked = get_coverage_params(
        "dtm", "image/geotiff", LATTICE.crop(Window(column, row, width, height))
    )
    x0, y0, x1, y1 = map(float, asked["BOUNDINGBOX"].split(",")[:4])
    assert int((x1 - x0) / 1.0) + 1 == width
    assert int((y1 - y0) / 1.0) + 1 == height
    assert asked["GRIDORIGIN"] == f"{x0!r},{y1!r}"
    assert (x0 - 0.5 - LATTICE.transform.c, LATTICE.transform.f - y1 - 0.5) == (column, row)

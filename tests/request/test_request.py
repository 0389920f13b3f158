"""Requests: output grids that are valid, and messages for those that are not."""

from __future__ import annotations

import math

import pytest
import rasterio

from hrdem.errors import RequestError
from hrdem.geo.resampling import Resampling
from hrdem.request.request import Request

OTTAWA = (-75.72, 45.40, -75.71, 45.41)


def make_request(**request) -> Request:
    return Request.of(**{"bbox": OTTAWA, "product": "dtm", **request})


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"crs": "EPSG:3979"},
        {"crs": "epsg:3979"},
        {"crs": "urn:ogc:def:crs:EPSG::3979"},
        {"resolution": 1},
        {"resolution": 1.0, "crs": "epsg:3979"},
        {"resolution": 2, "collection": "2m"},
        {"resolution": 30, "collection": "30m", "crs": "EPSG:3979"},
    ],
)
def test_naming_the_native_grid_does_not_resample(request_) -> None:
    request = make_request(**request_)
    assert (request.crs, request.resolution) == ("EPSG:3979", None)
    assert request.as_dict()["resampling"] is None


@pytest.mark.parametrize(
    ("request_", "crs", "resolution"),
    [
        ({"resolution": 2}, "EPSG:3979", 2),
        ({"resolution": 1, "collection": "2m"}, "EPSG:3979", 1),
        ({"crs": "EPSG:2959"}, "EPSG:2959", 1),
        ({"crs": "epsg:2959", "collection": "30m"}, "EPSG:2959", 30),
        ({"crs": "WGS84", "resolution": 0.0001}, "EPSG:4326", 0.0001),
        ({"crs": "OGC:CRS84", "resolution": 0.0001}, "EPSG:4326", 0.0001),
        ({"crs": "EPSG:2225", "resolution": 10}, "EPSG:2225", 10),
    ],
)
def test_resolution_defaults_to_that_of_the_source(request_, crs: str, resolution: float) -> None:
    request = make_request(**request_)
    assert (request.crs, request.resolution) == (crs, resolution)
    assert request.resampling is Resampling.BILINEAR
    assert request.as_dict()["resampling"] == "bilinear"


@pytest.mark.parametrize(
    ("crs", "unit", "metre"),
    [
        ("EPSG:4326", "degree", "0.000009` for about a metre"),
        ("EPSG:4617", "degree", "0.000009` for about a metre"),
        ("OGC:CRS84", "degree", "0.000009` for about a metre"),
        ("EPSG:2225", "US survey foot", "3` for about a metre"),
        ("+proj=utm +zone=18 +datum=NAD83 +units=km", "kilometre", "0.001` for about a metre"),
        ("EPSG:4807", "grad", "0.00001` for about a metre"),
    ],
)
def test_crs_not_in_metres_needs_a_resolution(crs, unit: str, metre: str) -> None:
    with pytest.raises(RequestError, match=f"is the {unit}, so .*`resolution={metre}"):
        make_request(crs=crs, allow_inaccurate_datum=True)


@pytest.mark.parametrize("resolution", [0, -0.0, -1, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("crs", [None, "EPSG:2959", "EPSG:4326"])
def test_resolution_must_be_positive(crs, resolution: float) -> None:
    with pytest.raises(RequestError, match="Give a positive number"):
        make_request(crs=crs, resolution=resolution)


@pytest.mark.parametrize(
    ("crs", "resolution", "message"),
    [
        (None, 5e-324, "from 0.001 to 10000; 1 is about a metre"),
        (None, 1e308, "from 0.001 to 10000; 1 is about a metre"),
        ("EPSG:2959", 0.0009, "pixels of 0.0009 metres"),
        ("EPSG:2959", 10_001, "unit of the output's CRS is the metre"),
        ("EPSG:4326", 1, r"pixels of 1.11e\+05 metres.*the degree.* 0.000009 is about a metre"),
        ("EPSG:4326", 30, "the degree.* 0.0003 is about 30 metres"),
        ("EPSG:4326", 1e308, "the degree.* 0.000009 is about a metre"),
        ("EPSG:4326", 1e-9, "the degree"),
        ("EPSG:2225", 40_000, "the US survey foot"),
    ],
)
def test_resolution_out_of_range_is_refused(crs, resolution: float, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        make_request(crs=crs, resolution=resolution)


@pytest.mark.parametrize(
    "crs",
    [
        "",
        " ",
        "EPSG:",
        "EPSG:x",
        "EPSG:4326; rm",
        "EPSG:-1",
        "EPSG:99999999999999999999",
        "{}",
        "[]",
        "/etc/passwd",
        "http://127.0.0.1:9/crs",
        "GEOGCS[",
        "+proj=webmerc +lat_0=60 +lon_0=-100",
        "nonsense",
        "a\0b",
        "\udcff",
    ],
)
def test_invalid_crs_is_refused(crs: str) -> None:
    with pytest.raises(RequestError, match="Give it as EPSG:n"):
        make_request(crs=crs, resolution=5)


def test_long_crs_is_truncated_in_the_message() -> None:
    with pytest.raises(RequestError) as caught:
        make_request(crs="word " * 1_000, resolution=5)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ("EPSG:5713", "neither a geographic nor a projected"),
        ("EPSG:4978", "neither a geographic nor a projected"),
        ('LOCAL_CS["mine"]', "neither a geographic nor a projected"),
        ("EPSG:9518", "Give a horizontal system"),
        ("EPSG:6649", "Give a horizontal system"),
        ("EPSG:2959+5713", "Give a horizontal system"),
        ("EPSG:4979", "Give a horizontal system"),
        ("EPSG:4955", "Give a horizontal system"),
        ("+proj=ob_tran +o_proj=longlat +o_lat_p=30", "not a system of two axes"),
    ],
)
def test_crs_with_heights_is_refused(crs: str, message: str) -> None:
    """Its vertical axis would claim another vertical datum."""
    with pytest.raises(RequestError, match=message):
        make_request(crs=crs, resolution=5)


def test_crs_gets_a_code_only_if_it_is_identical() -> None:
    """PROJ takes UTM 20 on an unknown datum for Greenland's EPSG:3180, at 70 percent."""
    utm = "+proj=utm +zone=20 +ellps=GRS80"
    crs = make_request(crs=utm, resolution=5, allow_inaccurate_datum=True).crs
    assert crs.startswith('PROJCS["unknown"')
    esri = rasterio.CRS.from_epsg(2961).to_wkt(version="WKT1_ESRI")
    assert make_request(crs=esri, resolution=5).crs == "EPSG:2961"


@pytest.mark.parametrize("grid", [{"crs": "EPSG:2959"}, {"resolution": 5}])
def test_block_copies_need_the_native_grid(grid) -> None:
    with pytest.raises(RequestError, match="copies compressed blocks as they are.*Choose one"):
        make_request(align="blocks", **grid)
    assert make_request(align="blocks", crs="EPSG:3979", resolution=1).resolution is None


@pytest.mark.parametrize("resampling", ["Bilinear", "", "near", "gauss"])
def test_unknown_resampling_lists_the_choices(resampling: str) -> None:
    with pytest.raises(RequestError, match="Choose one of: nearest, bilinear, "):
        make_request(crs="EPSG:2959", resampling=resampling)


@pytest.mark.parametrize("limit", [0, -1, math.nan, math.inf, 86_401, 1e300])
def test_wcs_limit_out_of_range_is_refused(limit: float) -> None:
    with pytest.raises(RequestError, match="`wcs_limit` is .* up to 86400"):
        make_request(wcs_limit=limit)


@pytest.mark.parametrize(
    ("name", "closest"), [("resolutoin", "resolution"), ("vertical_datun", "vertical_datum")]
)
def test_misspelt_parameter_is_refused(name: str, closest: str) -> None:
    with pytest.raises(TypeError, match=f"no parameter '{name}'. Did you mean '{closest}'"):
        make_request(**{name: 5})


def test_token_in_an_address_is_used_but_not_recorded() -> None:
    request = Request.of(
        bbox=(-75.72, 45.40, -75.66, 45.44), product="dtm", via="wcs",
        wcs_url="http://wcs.invalid/ows?map=a&token=hush",
    )  # fmt: skip
    assert request.wcs_url == "http://wcs.invalid/ows?map=a&token=hush"
    assert request.as_dict()["wcs_url"] == "http://wcs.invalid/ows?map=a&token=REDACTED"

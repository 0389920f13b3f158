"""Names of vertical datums, and compound CRSs that contain them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.warp import transform

from hrdem.errors import RequestError
from hrdem.geo.crs import normalize_crs
from hrdem.processing.vertical.crs import make_compound_crs
from hrdem.request.options import VerticalDatum, parse_choice

CRS_NAMES = [
    "EPSG:3979",
    "EPSG:2959",
    "EPSG:4617",
    "EPSG:4326",
    "EPSG:3857",
    "EPSG:2263",  # US survey feet
    "ESRI:102002",
    "+proj=lcc +lat_1=49 +lat_2=77 +lat_0=63 +lon_0=-92 +ellps=GRS80",
]


def store_in_geotiff(crs: CRS) -> CRS:
    """Write a CRS to a GeoTIFF in memory and return what is read back."""
    with MemoryFile() as memory:
        pixels = {"width": 16, "height": 16, "count": 1, "dtype": "float32"}
        transform = Affine(2, 0, 0, 0, -2, 0)
        memory.open(driver="GTiff", **pixels, crs=crs, transform=transform).close()
        with memory.open() as dataset:
            return dataset.crs


@pytest.mark.parametrize("name", ["CGVD28", "cgvd28", "Cgvd28"])
def test_datum_names_ignore_case(name: str) -> None:
    assert parse_choice(VerticalDatum, name, "vertical_datum") is VerticalDatum.CGVD28


def test_error_for_unknown_datum_lists_the_known() -> None:
    with pytest.raises(RequestError, match="'NAVD88'. Choose one of: CGVD2013, CGVD28"):
        parse_choice(VerticalDatum, "NAVD88", "vertical_datum")


@pytest.mark.parametrize("datum", VerticalDatum)
@pytest.mark.parametrize("crs", CRS_NAMES)
def test_geotiff_preserves_compound_crs(crs: str, datum: VerticalDatum) -> None:
    """Horizontal and vertical part survive a GeoTIFF."""
    horizontal = normalize_crs(crs)
    compound = make_compound_crs(horizontal, datum)
    stored = store_in_geotiff(compound)
    assert stored == compound
    assert stored != CRS.from_user_input(horizontal)
    lateral, vertical = stored.to_dict(projjson=True)["components"]
    assert CRS.from_user_input(json.dumps(lateral)) == CRS.from_user_input(horizontal)
    assert datum.value in vertical["name"]


def test_compound_crs_differs_by_datum() -> None:
    compounds = [make_compound_crs("EPSG:3979", datum) for datum in VerticalDatum]
    assert compounds[0] != compounds[1]
    assert compounds == [CRS.from_user_input(f"EPSG:3979+{code}") for code in (6647, 5713)]


@pytest.mark.parametrize("datum", VerticalDatum)
def test_coordinates_are_those_of_the_horizontal_crs(datum: VerticalDatum) -> None:
    x, y = [-2_000_000.0, 1_500_000.0], [500_000.0, -170_000.0]
    plain = transform("EPSG:3979", "EPSG:4326", x, y)
    assert np.array_equal(
        transform(make_compound_crs("EPSG:3979", datum), "EPSG:4326", x, y), plain
    )


def test_crs_that_loses_its_datum_shift_is_detected() -> None:
    """GDAL drops the shift to WGS 84 when it writes; comparing with what was read shows it."""
    bound = normalize_crs("+proj=utm +zone=18 +ellps=clrk66 +towgs84=1,2,3")
    compound = make_compound_crs(bound, VerticalDatum.CGVD28)
    assert store_in_geotiff(compound) != compound

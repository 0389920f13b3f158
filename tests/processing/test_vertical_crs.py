"""Datums in the words of users, and CRSs that tell what heights are counted from."""

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

SYSTEMS = [
    "EPSG:3979",
    "EPSG:2959",
    "EPSG:4617",
    "EPSG:4326",
    "EPSG:3857",
    "EPSG:2263",  # US survey feet
    "ESRI:102002",
    "+proj=lcc +lat_1=49 +lat_2=77 +lat_0=63 +lon_0=-92 +ellps=GRS80",
]


def in_a_geotiff(crs: CRS) -> CRS:
    with MemoryFile() as memory:
        pixels = {"width": 16, "height": 16, "count": 1, "dtype": "float32"}
        transform = Affine(2, 0, 0, 0, -2, 0)
        memory.open(driver="GTiff", **pixels, crs=crs, transform=transform).close()
        with memory.open() as dataset:
            return dataset.crs


@pytest.mark.parametrize("said", ["CGVD28", "cgvd28", "Cgvd28"])
def test_a_datum_is_named_in_any_case(said: str) -> None:
    assert parse_choice(VerticalDatum, said, "vertical_datum") is VerticalDatum.CGVD28


def test_another_datum_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(RequestError, match="'NAVD88'. Choose one of: CGVD2013, CGVD28"):
        parse_choice(VerticalDatum, "NAVD88", "vertical_datum")


@pytest.mark.parametrize("datum", VerticalDatum)
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_geotiff_keeps_both_parts_of_a_compound_system(system: str, datum: VerticalDatum) -> None:
    horizontal = normalize_crs(system)
    compound = make_compound_crs(horizontal, datum)
    kept = in_a_geotiff(compound)
    assert kept == compound
    assert kept != CRS.from_user_input(horizontal)
    place, height = kept.to_dict(projjson=True)["components"]
    assert CRS.from_user_input(json.dumps(place)) == CRS.from_user_input(horizontal)
    assert datum.value in height["name"]


def test_the_datums_are_told_apart() -> None:
    compounds = [make_compound_crs("EPSG:3979", datum) for datum in VerticalDatum]
    assert compounds[0] != compounds[1]
    assert compounds == [CRS.from_user_input(f"EPSG:3979+{code}") for code in (6647, 5713)]


@pytest.mark.parametrize("datum", VerticalDatum)
def test_coordinates_are_those_of_the_horizontal_system(datum: VerticalDatum) -> None:
    x, y = [-2_000_000.0, 1_500_000.0], [500_000.0, -170_000.0]
    plain = transform("EPSG:3979", "EPSG:4326", x, y)
    assert np.array_equal(
        transform(make_compound_crs("EPSG:3979", datum), "EPSG:4326", x, y), plain
    )


def test_a_system_that_a_geotiff_holds_only_without_heights_can_be_told_by_reading() -> None:
    """GDAL leaves out the shift to WGS 84; whoever compares then refuses."""
    bound = normalize_crs("+proj=utm +zone=18 +ellps=clrk66 +towgs84=1,2,3")
    compound = make_compound_crs(bound, VerticalDatum.CGVD28)
    assert in_a_geotiff(compound) != compound

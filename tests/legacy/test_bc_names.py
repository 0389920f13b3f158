"""Names of BC Gridded DEM: the document's own list, and what is chosen from it."""

from __future__ import annotations

import pytest

from hrdem.errors import RequestError
from hrdem.legacy.bc.blocks import Projection
from hrdem.legacy.bc.names import FileName, list_files
from hrdem.legacy.bc.products import PRODUCTS, parse_products, parse_projections

# BC 2.0, 5
COMPLETE = [
    "elevation.dem",
    "elevation.asc",
    "slope-pct.asc",
    "slope-deg.asc",
    "aspect.asc",
    "hillshd-bw-315.tif",
    "hillshd-bw-315.tfw",
    "hillshd-bw-225.tif",
    "hillshd-bw-225.tfw",
    "hillshd-clr-315.tif",
    "hillshd-clr-315.tfw",
    "hillshd-clr-225.tif",
    "hillshd-clr-225.tfw",
]


def test_a_complete_set_has_the_26_names_of_the_document() -> None:
    names = [str(name) for name in list_files("104p", Projection, PRODUCTS)]
    assert names == [f"104p-utm-{x}" for x in COMPLETE] + [f"104p-albers-{x}" for x in COMPLETE]


def test_names_are_read_as_they_are_written() -> None:
    for name in list_files("92b", Projection, PRODUCTS):
        assert FileName.parse(str(name)) == name
        assert FileName.parse(str(name).upper()) == name


@pytest.mark.parametrize(
    "name",
    [
        "104p-utm-elevation.tif",
        "104p-utm-slope.asc",
        "104p-lambert-aspect.asc",
        "031k01_e.dem",
        "elevation.dem",
        "104p-utm-elevation.dem.zip",
        "-utm-elevation.dem",
    ],
)
def test_other_names_are_not_of_a_set(name: str) -> None:
    assert FileName.parse(name) is None


@pytest.mark.parametrize(
    ("names", "files"),
    [
        ("elevation", ["elevation.dem", "elevation.asc"]),
        ("Elevation.DEM", ["elevation.dem"]),
        ("aspect, elevation.asc", ["elevation.asc", "aspect.asc"]),
        (["hillshd-clr-225"], ["hillshd-clr-225.tif", "hillshd-clr-225.tfw"]),
        ("", COMPLETE),
    ],
)
def test_products_are_chosen_by_their_variants(names: str | list[str], files: list[str]) -> None:
    found = list_files("104p", [Projection.UTM], parse_products(names))
    assert [str(name) for name in found] == [f"104p-utm-{each}" for each in files]


def test_projections_are_chosen_by_name() -> None:
    assert parse_projections("") == (Projection.UTM, Projection.ALBERS)
    assert parse_projections("Albers,utm") == (Projection.UTM, Projection.ALBERS)
    assert parse_projections(["albers"]) == (Projection.ALBERS,)


def test_what_is_unknown_is_refused_with_what_is_close() -> None:
    with pytest.raises(
        RequestError, match=r"`products` cannot be 'slope-pcnt'\. Did you mean slop"
    ):
        parse_products("aspect,slope-pcnt")
    with pytest.raises(RequestError, match=r"cannot be 'lcc'\. Choose from: utm, albers\."):
        parse_projections("lcc")

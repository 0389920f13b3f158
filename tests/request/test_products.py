"""Products, collections, and the asset keys that publish them."""

from __future__ import annotations

import pytest

from hrdem.errors import RequestError
from hrdem.request.endpoints import normalize_stac_url
from hrdem.request.products import PRODUCTS, AssetKind, get_collection, get_product
from hrdem.request.request import Request


@pytest.mark.parametrize(
    ("name", "near"), [("dmt", "dtm"), ("DSM", "dsm"), ("dtms", "dtm"), ("dtm_slope", "dtm-slope")]
)
def test_unknown_product_suggests_the_closest(name: str, near: str) -> None:
    with pytest.raises(RequestError, match=rf"no product '{name}'\. Did you mean {near}\?"):
        get_product(name)


@pytest.mark.parametrize("name", ["xyz", "dem", "slope"])
def test_product_that_is_close_to_none_or_to_several_lists_all(name: str) -> None:
    with pytest.raises(RequestError, match=rf"no product '{name}'\. Choose one of: dtm, .*, chm\."):
        get_product(name)


def test_collection_by_name_or_id() -> None:
    assert get_collection("30m").id == "mrdem-30"
    assert get_collection("hrdem-mosaic-2m").name == "2m"
    with pytest.raises(RequestError, match="no collection '3m'"):
        get_collection("3m")


def test_products_know_their_cogs_and_surfaces() -> None:
    held = {name: product.cog_key for name, product in PRODUCTS.items()}
    assert held == {
        "dtm": "dtm",
        "dtm-hillshade": "hillshade-dtm",
        "dtm-slope": None,
        "dtm-aspect": None,
        "dsm": "dsm",
        "dsm-hillshade": "hillshade-dsm",
        "dsm-slope": None,
        "dsm-aspect": None,
        "chm": None,
    }
    assert get_product("chm").surfaces == ("dsm", "dtm")
    assert [name for name, product in PRODUCTS.items() if product.is_height] == ["dtm", "dsm"]


def test_asset_keys() -> None:
    assert get_product("dtm").asset_key(AssetKind.COG) == "dtm"
    assert get_product("dsm").asset_key(AssetKind.VRT) == "dsm-vrt"


@pytest.mark.parametrize("url", ["", "example.org", "file:///etc", "s3://bucket", "/vsicurl/x"])
def test_stac_url_needs_http(url: str) -> None:
    with pytest.raises(RequestError, match="not an http or https address"):
        normalize_stac_url(url)


def test_unknown_via_lists_the_choices() -> None:
    with pytest.raises(
        RequestError, match="`via` cannot be 'ftp'. Choose one of: auto, cog, vrt, wcs"
    ):
        Request.of(bbox=(-76, 45, -75, 46), product="dtm", via="ftp")

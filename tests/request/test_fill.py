"""Collections that fill gaps: their order, and advice that helps."""

from __future__ import annotations

import logging

import pytest
from affine import Affine

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid
from hrdem.request.advice import suggest_collection, suggest_fill, suggest_larger_pixels
from hrdem.request.request import Request


def make_request(**params) -> Request:
    return Request.of(**{"bbox": (-75.72, 45.40, -75.71, 45.41), "product": "dtm", **params})


@pytest.mark.parametrize(
    ("collection", "fill", "used"),
    [
        ("1m", "all", "2m,30m"),
        ("2m", "all", "30m"),
        ("30m", "all", ""),
        ("1m", ["30m"], "30m"),
        ("1m", "2m 30m", "2m,30m"),
        ("1m", "hrdem-mosaic-2m", "2m"),
        ("1m", "", ""),
    ],
)
def test_fill_as_it_is_used(collection: str, fill, used: str, caplog) -> None:
    """A fill in order is taken without a word."""
    request = make_request(collection=collection, fill=fill)
    assert ",".join(tier.name for tier in request.fill) == used
    assert not caplog.records


@pytest.mark.parametrize(
    ("collection", "fill", "used"),
    [
        ("1m", "30m,2m", "used as `fill=2m,30m`"),
        ("1m", "2m,2m", "used as `fill=2m`"),
        ("1m", "1m,2m", "used as `fill=2m`"),
        ("1m", ["30m", "all"], "used as `fill=2m,30m`"),
        ("2m", "2m", "is ignored"),
    ],
)
def test_fill_in_another_order_is_reported(collection: str, fill, used: str, caplog) -> None:
    """A finer collection behind a coarser one was silently never used."""
    with caplog.at_level(logging.WARNING):
        request = make_request(collection=collection, fill=fill)
    (record,) = caplog.records
    assert used in record.getMessage()
    sizes = [tier.resolution for tier in request.tiers]
    assert sizes == sorted(set(sizes))
    assert request.as_dict()["fill"] == [tier.id for tier in request.fill]


def test_collection_before_a_finer_one_is_reported(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        request = make_request(collection="2m", fill="30m,1m")
    assert [tier.name for tier in request.tiers] == ["2m", "1m", "30m"]
    assert "Give `collection=1m` to prefer it." in caplog.text


def test_unknown_collection_to_fill_from() -> None:
    with pytest.raises(RequestError, match="There is no collection '3m'"):
        make_request(fill="2m,3m")


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({}, "2m,30m"),
        ({"fill": "2m"}, "30m"),
        ({"fill": "30m"}, ""),
        ({"fill": "all"}, ""),
        ({"collection": "2m"}, "30m"),
        ({"collection": "2m", "fill": "1m"}, "30m"),
        ({"collection": "30m"}, ""),
        ({"via": "wcs"}, ""),
    ],
)
def test_suggested_fill_is_what_would_still_help(params: dict, named: str) -> None:
    """It named collections that were filled from already; followed, it is a valid request."""
    request = make_request(**params)
    advice = suggest_fill(request)
    if not named:
        assert advice == suggest_collection(request) == ""
    elif request.fill:
        assert advice.startswith(f"Add {named} to `fill`")
        names = [tier.name for tier in request.fill]
        assert len(make_request(**params | {"fill": [*names, named]}).fill) == len(names) + 1
    else:
        assert advice.startswith(f"`fill={named}` ")
        assert make_request(**params | {"fill": named}).fill
        assert f"`collection={named.split(',', maxsplit=1)[0]}`" in suggest_collection(request)


def test_advice_on_feathering_names_fill_only_where_it_adds_a_collection() -> None:
    with pytest.raises(RequestError, match="Give `fill` as well, or leave `feather` out"):
        make_request(feather=5)
    with pytest.raises(RequestError, match=r"requested\. Leave `feather` out"):
        make_request(feather=5, collection="30m", fill="all")


def test_suggested_pixel_size_does_not_contradict_the_request() -> None:
    request = make_request(align="blocks", crop=False)
    assert suggest_fill(request).startswith("`fill=2m,30m` without `align=blocks` ")
    assert suggest_larger_pixels(request) == "a coarser `resolution` without `align=blocks`"
    assert suggest_larger_pixels(make_request()) == "a coarser `resolution`"
    like = Grid("EPSG:2959", Affine(5, 0, 450_000, 0, -5, 5_030_000), 40, 20)
    request = Request.of(like=like, product="dtm")
    assert suggest_larger_pixels(request) == "a raster of larger pixels as `like`"

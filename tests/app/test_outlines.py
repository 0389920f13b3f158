"""Outlines of the map: sub-tiles by name, and where they have data."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import shapely

import hrdem
from hrdem.app.outlines import MAX_COVERAGE_CORNERS, outlines
from hrdem.demo import Addresses
from hrdem.errors import RequestError


@pytest.mark.slow
@pytest.mark.long
def test_map_has_all_sub_tiles_and_where_they_have_data(demo: Addresses) -> None:
    services = SimpleNamespace(catalogue={"stac_url": demo.stac, "no_cache": True})
    with hrdem.Session() as session:
        found = outlines("1m", session, services)
    *tiles, coverage = found["features"]
    shapes = {
        tile["properties"]["name"]: shapely.geometry.shape(tile["geometry"]) for tile in tiles
    }
    assert len(shapes) == 66  # of the collection
    assert shapes["9_2"].contains(shapely.Point(-75.7, 45.4))
    assert {tile["properties"]["kind"] for tile in tiles} == {"tile"}
    assert coverage["properties"] == {"kind": "coverage", "name": "1m"}
    ground = shapely.geometry.shape(coverage["geometry"])
    assert ground.is_valid
    assert ground.contains(shapely.Point(-75.7, 45.4))
    assert shapely.get_num_coordinates(ground) < 2 * MAX_COVERAGE_CORNERS
    assert len(json.dumps(found)) < 1_000_000


def test_other_collections_have_no_outlines() -> None:
    services = SimpleNamespace(catalogue={})
    with hrdem.Session() as session, pytest.raises(RequestError, match="Choose one of: 1m, 2m"):
        outlines("lidar", session, services)

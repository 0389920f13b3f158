"""Test the exact parameters of WMS 1.3.0 requests."""

from __future__ import annotations

import pytest

from hrdem.errors import RequestError
from hrdem.geo.ground import fit_grid
from hrdem.request.products import WMS_LAYERS, Theme, get_layer
from hrdem.sources.wms import get_map_params

DEGREES = (-75.75, 45.25, -75.5, 45.5)
METRES = (1_500_000, -180_000, 1_520_000, -170_000)


def asked(box, crs: str) -> dict[str, object]:
    return get_map_params("dsm-slope", fit_grid(box, crs, 640))


def test_get_map_params() -> None:
    """OGC 06-042, table 8: all mandatory parameters, including an empty STYLES."""
    assert asked(METRES, "EPSG:3979") == {
        "SERVICE": "WMS",
        "VERSION": "1.3.0",
        "REQUEST": "GetMap",
        "LAYERS": "dsm-slope",
        "STYLES": "",
        "CRS": "EPSG:3979",
        "BBOX": "1500000,-180000,1520000,-170000",
        "WIDTH": 640,
        "HEIGHT": 320,
        "FORMAT": "image/png",
        "TRANSPARENT": "TRUE",
    }


def test_latitude_comes_first_in_epsg_4326() -> None:
    """Swapped axes would give an image of another place, or an empty one."""
    kvp = asked(DEGREES, "EPSG:4326")
    assert (kvp["CRS"], kvp["BBOX"]) == ("EPSG:4326", "45.25,-75.75,45.5,-75.5")


def test_there_are_eight_layers() -> None:
    assert list(WMS_LAYERS) == [
        "dtm", "dtm-hillshade", "dtm-slope", "dtm-aspect",
        "dsm", "dsm-hillshade", "dsm-slope", "dsm-aspect",
    ]  # fmt: skip
    assert get_layer("dsm-slope").surfaces == ("dsm",)
    assert get_layer("dsm-slope").theme is Theme.SLOPE
    with pytest.raises(RequestError, match="Did you mean dtm-hillshade"):
        get_layer("dtm-hilshade")
    with pytest.raises(RequestError, match="no preview of chm"):
        get_layer("chm")

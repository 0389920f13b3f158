"""A request has values that it may have: no path, no address, no option."""

from __future__ import annotations

from typing import Any

import pytest

from hrdem.app.choices import KEYS, check_request
from hrdem.app.problems import RefusedError

BOX = {"bbox": [-75.72, 45.4, -75.7, 45.42]}


def test_what_is_left_out_has_its_default() -> None:
    request = check_request({"area": BOX})
    assert tuple(request) == KEYS
    assert request["products"] == ["dtm"]
    assert request["crs"] is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("area", None),
        ("area", {}),
        ("area", {"bbox": [-75.7, 45.4, -75.72, 45.42]}),
        ("area", {"bbox": [-75.72, 45.4, -75.7, float("inf")]}),
        ("area", {"bbox": [-75.72, 45.4, -75.7, float("nan")]}),
        ("area", {"bbox": [-75.72, 45.4, -75.7, 10**4000]}),
        ("area", {"bbox": [-75.72, 45.4, -75.7, True]}),
        ("area", {"bbox": [-1e9, 45.4, -75.7, 45.42]}),
        ("area", {"bbox": "-75.72,45.4,-75.7,45.42"}),
        ("area", {**BOX, "nts": "031G05"}),
        ("area", {"nts": "/etc/passwd"}),
        ("area", {"nts": "--demo"}),
        ("area", {"upload": "../../jobs"}),
        ("area", {"point": [-75.7, 45.4]}),
        ("area", {"point": [-75.7, 45.4], "radius": -1}),
        ("area", {"aoi": "http://127.0.0.1/"}),
        ("products", []),
        ("products", ["dtm", "--output=/etc/passwd"]),
        ("products", "dtm"),
        ("products", ["dtm"] * 100),
        ("collection", "lidar"),
        ("fill", ["all"]),
        ("crs", "--output=x"),
        ("crs", "/etc/passwd"),
        ("crs", "+proj=longlat +nadgrids=/etc/passwd"),
        ("crs", "http://127.0.0.1/crs"),
        ("crs", "EPSG:3979\n"),
        ("crs", 3979),
        ("resolution", 0),
        ("resolution", "5"),
        ("resolution", float("nan")),
        ("resampling", "median"),
        ("format", "vrt"),
        ("vertical_datum", "cgvd28"),
        ("crop", 1),
        ("source_band", None),
    ],
)
def test_other_values_are_refused(key: str, value: Any) -> None:
    with pytest.raises(RefusedError) as refused:
        check_request({"area": BOX, key: value})
    assert refused.value.status == 400

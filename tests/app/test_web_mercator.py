"""The map's projection, judged by PROJ."""

from __future__ import annotations

import math

import pytest
from pyproj import Transformer

from hrdem.app.web_mercator import get_bounds, project_box, unproject_box

BOXES = [(-75.7, 45.4, -75.6, 45.5), (-141.0, 41.6, -52.6, 83.2), (0.0, -10.0, 1.0, 10.0)]


@pytest.mark.parametrize("box", BOXES)
def test_boxes_are_those_of_proj(box: tuple[float, float, float, float]) -> None:
    project = Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)
    expected = *project.transform(*box[:2]), *project.transform(*box[2:])
    assert project_box(box) == pytest.approx(expected, abs=1e-6)
    assert unproject_box(expected) == pytest.approx(box, abs=1e-11)


def test_tiles_are_those_of_web_maps() -> None:
    """The formulas of OpenStreetMap's wiki, "Slippy map tilenames"."""
    edge = 20_037_508.342789244
    assert get_bounds(0, 0, 0) == pytest.approx((-edge, -edge, edge, edge))
    z, x, y = 13, 2_375, 2_930
    west, _, _, north = unproject_box(get_bounds(z, x, y))
    assert west == pytest.approx(x / 2**z * 360 - 180)
    assert north == pytest.approx(math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / 2**z)))))

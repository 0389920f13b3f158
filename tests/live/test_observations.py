"""Test the live service checks on the demonstration, where all assumptions are true."""

from __future__ import annotations

from hrdem.demo import Addresses
from tests.live.observations import Point, observe


def test_demo_matches_every_assumption(demo: Addresses) -> None:
    points = list(observe(demo.stac, demo.wcs))
    assert [str(point) for point in points if point.differs] == []
    assert len(points) > 80
    assert len({point.name for point in points}) == len(points)


def test_difference_is_printed() -> None:
    assert str(Point("size", 1, 2)) == "DIFFERS  size: 2 (assumed: 1)"
    assert str(Point("size", 1, 1)) == "same     size: 1"
    assert str(Point("size", None, 2)) == "NEW      size: 2"

"""Terrain that is a plane with a hole, for cells and blocks that are computed from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from tests.stores import NODATA, RESOLUTIONS, Store

COLLECTION = "mrdem-30"
TO_NATIVE = Transformer.from_crs("EPSG:4617", "EPSG:3979", always_xy=True).transform


@dataclass(frozen=True, slots=True)
class Plane:
    """Heights that bilinear kernels of any width reproduce; x and y in EPSG:3979."""

    height: float
    x: float
    y: float
    slope_x: float
    slope_y: float

    def __call__(self, x: Any, y: Any) -> Any:
        return self.height + (x - self.x) * self.slope_x + (y - self.y) * self.slope_y


@contextmanager
def publish(plane: Plane, area: shapely.Polygon, hole: shapely.Polygon) -> Iterator[Store]:
    """Publish a plane as the 30 m collection; its area and a hole in it are in degrees."""
    size = RESOLUTIONS[COLLECTION]
    left, bottom, right, top = _project(area).bounds
    left, top = left // size * size, top // size * size
    columns, rows = int((right - left) // size), int((top - bottom) // size)
    x, y = np.meshgrid(
        left + size * (np.arange(columns) + 0.5), top - size * (np.arange(rows) + 0.5)
    )
    pixels = plane(x, y).astype("float32")
    pixels[shapely.contains_xy(_project(hole), x, y)] = NODATA
    with pytest.MonkeyPatch.context() as patch:
        store = Store(patch)
        store.add(COLLECTION, pixels, left, top)
        yield store


def _project(geometry: shapely.Geometry) -> shapely.Geometry:
    return shapely.transform(
        shapely.segmentize(geometry, 0.001), lambda points: np.column_stack(TO_NATIVE(*points.T))
    )

"""Projection without a datum: pyproj's `Proj` knows no datum, so it can shift none."""

from __future__ import annotations

import warnings

import numpy as np
from pyproj import CRS, Proj


def to_xy(lonlat: np.ndarray, crs: str) -> np.ndarray:
    """Return coordinates in a CRS of longitudes and latitudes on its own datum, shape (n, 2)."""
    system = CRS(crs)
    if system.is_geographic:
        return np.asarray(lonlat, float)
    return _project(np.asarray(lonlat, float), system)


def to_lonlat(points: np.ndarray, crs: str) -> np.ndarray:
    """Return longitudes and latitudes, on its own datum, of coordinates in a CRS."""
    system = CRS(crs)
    if system.is_geographic:
        return np.asarray(points, float)
    return _project(np.asarray(points, float), system, inverse=True)


def _project(points: np.ndarray, system: CRS, *, inverse: bool = False) -> np.ndarray:
    with warnings.catch_warnings(action="ignore"):  # a PROJ string loses the datum, as it should
        projection = Proj(system.to_proj4())
    x, y = points[0] if len(points) == 1 else points.T  # numpy warns of arrays of one number
    return np.column_stack(projection(x, y, inverse=inverse))

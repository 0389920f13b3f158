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
    return np.column_stack(_make_projection(system)(*np.asarray(lonlat, float).T))


def to_lonlat(points: np.ndarray, crs: str) -> np.ndarray:
    """Return longitudes and latitudes, on its own datum, of coordinates in a CRS."""
    system = CRS(crs)
    if system.is_geographic:
        return np.asarray(points, float)
    return np.column_stack(_make_projection(system)(*np.asarray(points, float).T, inverse=True))


def _make_projection(system: CRS) -> Proj:
    with warnings.catch_warnings(action="ignore"):  # a PROJ string loses the datum, as it should
        return Proj(system.to_proj4())

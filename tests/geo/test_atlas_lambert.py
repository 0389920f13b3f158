"""The formulas of EPSG:3979."""

from __future__ import annotations

import numpy as np

from hrdem.geo.atlas_lambert import to_lonlat, to_native
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.transform import project_points


def test_canada_is_where_proj_puts_it() -> None:
    grid = np.meshgrid(np.arange(-179.0, -20.0, 9.7), np.arange(36.0, 90.0, 4.3))
    lonlat = np.column_stack([each.ravel() for each in grid])
    native = project_points(lonlat, LONLAT, NATIVE_CRS)
    assert np.abs([to_native(*each) for each in lonlat.tolist()] - native).max() < 1e-6
    assert np.abs([to_lonlat(*each) for each in native.tolist()] - lonlat).max() < 1e-11

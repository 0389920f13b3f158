"""Levels and kernels of the older products: constants, so that neighbours have equal edges."""

from __future__ import annotations

import math

from hrdem.geo.crs import NATIVE_CRS, get_unit, is_geographic
from hrdem.geo.grid import Grid
from hrdem.geo.resampling import FixedSampling, Resampling, Sampling

#: of CDED by scale: nodes are 0.75 and 3 arc seconds apart along a profile (CDED 2.1, 3.2), and at
#: least 8.08 and 32.3 m across, in the north of each area
CDED_SAMPLING = {50_000: FixedSampling(8, 23.2), 250_000: FixedSampling(32, 92.7)}
#: of BC's Gridded DEM, with pixels of 25 m (BC 2.0, 2)
BC_SAMPLING = FixedSampling(16, 25)
_BY_ARC_SECONDS = {0.75: CDED_SAMPLING[50_000], 3.0: CDED_SAMPLING[250_000]}
_BC_METRES = 25.0
_DETAIL_RATIO = 1.5  # spacing of nodes over that of the source's pixels
_TOLERANCE = 1e-6  # relative, of a spacing


def choose_sampling(grid: Grid) -> FixedSampling:
    """Return the level and kernel to compare a DEM with: those of the product if it is one.

    Otherwise they follow from the distance between its nodes.

    Args:
        grid: Grid whose pixel centres are the nodes, in a CRS whose datum counts as NAD83(CSRS), or
            a linked one.

    Raises:
        NoDataError: If the grid extends to where EPSG:3979 has no coordinates.
    """
    dx, dy = grid.resolution
    if is_geographic(grid.crs):
        for spacing, sampling in _BY_ARC_SECONDS.items():
            if math.isclose(dy * 3600, spacing, rel_tol=_TOLERANCE):
                return sampling
    elif all(math.isclose(each, _BC_METRES, rel_tol=_TOLERANCE) for each in (dx, dy)):
        return BC_SAMPLING
    nearest = Sampling(grid, NATIVE_CRS, Resampling.BILINEAR).nominal_spacing
    return FixedSampling(nearest / _DETAIL_RATIO, dy * get_unit(grid.crs).metres)

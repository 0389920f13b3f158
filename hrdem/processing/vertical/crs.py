"""Compound CRSs: a horizontal CRS with a vertical datum."""

from __future__ import annotations

import json

from rasterio.crs import CRS

from hrdem.request.options import VerticalDatum
from hrdem.runtime.gdal_env import pinned_gdal

# Files do not name the realisation of CGVD2013 of their heights. EPSG:6647 (CGG2013) is used by
# EPSG's compound CRSs for Canada, so other software knows it. With EPSG:9245 (CGG2013a) PROJ would
# use the grid of `shift_grid`, which PROJ 9.1 applies with the wrong sign.
_CODES = {VerticalDatum.CGVD2013: 6647, VerticalDatum.CGVD28: 5713}


def make_compound_crs(crs: str, datum: VerticalDatum) -> CRS:
    """Make a compound CRS: a horizontal one, and heights in metres above a vertical datum.

    Coordinates stay the same. The result usually has no EPSG code, and does not equal the
    horizontal CRS.

    Args:
        crs: Horizontal CRS, as `hrdem.geo.crs.normalize_crs` names it.
        datum: Vertical datum.
    """
    with pinned_gdal():
        horizontal = CRS.from_user_input(crs).to_dict(projjson=True)
        base = horizontal.get("source_crs", horizontal)  # of a bound CRS
        vertical = CRS.from_epsg(_CODES[datum]).to_dict(projjson=True)
        compound = {
            "type": "CompoundCRS",
            "name": f"{base['name']} + {vertical['name']}",
            "components": [horizontal, vertical],
        }
        return CRS.from_user_input(json.dumps(compound))

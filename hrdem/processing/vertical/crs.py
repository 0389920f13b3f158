"""Vertical datums: what heights are counted from, and CRSs that say so."""

from __future__ import annotations

import json

import rasterio
from rasterio.crs import CRS

from hrdem.request.options import VerticalDatum

# No file tells which realisation of CGVD2013 its heights are in. EPSG:6647 (CGG2013) is the one of
# EPSG's compound systems for Canada, so that other software knows it. EPSG:9245 (CGG2013a) would
# lead PROJ to the grid of `shift_grid`, which PROJ 9.1 applies with the wrong sign.
_CODES = {VerticalDatum.CGVD2013: 6647, VerticalDatum.CGVD28: 5713}


def make_compound_crs(crs: str, datum: VerticalDatum) -> CRS:
    """Return a compound CRS: a horizontal one, and heights in metres above a datum.

    Coordinates stay the same. The result has no EPSG number, as a rule, and does not equal the
    horizontal CRS.

    Args:
        crs: Horizontal CRS, as `hrdem.geo.crs.normalize_crs` names it.
        datum: What the heights are counted from.
    """
    with rasterio.Env():
        horizontal = CRS.from_user_input(crs).to_dict(projjson=True)
        named = horizontal.get("source_crs", horizontal)  # if it is bound to a shift of its datum
        vertical = CRS.from_epsg(_CODES[datum]).to_dict(projjson=True)
        compound = {
            "type": "CompoundCRS",
            "name": f"{named['name']} + {vertical['name']}",
            "components": [horizontal, vertical],
        }
        return CRS.from_user_input(json.dumps(compound))

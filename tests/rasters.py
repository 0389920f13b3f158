"""Queries about rasters that tests have written."""

from __future__ import annotations

import json

from rasterio.crs import CRS


def horizontal(crs: CRS) -> str:
    """Return the horizontal part of a compound CRS."""
    parts = crs.to_dict(projjson=True)
    assert parts["type"] == "CompoundCRS"
    name: str = CRS.from_user_input(json.dumps(parts["components"][0])).to_string()
    return name

"""What tests ask of the files that they made."""

from __future__ import annotations

import json

from rasterio.crs import CRS


def horizontal(crs: CRS) -> str:
    """The part of a compound CRS that says where a pixel lies, and not how high."""
    told = crs.to_dict(projjson=True)
    assert told["type"] == "CompoundCRS"
    name: str = CRS.from_user_input(json.dumps(told["components"][0])).to_string()
    return name

"""What tests ask of the files that they made."""

from __future__ import annotations

import json
from pathlib import Path

import rasterio
from rasterio.crs import CRS


def horizontal(crs: CRS) -> str:
    """The part of a compound CRS that says where a pixel lies, and not how high."""
    told = crs.to_dict(projjson=True)
    assert told["type"] == "CompoundCRS"
    name: str = CRS.from_user_input(json.dumps(told["components"][0])).to_string()
    return name


def same_raster(one: Path, other: Path) -> bool:
    """Whether two files hold the same to the last bit.

    Their tiles may be packed in another way: ISA-L was seen once to pack equal bytes otherwise.
    """
    with rasterio.open(one) as first, rasterio.open(other) as second:
        alike = first.profile == second.profile and first.tags() == second.tags()
        return alike and first.read().tobytes() == second.read().tobytes()

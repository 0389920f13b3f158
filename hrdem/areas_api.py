"""The public function for areas; `hrdem.api` has those that search."""

from __future__ import annotations

from typing import Unpack

from hrdem.request.aoi.outline import Outline
from hrdem.request.aoi.parse import parse_aoi
from hrdem.request.area_fields import AREA
from hrdem.request.params import AoiParams
from hrdem.request.signature import takes
from hrdem.runtime.gdal_env import pinned_gdal


@takes(AREA)
@pinned_gdal()
def outline(**params: Unpack[AoiParams]) -> Outline:
    """Return the outline of an area and its size on the ground; nothing is requested.

    Args:
        **params: The area, as `hrdem.extract` documents it.

    Raises:
        RequestError: If the area is invalid.
        NoDataError: If it is outside Canada.
    """
    return Outline.of(parse_aoi(**params).aoi)

"""GDAL's metadata of the band of a TIFF: scale, offset and unit (tag 42112, GDAL_METADATA).

The tag holds XML: https://gdal.org/en/stable/drivers/raster/gtiff.html#metadata. An item applies to
a band if it has a ``sample``, and means what its ``role`` says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hrdem.tiff.read_ifd import Directory, InvalidTiffError

_GDAL_METADATA = 42112
_MAX_BYTES = 64 << 10
_MAX_UNIT_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class BandMetadata:
    """What GDAL's metadata state about the only band.

    Attributes:
        scale: Factor from numbers to values.
        offset: Value of the number 0.
        unit: Unit of the values, or empty.
        has_nodata_values: Whether they name the nodata value in another way (``NODATA_VALUES``),
            which GDAL takes as a mask.
    """

    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    has_nodata_values: bool = False


def read_band_metadata(directory: Directory) -> BandMetadata:
    """Read GDAL's metadata of the first band.

    Raises:
        InvalidTiffError: If they are no XML, or state a scale that is not a number.
    """
    text = directory.text(_GDAL_METADATA, _MAX_BYTES)
    if not text:
        return BandMetadata()
    try:
        root = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as exc:
        raise InvalidTiffError("its GDAL_METADATA are not XML") from exc
    roles = {}
    has_nodata_values = False
    for item in root.iter("Item"):
        if item.get("sample") == "0" and item.get("role"):
            roles[item.get("role")] = (item.text or "").strip()
        elif item.get("sample") is None and not item.get("domain"):
            has_nodata_values |= item.get("name") == "NODATA_VALUES"
    unit = roles.get("unittype", "")[:_MAX_UNIT_CHARACTERS]
    return BandMetadata(
        scale=_parse_number(roles.get("scale", "1")),
        offset=_parse_number(roles.get("offset", "0")),
        unit=unit if unit.isprintable() else "?",
        has_nodata_values=has_nodata_values,
    )


def _parse_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidTiffError("its scale or offset is not a number")
    return number

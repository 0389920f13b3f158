"""GDAL's metadata of the band of a TIFF: scale, offset and unit (tag 42112, GDAL_METADATA).

The tag holds XML: https://gdal.org/en/stable/drivers/raster/gtiff.html#metadata. An item applies to
a band if it has a ``sample``, and means what its ``role`` says.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hrdem.tiff.read_ifd import Directory, InvalidTiffError

_GDAL_METADATA = 42112
_MAX_BYTES = 64 << 10
_MAX_UNIT_CHARACTERS = 40
_ATTRIBUTES = {"name", "sample", "role", "domain", "format"}
_DIGITS = re.compile(r"[0-9]{1,5}")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


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
        InvalidTiffError: If they are not as GDAL writes them: GDAL would take a part of them.
    """
    text = directory.text(_GDAL_METADATA, _MAX_BYTES)
    if not text:
        return BandMetadata()
    if "<!" in text:  # comments and CDATA, of which GDAL and XML parsers make different texts
        raise InvalidTiffError("its GDAL_METADATA are more than items")
    try:
        root = fromstring(text.encode("latin-1"), forbid_dtd=True)  # it is UTF-8
    except (ParseError, DefusedXmlException, ValueError) as exc:
        raise InvalidTiffError("its GDAL_METADATA are not XML") from exc
    roles = {}
    has_nodata_values = False
    for item in root:
        sample = item.get("sample")
        if (
            item.tag != "Item"
            or not {"name"} <= set(item.keys()) <= _ATTRIBUTES
            or len(item)
            or not (sample is None or _DIGITS.fullmatch(sample))
        ):
            raise InvalidTiffError("its GDAL_METADATA have an item of an unknown kind")
        if sample is None:
            has_nodata_values |= item.get("name") == "NODATA_VALUES"
        elif int(sample) == 0:
            roles[item.get("role", "").lower()] = (item.text or "").strip()
    unit = roles.get("unittype", "")[:_MAX_UNIT_CHARACTERS]
    return BandMetadata(
        scale=_parse_number(roles.get("scale", "1")),
        offset=_parse_number(roles.get("offset", "0")),
        unit=unit if unit.isprintable() else "?",
        has_nodata_values=has_nodata_values,
    )


def _parse_number(text: str) -> float:
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise InvalidTiffError("its scale or offset is not a number")
    return number

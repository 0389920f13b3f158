"""Bands: what a raster states about its stored numbers, and the values that follow from them.

A value is number * scale + offset, in float32. A pixel has no value if its number equals the nodata
value, which applies before scaling, or if a mask excludes it. These are GDAL's rules. What cannot
be read with certainty is refused: units are never converted, and colours are no values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import SourceError
from hrdem.geo.grid import Pixels
from hrdem.geo.nodata import DEFAULT_NODATA, avoid_nodata, valid_mask

_METRES = ("m", "metre", "metres", "meter", "meters")
#: spellings of units, by the unit that a product has; a product without a unit has no spelling
_SPELLINGS = {"metre": _METRES, "degree": ("deg", "degree", "degrees", "°")}
#: EPSG codes of the realizations of CGVD2013, the vertical datum of the published heights
CGVD2013_CODES = ("EPSG:6647", "EPSG:9245", "EPSG:20035")
#: types of pixels that are read, as numpy names them; others are complex numbers
PIXEL_TYPES = (
    *("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float32", "float64"),
)
_ROWS_AT_ONCE = 64  # that are scaled, so that 64-bit intermediate values take little memory


@dataclass(frozen=True, slots=True)
class Band:
    """What a raster states about the numbers in its only band.

    Attributes:
        stored_dtype: Type of the numbers, as numpy names it.
        stored_nodata: Declared nodata value of the numbers; None if there is none.
        scale: Factor from numbers to values.
        offset: Value of the number 0.
        unit: Unit of the values as the raster states it, or empty.
        vertical_crs: Vertical CRS as the raster states it, ``EPSG:n`` or a name; or empty.
        is_masked: Whether a mask beside the numbers states which pixels have a value.
        has_palette: Whether numbers stand for colours.
        is_inverted: Whether the lowest number is white (MINISWHITE), which programs read in two
            ways.
    """

    stored_dtype: str
    stored_nodata: float | None
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    vertical_crs: str = ""
    is_masked: bool = False
    has_palette: bool = False
    is_inverted: bool = False

    @property
    def is_scaled(self) -> bool:
        """Whether values are other numbers than those stored."""
        return (self.scale, self.offset) != (1.0, 0.0)

    @property
    def is_plain(self) -> bool:
        """Whether the stored numbers are the values."""
        return not self.is_scaled and not self.is_masked

    @property
    def dtype(self) -> str:
        """Type of the values, as numpy names it."""
        if self.is_plain or self.stored_dtype == "float64":
            return self.stored_dtype
        return "float32"

    @property
    def nodata(self) -> float | None:
        """Value of pixels without data; None if the raster declares none."""
        return self.stored_nodata if self.is_plain else DEFAULT_NODATA

    def to_values(self, numbers: Pixels, mask: NDArray[np.bool_] | None = None) -> Pixels:
        """Convert stored numbers to values.

        Args:
            numbers: Array of shape (rows, columns).
            mask: Which of them have a value, array of the same shape; None for all.

        Returns:
            Array of the same shape, of `dtype`; infinite numbers stay infinite.
        """
        if self.is_plain:
            return numbers
        values = np.empty(numbers.shape, self.dtype)
        for start in range(0, len(numbers), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            wide = numbers[rows].astype(np.float64)
            wide *= self.scale
            wide += self.offset
            with np.errstate(over="ignore"):  # infinite, and reported as such
                values[rows] = avoid_nodata(wide.astype(self.dtype), DEFAULT_NODATA)
        empty = ~valid_mask(numbers, self.stored_nodata) & ~is_infinite(numbers, self.stored_nodata)
        if mask is not None:
            empty |= ~mask
        values[empty] = DEFAULT_NODATA
        return values


def is_infinite(numbers: Pixels, nodata: float | None) -> NDArray[np.bool_]:
    """Return which numbers are infinite and not the declared nodata value."""
    if numbers.dtype.kind != "f":
        return np.zeros(numbers.shape, np.bool_)
    infinite = np.isinf(numbers)
    if nodata is not None and math.isinf(nodata):
        infinite &= numbers != nodata
    return infinite


def check_band(band: Band, unit: str, name: str) -> None:
    """Check that the values of a band can be read with certainty.

    Every raster passes here: COGs, VRTs with their files, and responses of a WCS.

    Args:
        band: What the raster states.
        unit: Unit of the product: ``metre`` for heights, ``degree``, or empty.
        name: Name of the raster, for messages.

    Raises:
        SourceError: If the values are not certain to be those of the product.
    """
    if problem := find_band_problem(band, unit):
        raise SourceError(
            f"{name} {problem}. Nothing was read from it: try another `collection`, and tell its "
            "publisher."
        )


def find_band_problem(band: Band, unit: str) -> str:
    """Return why a band cannot be read with certainty; empty if it can.

    Args:
        band: What the raster states.
        unit: Unit of the product, as for `check_band`.
    """
    if band.stored_dtype not in PIXEL_TYPES:
        return f"holds {band.stored_dtype}, not measurements"
    if band.has_palette or band.is_inverted:
        return "holds colours (a palette, or a lowest value that is white), not measurements"
    if unit == "metre" and np.dtype(band.stored_dtype).itemsize == 1:
        return f"holds {band.stored_dtype}, whose 256 numbers are a picture, not heights"
    if not (math.isfinite(band.scale) and band.scale and math.isfinite(band.offset)):
        return f"states a scale of {band.scale:g} and an offset of {band.offset:g}"
    if unit == "metre" and band.vertical_crs not in ("", *CGVD2013_CODES):
        return f"states heights in {band.vertical_crs}, where CGVD2013 is expected"
    if band.unit and band.unit.strip().lower() not in _SPELLINGS.get(unit, ()):
        expected = unit or "no unit"
        return (
            f"states the unit {band.unit!r} for its pixels where {expected} is expected, and units "
            "are never converted"
        )
    return ""


def band_count_error(count: int, name: str) -> SourceError:
    """Return the error for a raster with several bands; the second may be an alpha band."""
    return SourceError(
        f"{name} has {count} bands instead of one, and which of them, or what part of it, are "
        "heights is not certain. Try another `collection`, and tell its publisher."
    )

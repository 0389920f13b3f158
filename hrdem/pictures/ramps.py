"""Colour ramps as values, for pictures, styles and colour tables alike.

A ramp says which colours follow each other, and over which values. The sequence of colours of
`SLOPE` and `CANOPY` is from ColorBrewer 2 (YlOrRd, YlGn), that of `DIFFERENCE` too (RdBu).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from hrdem.geo.grid import Pixels
from hrdem.output.colours import Colour, parse_colours
from hrdem.request.products import Product, Theme

Pictured = npt.NDArray[np.uint8]

PERCENTILES = (2.0, 98.0)  # of the values, the ends of a ramp that has no range of its own
MIN_RANGE = 0.01  # of a stretched ramp, in the unit of the values: level ground has one colour


class Scale(StrEnum):
    """How a ramp meets the values of a raster."""

    STRETCHED = "stretched"  # from the 2nd to the 98th percentile of the values
    FROM_ZERO = "from-zero"  # from 0 to the 98th percentile
    SYMMETRIC = "symmetric"  # around 0, as far as the 98th percentile of the distances from 0
    FIXED = "fixed"  # over the range of the ramp
    CYCLIC = "cyclic"  # over the range of the ramp, whose ends are the same


@dataclass(frozen=True, slots=True)
class Ramp:
    """A sequence of colours at equal distances, and how it meets the values.

    Attributes:
        name: Name, such as ``elevation``.
        colours: Colours from the lowest to the highest value; linear in between.
        scale: How the ramp meets the values of a raster.
        limits: Lowest and highest value of a fixed or cyclic ramp, in its unit; else None.
        unit: Unit of the values, such as ``m``; empty for none.
    """

    name: str
    colours: tuple[Colour, ...]
    scale: Scale
    limits: tuple[float, float] | None
    unit: str

    @property
    def is_averageable(self) -> bool:
        """Whether means of its values are such values; the mean of two directions is not."""
        return self.scale is not Scale.CYCLIC

    @property
    def has_relief(self) -> bool:
        """Whether its values are heights of ground, which are drawn as shaded relief."""
        return self.name == "elevation"

    def fit(self, values: Pixels) -> tuple[float, float]:
        """Return the lowest and the highest value of the ramp over a raster.

        Args:
            values: Array of any shape, NaN where there is no data.
        """
        if self.limits is not None:
            return self.limits
        known = values[np.isfinite(values)]
        if not known.size:
            return (0.0, 1.0)
        match self.scale:
            case Scale.SYMMETRIC:
                end = max(float(np.percentile(np.abs(known), PERCENTILES[1])), MIN_RANGE)
                return (-end, end)
            case Scale.FROM_ZERO:
                return (0.0, max(float(np.percentile(known, PERCENTILES[1])), MIN_RANGE))
            case _:
                low, high = (float(value) for value in np.percentile(known, PERCENTILES))
                return (low, high) if high - low >= MIN_RANGE else (low, low + MIN_RANGE)

    def colour(self, values: Pixels, low: float, high: float) -> Pictured:
        """Colour values; those beyond the ends have the colour of the end.

        Args:
            values: Array of any shape; NaN becomes black, for the caller to draw over.
            low: Value of the first colour.
            high: Value of the last colour.

        Returns:
            uint8 array of the shape of the values and an axis of red, green and blue.
        """
        places = (np.nan_to_num(values, nan=low) - low) / (high - low) * (len(self.colours) - 1)
        known = np.arange(len(self.colours))
        picture = np.empty((*values.shape, 3), np.uint8)
        for channel, shades in enumerate(zip(*self.colours, strict=True)):
            picture[..., channel] = np.interp(places, known, shades).round()
        picture[np.isnan(values)] = 0
        return picture

    def stops(self, low: float, high: float) -> tuple[tuple[float, Colour], ...]:
        """Return the value of each colour, for styles and legends."""
        last = len(self.colours) - 1
        return tuple(
            (low + (high - low) * number / last, colour)
            for number, colour in enumerate(self.colours)
        )


def format_colour(colour: Colour) -> str:
    """Format a colour as ``#1a9850``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _ramp(
    name: str,
    colours: str,
    scale: Scale,
    unit: str = "",
    limits: tuple[float, float] | None = None,
) -> Ramp:
    return Ramp(name, parse_colours(colours), scale, limits, unit)


ELEVATION = _ramp(
    "elevation",
    "#3b7d5e #7fae6f #c4d08a #efe0a2 #d9b27c #b0855c #8f6a57 #e6e0dc",
    Scale.STRETCHED,
    "m",
)
HILLSHADE = _ramp("hillshade", "#000000 #ffffff", Scale.FIXED, "", (0.0, 255.0))
SLOPE = _ramp(
    "slope",
    "#ffffcc #ffeda0 #fed976 #feb24c #fd8d3c #fc4e2a #e31a1c #bd0026 #800026",
    Scale.FROM_ZERO,
    "°",
)
ASPECT = _ramp(  # north blue, east yellow, south red, west violet
    "aspect",
    "#4575b4 #5fb7a2 #f2d13d #f08a35 #d73027 #b3418d #7b52ab #5a64b0 #4575b4",
    Scale.CYCLIC,
    "°",
    (0.0, 360.0),
)
CANOPY = _ramp(
    "chm",
    "#ffffe5 #f7fcb9 #d9f0a3 #addd8e #78c679 #41ab5d #238443 #006837 #004529",
    Scale.FROM_ZERO,
    "m",
)
DIFFERENCE = _ramp(
    "difference",
    "#053061 #2166ac #4393c3 #92c5de #d1e5f0 #f7f7f7 #fddbc7 #f4a582 #d6604d #b2182b #67001f",
    Scale.SYMMETRIC,
    "m",
)
RAMPS = {ramp.name: ramp for ramp in (ELEVATION, HILLSHADE, SLOPE, ASPECT, CANOPY, DIFFERENCE)}


def get_ramp(product: Product) -> Ramp:
    """Return the ramp of a product's values."""
    match product.theme:
        case Theme.SLOPE:
            return SLOPE
        case Theme.ASPECT:
            return ASPECT
        case Theme.HILLSHADE:
            return HILLSHADE
        case Theme.HEIGHT:
            return ELEVATION if product.is_height else CANOPY

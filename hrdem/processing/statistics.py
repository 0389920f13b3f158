"""Statistics of a raster, accumulated block by block."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrdem.geo.grid import Pixels
from hrdem.runtime.text import to_json_number


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics over all valid pixels.

    Attributes:
        pixels: Number of pixels, valid or not.
        valid: Number of valid pixels.
        minimum: Smallest value; this and the following are NaN if no pixel is valid.
        maximum: Largest value.
        mean: Mean value.
        squared_deviations: Sum of squared differences from the mean.
    """

    pixels: int = 0
    valid: int = 0
    minimum: float = math.nan
    maximum: float = math.nan
    mean: float = math.nan
    squared_deviations: float = math.nan

    @property
    def standard_deviation(self) -> float:
        """Standard deviation of the population."""
        return math.sqrt(self.squared_deviations / self.valid) if self.valid else math.nan

    @property
    def valid_percent(self) -> float:
        """Percentage of valid pixels."""
        return self.percent_of(self.pixels)

    def percent_of(self, pixels: int) -> float:
        """Return the valid pixels as a percentage of a number of pixels, such as a whole band's."""
        return 100 * self.valid / pixels if pixels else 0.0

    @classmethod
    def of(cls, valid: Pixels, pixels: int) -> Statistics:
        """Compute the statistics of the valid values among a number of pixels."""
        if not valid.size:
            return cls(pixels=pixels)
        mean = float(valid.mean(dtype=np.float64))
        deviations = valid.astype(np.float64)
        deviations -= mean
        return cls(
            pixels=pixels,
            valid=valid.size,
            minimum=float(valid.min()),
            maximum=float(valid.max()),
            mean=mean,
            squared_deviations=float(np.einsum("i,i->", deviations, deviations)),  # no threads
        )

    def __add__(self, other: Statistics) -> Statistics:
        """Return the statistics of both sets of pixels together (Chan, Golub, LeVeque 1979)."""
        pixels = self.pixels + other.pixels
        if not self.valid or not other.valid:
            one = self if self.valid else other
            return Statistics(
                pixels, one.valid, one.minimum, one.maximum, one.mean, one.squared_deviations
            )
        valid = self.valid + other.valid
        difference = other.mean - self.mean
        return Statistics(
            pixels=pixels,
            valid=valid,
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
            mean=self.mean + difference * other.valid / valid,
            squared_deviations=self.squared_deviations
            + other.squared_deviations
            + difference**2 * self.valid * other.valid / valid,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "minimum": to_json_number(self.minimum),
            "maximum": to_json_number(self.maximum),
            "mean": to_json_number(self.mean),
            "standard_deviation": to_json_number(self.standard_deviation),
            "valid_percent": self.valid_percent,
            "pixels": self.pixels,
            "valid_pixels": self.valid,
        }

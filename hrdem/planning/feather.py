"""Feathering: the distance over which a tier is blended into the next."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feather:
    """The distance over which a tier is blended into the next.

    Attributes:
        metres: Distance; 0 for a hard edge.
        width: Width of a pixel, metres.
        height: Height of a pixel, metres.
    """

    metres: float
    width: float
    height: float

    @property
    def pixels(self) -> int:
        """The distance in pixels, along the axis on which it is longer."""
        return math.ceil(self.metres / min(self.width, self.height))

"""Feathering: how far a tier is blended into the next."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feather:
    """How far a tier is blended into the next.

    Attributes:
        metres: How far; 0 for a hard edge.
        width: Of a pixel, metres.
        height: Likewise.
    """

    metres: float
    width: float
    height: float

    @property
    def pixels(self) -> int:
        """How many pixels that is, along the axis that takes more."""
        return math.ceil(self.metres / min(self.width, self.height))

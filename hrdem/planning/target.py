"""The target of a tier: the output pixels that its mosaics have to supply."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid
from hrdem.geo.resampling import Resampling, Sampling


@dataclass(frozen=True, slots=True)
class Target:
    """The output pixels that the mosaics of a tier have to supply.

    Attributes:
        grid: Grid of the output; None for the source's own pixels in the area.
        border: Number of pixels around the grid that are needed too.
        sampling: How the grid samples EPSG:3979; None without a grid.
        needed: The same with the border; None without a grid.
    """

    grid: Grid | None
    border: int
    sampling: Sampling | None
    needed: Sampling | None

    @classmethod
    def of(cls, grid: Grid | None, border: int, resampling: Resampling) -> Target:
        """Describe the pixels that are needed of a grid."""
        if grid is None:
            return cls(None, border, None, None)
        sampling = Sampling(grid, NATIVE_CRS, resampling)
        return cls(grid, border, sampling, sampling.grow(border))

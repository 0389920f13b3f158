"""Which level of the files is read: full resolution, or an overview that still has the detail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hrdem.geo.grid import Grid, snapped
from hrdem.sources.cog import CogFile
from hrdem.sources.gdal import GdalFile
from hrdem.sources.open import RasterFile
from hrdem.sources.wcs.coverage import WcsCoverage

_EQUAL = 1 + 1e-9
_COARSEST = 2**20  # times the pixels of the source


@dataclass(frozen=True, slots=True)
class Level:
    """A file at one of its levels.

    Attributes:
        file: The file; of a WCS, the coverage with pixels of that size.
        number: Which of a COG's levels; 0 is full resolution.
        grid: Its pixels.
    """

    file: RasterFile
    number: int
    grid: Grid


def coarsest_levels(files: Sequence[RasterFile], largest: float) -> list[Level]:
    """Return the coarsest level of each file such that all lie on one lattice.

    An overview fills its image, so that its pixels may be a little off a power of two: 7,813 of
    63.996 m for 500,000 of 1 m. Files of one size, side by side, share such a lattice too.

    Args:
        files: What is read.
        largest: Largest edge of a pixel that still has the detail, in units of the files' CRS.

    Returns:
        One for each file, in the same order: full resolution if nothing coarser fits together,
        whether that does or not.
    """
    first = next((file for file in files if not isinstance(file, WcsCoverage)), files[0])
    for lattice in _grids(first, largest):
        found = [_on(lattice, file) for file in files]
        levels = [level for level in found if level is not None]
        if len(levels) == len(files):
            return levels
    return [Level(file, 0, file.grid) for file in files]


def coarser(coverage: WcsCoverage, factor: int) -> WcsCoverage:
    """Return a coverage with pixels that are so many times as large."""
    size = coverage.grid.resolution[0] * factor
    return replace(coverage, grid=snapped(coverage.grid.crs, size, coverage.grid.bounds))


def _grids(file: RasterFile, largest: float) -> Iterator[Grid]:
    """The grids of a file's levels, from the coarsest that has the detail to the finest."""
    match file:
        case CogFile():
            for number in reversed(range(1, len(file.header.levels))):
                grid = file.grid_of(number)
                if max(grid.resolution) <= largest * _EQUAL:
                    yield grid
        case WcsCoverage():
            factor = _COARSEST
            while factor > 1:
                if factor * file.grid.resolution[0] <= largest * _EQUAL:
                    yield coarser(file, factor).grid
                factor //= 2
    yield file.grid


def _on(lattice: Grid, file: RasterFile) -> Level | None:
    """The level of a file that lies on a lattice, if it has one."""
    match file:
        case CogFile():
            levels = [Level(file, n, file.grid_of(n)) for n in range(len(file.header.levels))]
        case WcsCoverage():
            grid = snapped(file.grid.crs, lattice.resolution[0], file.grid.bounds)
            levels = [Level(replace(file, grid=grid), 0, grid)]
        case GdalFile():
            levels = [Level(file, 0, file.grid)]
    return next((level for level in levels if lattice.place_of(level.grid) is not None), None)

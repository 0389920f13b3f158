"""Which level of the files is read: full resolution, or an overview that still has the detail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hrdem.grid import Grid, snapped
from hrdem.sources.cog import CogFile
from hrdem.sources.gdal import GdalFile
from hrdem.sources.opening import RasterFile
from hrdem.wcs.coverage import WcsCoverage

_COARSEST = 2**20  # times the pixels of the source


def coarsest_factor(files: Sequence[RasterFile], finest: float) -> int:
    """Return by how much the pixels of the coarsest level that all files share are larger.

    Overviews whose pixels are no whole number of the source's, or that do not lie on one lattice
    from file to file, cannot be merged by copying, and so do not count.

    Args:
        files: What is read.
        finest: Largest size of a pixel that still has the detail, in units of the files' CRS.
    """
    native = files[0].grid.resolution[0]
    most = min(_COARSEST, max(1, int(finest / native * (1 + 1e-9))))
    shared = set.intersection(*(_factors(file, most) for file in files))
    for factor in sorted(shared, reverse=True):
        grids = [at_factor(file, factor)[2] for file in files]
        if all(grids[0].place_of(grid) for grid in grids):
            return factor
    return 1


def at_factor(file: RasterFile, factor: int) -> tuple[RasterFile, int, Grid]:
    """Return a file, the number of its level and that level's grid, for a size of pixels.

    Args:
        file: What is read.
        factor: By how much pixels are larger than the source's own: one that it has.
    """
    match file:
        case WcsCoverage():
            resolution = file.grid.resolution[0] * factor
            grid = snapped(file.grid.crs, resolution, file.grid.bounds)
            return replace(file, grid=grid), 0, grid
        case CogFile():
            widths = [level.width for level in file.header.levels]
            level = widths.index(file.grid.width // factor)
            return file, level, file.grid_of(level)
        case GdalFile():
            return file, 0, file.grid


def _factors(file: RasterFile, most: int) -> set[int]:
    match file:
        case WcsCoverage():
            return {2**power for power in range(most.bit_length())}
        case CogFile():
            whole = file.header.levels[0]
            return {
                whole.width // level.width
                for level in file.header.levels
                if whole.width % level.width == whole.height % level.height == 0
                and whole.width // level.width == whole.height // level.height <= most
            }
        case GdalFile():
            return {1}

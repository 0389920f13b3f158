"""A local raster whose pixels are those of a grid: windows of it, also beyond its edges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows
from numpy.typing import NDArray

from hrdem.errors import OutputError
from hrdem.geo.grid import Pixels, Window
from hrdem.runtime.gdal_errors import GDAL_ERRORS, cause


@dataclass(frozen=True, slots=True)
class Laid:
    """A local raster on the lattice of a grid, for several threads at a time.

    Attributes:
        path: The raster.
        column: Of the raster, at which the grid begins.
        row: Likewise.
        nodata: Value that says that there is no data.
    """

    path: Path
    column: int
    row: int
    nodata: float

    def read(self, window: Window, band: int = 0) -> tuple[Pixels, NDArray[np.bool_]]:
        """Read a window.

        Args:
            window: Counted on the grid; there is no data beyond the raster.
            band: Counted from 0.

        Returns:
            Pixels of shape (window.height, window.width), and which of them have data.

        Raises:
            OutputError: If the raster cannot be read.
        """
        place = window.shifted(self.column, self.row)
        try:
            with rasterio.open(self.path) as dataset:
                pixels = np.full((place.height, place.width), self.nodata, dataset.dtypes[band])
                held = place.intersection(Window(0, 0, dataset.width, dataset.height))
                if held is not None:
                    where = rasterio.windows.Window(held.column, held.row, held.width, held.height)
                    into = held.shifted(-place.column, -place.row).slices
                    pixels[into] = dataset.read(band + 1, window=where)
        except GDAL_ERRORS as exc:
            raise OutputError(
                f"{self.path}, which was merged before, cannot be read: {cause(exc)} Check the "
                "disk and run it again."
            ) from exc
        if np.isnan(self.nodata):
            return pixels, ~np.isnan(pixels)
        return pixels, pixels != pixels.dtype.type(self.nodata)

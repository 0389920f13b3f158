"""Convert DEMs of the older products to one GeoTIFF."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.crs import CRS

from hrdem._version import __version__
from hrdem.errors import RequestError
from hrdem.geo.grid import Grid
from hrdem.geo.nodata import VOID
from hrdem.legacy.mosaic import TILE, LegacyMosaic
from hrdem.legacy.raster import CGVD28, LegacyRaster
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.output.provenance import check_raster_output, get_stac_path
from hrdem.processing.statistics import Statistics
from hrdem.processing.vertical.crs import make_compound_crs
from hrdem.request.options import VerticalDatum
from hrdem.runtime.progress import OnProgress, ProgressMeter, ignore_progress
from hrdem.tiff.encode import BLOCK, choose_tile_format, encode

assert TILE == BLOCK  # a tile of the output is read at once


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """How DEMs are converted.

    Attributes:
        output: Path of the GeoTIFF.
        zero_is_void: Whether zeros become no data in files where they may stand for it; see
            `hrdem.legacy.raster.find_void_zeros`.
        vertical_crs: Whether the CRS is a compound one with CGVD28.
        overwrite: Whether an existing file may be replaced.
    """

    output: Path
    zero_is_void: bool = False
    vertical_crs: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion that is planned, or was carried out.

    Attributes:
        output: Path of the GeoTIFF.
        grid: Its grid.
        rasters: The DEMs, in order of precedence.
        vertical_datum: Datum of their heights; empty if one does not say its own.
        dtype: Pixel type, a numpy name; this and the following are None or 0 for a plan.
        statistics: Statistics of the pixels.
        unequal_nodes: Number of nodes that DEMs share and have different values at.
        largest_difference: The largest of those differences.
        void_zeros: Number of zeros that may stand for no data.
        zero_is_void: Whether they are no data in the output.
        seconds: Time taken.
    """

    output: Path
    grid: Grid
    rasters: tuple[LegacyRaster, ...]
    vertical_datum: str
    zero_is_void: bool
    dtype: str | None = None
    statistics: Statistics | None = None
    unequal_nodes: int = 0
    largest_difference: float = 0.0
    void_zeros: int = 0
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        first = self.rasters[0]
        return {
            "output": str(self.output),
            "grid": self.grid.as_dict(),
            "theme": first.theme,
            "unit": first.unit,
            "vertical_datum": self.vertical_datum or None,
            "inputs": [raster.as_dict() for raster in self.rasters],
            "dtype": self.dtype,
            "nodata": VOID,
            "statistics": self.statistics and self.statistics.as_dict(),
            "unequal_nodes": self.unequal_nodes,
            "largest_difference": self.largest_difference,
            "void_zeros": self.void_zeros,
            "zero_is_void": self.zero_is_void,
            "seconds": round(self.seconds, 3),
        }


def plan_conversion(
    rasters: Sequence[LegacyRaster], options: ConvertOptions
) -> tuple[Conversion, LegacyMosaic]:
    """Check a conversion before any pixel is read.

    Args:
        rasters: The DEMs, at least one.
        options: How they are converted.

    Raises:
        RequestError: If they cannot be merged, or the output would replace one of them.
        OutputError: If the output exists or cannot be written.
    """
    inputs = {raster.file.path for raster in rasters}
    check_raster_output(options.output, options.overwrite, inputs)
    mosaic = LegacyMosaic(rasters, zero_is_void=options.zero_is_void)
    datum = mosaic.vertical_datum
    if options.vertical_crs and datum != CGVD28:
        other = next(each for each in mosaic.rasters if each.vertical_datum != CGVD28)
        raise RequestError(
            f"`vertical_crs` adds CGVD28 to the CRS, and the vertical datum of {other.file.label} "
            f"is {datum or 'unknown'}. Leave it out."
        )
    planned = Conversion(
        options.output, mosaic.grid, mosaic.rasters, datum, zero_is_void=options.zero_is_void
    )
    return planned, mosaic


def convert_rasters(
    rasters: Sequence[LegacyRaster],
    options: ConvertOptions,
    on_progress: OnProgress = ignore_progress,
) -> Conversion:
    """Merge DEMs on their lattice and write them as one GeoTIFF.

    Pixels are int16 if all DEMs have whole metres of that range, else float32; no data is -32767.

    Args:
        rasters: The DEMs, at least one.
        options: How they are converted.
        on_progress: Called after each tile.

    Raises:
        RequestError: If they cannot be merged, or one is damaged.
        OutputError: If the output exists or cannot be written.
    """
    started = time.monotonic()
    planned, mosaic = plan_conversion(rasters, options)
    try:
        done = _write(planned, mosaic, options, "int16", on_progress)
    except _NotWholeError:
        planned, mosaic = plan_conversion(rasters, options)
        done = _write(planned, mosaic, options, "float32", on_progress)
    return replace(done, seconds=time.monotonic() - started)


class _NotWholeError(Exception):
    """A DEM has other than whole metres; which do, only their heights tell."""


def _write(
    planned: Conversion,
    mosaic: LegacyMosaic,
    options: ConvertOptions,
    dtype: str,
    on_progress: OnProgress,
) -> Conversion:
    tiles = mosaic.tiles
    meter = ProgressMeter(sum(tile.pixels for tile in tiles), on_progress)
    tile_format = choose_tile_format(dtype)
    crs: CRS | str = planned.grid.crs
    if options.vertical_crs:
        crs = make_compound_crs(planned.grid.crs, VerticalDatum.CGVD28)
    bands = [Band(_describe_band(planned), planned.rasters[0].unit)]
    statistics = Statistics()
    with GeoTiffWriter(
        options.output, planned.grid, crs, VOID, tile_format, bands, overwrite=options.overwrite
    ) as writer:
        for tile in tiles:
            pixels = mosaic.read(tile)
            if pixels.dtype == np.float32 and dtype != "float32":
                raise _NotWholeError
            valid = pixels[pixels != VOID]
            statistics += Statistics.of(valid, tile.pixels)
            if valid.size:
                packed = encode(pixels.astype(dtype, copy=False), tile_format, VOID)
                writer.write(tile.column // TILE, tile.row // TILE, packed)
            meter.add(tile.pixels, None)
        writer.commit(
            statistics if statistics.valid else None,
            _make_tags(planned),
            (get_stac_path(options.output), None),
        )
    return replace(
        planned,
        dtype=dtype,
        statistics=statistics,
        unequal_nodes=mosaic.unequal_nodes,
        largest_difference=mosaic.largest_difference,
        void_zeros=mosaic.void_zeros,
    )


def _describe_band(planned: Conversion) -> str:
    theme, datum = planned.rasters[0].theme, planned.vertical_datum
    return f"{theme}, height above {datum}" if datum else theme


def _make_tags(planned: Conversion) -> dict[str, str]:
    first, described = planned.rasters[0], [raster.as_dict() for raster in planned.rasters]
    datum = planned.vertical_datum
    more = f" and {len(described) - 1:,} more" if len(described) > 1 else ""
    return {
        "TIFFTAG_SOFTWARE": f"hrdem {__version__}",
        "TIFFTAG_IMAGEDESCRIPTION": f"{_describe_band(planned)}. {first.file.name}{more}.",
        **({"HRDEM_VERTICAL_DATUM": datum} if datum else {}),
        "HRDEM_INPUTS": json.dumps(described, ensure_ascii=False),
    }

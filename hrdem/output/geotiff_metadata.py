"""The metadata of a GeoTIFF: CRS, bands, tags, statistics, colours."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from hrdem.geo.grid import Grid
from hrdem.output.colours import Colour
from hrdem.processing.statistics import Statistics
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.tiff.write_ifd import Entry, TileFormat, read_first_directory

_EMPTY_EDGE = 16  # pixels; edge of an empty file, whose directory GDAL encodes
_EMPTY_TRANSFORM = Affine(2, 0, 0, 0, -2, 0)


@dataclass(frozen=True, slots=True)
class Band:
    """Description of a band.

    Attributes:
        name: Name of the band.
        unit: Unit of its pixels; empty if they have none.
    """

    name: str
    unit: str


def encode_metadata(
    grid: Grid,
    crs: CRS | str,
    nodata: float | None,
    tile_format: TileFormat,
    bands: Sequence[Band],
    tags: Mapping[str, str],
    statistics: Statistics | None,
    colours: Sequence[Colour],
) -> list[Entry]:
    """Return all directory entries of a GeoTIFF that do not concern its tiles.

    GDAL encodes them, in an empty file.

    Args:
        grid: Pixel grid.
        crs: CRS, which may add a vertical datum to that of the grid.
        nodata: Nodata value; None for none.
        tile_format: Compression and layout of the tiles.
        bands: Description of each band.
        tags: Tags of the dataset.
        statistics: Statistics of the first band; None if unknown.
        colours: Colours of the values from 0 on, of a single band of bytes; empty for none.
    """
    with MemoryFile() as memory, warnings.catch_warnings():
        # GDAL warns of pixels of one unit at 0, 0, which is the origin of EPSG:3979
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(
            driver="GTiff", width=_EMPTY_EDGE, height=_EMPTY_EDGE, count=len(bands),
            dtype=tile_format.dtype, nodata=nodata, crs=crs, transform=grid.transform,
            tiled=True, blockxsize=_EMPTY_EDGE, blockysize=_EMPTY_EDGE,
            SPARSE_OK=True, BIGTIFF="YES", INTERLEAVE="BAND",
            ENDIANNESS="BIG" if tile_format.byte_order == ">" else "LITTLE",
            **({"PHOTOMETRIC": "PALETTE"} if colours else {}),
        ) as dataset:  # fmt: skip
            if colours:
                dataset.write_colormap(1, dict(enumerate(colours)))
            dataset.update_tags(AREA_OR_POINT="Area", **tags)
            dataset.descriptions = tuple(band.name for band in bands)
            if any(band.unit for band in bands):
                dataset.units = tuple(band.unit for band in bands)
            if statistics is not None:
                dataset.update_tags(1, **make_statistics_tags(statistics, grid.window.pixels))
        return read_first_directory(memory.read())


@functools.lru_cache(maxsize=16)
def can_hold_crs(crs: CRS | str) -> bool:
    """Whether a GeoTIFF can hold a CRS: GDAL drops what it has no keys for."""
    profile = {"width": _EMPTY_EDGE, "height": _EMPTY_EDGE, "count": 1, "dtype": "uint8"}
    with pinned_gdal(), MemoryFile() as memory:
        memory.open(driver="GTiff", **profile, crs=crs, transform=_EMPTY_TRANSFORM).close()
        with memory.open() as dataset:
            is_stored: bool = dataset.crs == CRS.from_user_input(crs)
    return is_stored


def make_statistics_tags(statistics: Statistics, pixels: int) -> dict[str, str]:
    """Return the statistics as GDAL writes them, which QGIS and ArcGIS take instead of computing.

    Args:
        statistics: Statistics of a band.
        pixels: Number of pixels of the whole band, which the valid share is of.
    """
    percent = f"{statistics.percent_of(pixels):.4g}"
    if percent == "100" and statistics.valid < pixels:
        percent = "99.999"
    return {
        "STATISTICS_MINIMUM": repr(statistics.minimum),
        "STATISTICS_MAXIMUM": repr(statistics.maximum),
        "STATISTICS_MEAN": repr(statistics.mean),
        "STATISTICS_STDDEV": repr(statistics.standard_deviation),
        "STATISTICS_VALID_PERCENT": percent,
    }

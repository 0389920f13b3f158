"""Warping: a merged raster becomes the compressed tiles of any grid, without a seam.

GDAL's warper does it, through a warped VRT that this module writes, because rasterio's own ways to
it leave no choice where choice matters. The transformation is exact, for every pixel. The kernels
have one width over the whole grid, where GDAL would choose one for each block by the block's shape.
"""

from __future__ import annotations

import contextlib
import math
import os
import xml.etree.ElementTree as ET
from collections.abc import Generator
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows
from affine import Affine
from numpy.typing import NDArray
from rasterio.dtypes import dtype_rev, typename_fwd

from hrdem.crs import in_nad83
from hrdem.encode import BLOCK, encode
from hrdem.errors import OutputError
from hrdem.gdal import GDAL_ERRORS, cause
from hrdem.grid import Grid, Pixels, Window
from hrdem.progress import Step, Tally
from hrdem.resampling import Resampling, reach_of, steps, widening
from hrdem.statistics import Statistics
from hrdem.threads import in_order, workers
from hrdem.tiff import Storage

_WARPERS = min(4, os.cpu_count() or 1)  # each holds a block, and what it is made of
_SOURCE_BYTES = 16 << 20  # that one block may be made of
_CACHE_BYTES = 32 << 20  # of GDAL's


_GDAL_NAMES = {
    Resampling.NEAREST: "NearestNeighbour",
    Resampling.BILINEAR: "Bilinear",
    Resampling.CUBIC: "Cubic",
    Resampling.CUBICSPLINE: "CubicSpline",
    Resampling.LANCZOS: "Lanczos",
    Resampling.AVERAGE: "Average",
    Resampling.MODE: "Mode",
    Resampling.MIN: "Minimum",
    Resampling.MAX: "Maximum",
    Resampling.MED: "Median",
    Resampling.Q1: "Quartile1",
    Resampling.Q3: "Quartile3",
    Resampling.RMS: "RootMeanSquare",
}


def warped(
    source: Path, grid: Grid, resampling: Resampling, storage: Storage, nodata: float
) -> Generator[Step]:
    """Warp a local raster onto a grid and yield the tiles of the output, each once.

    Memory does not depend on the size of either, unless one output pixel is made of millions of
    pixels.

    Args:
        source: A raster of one band, which reaches as far as `bounds_needed` says.
        grid: The output grid.
        resampling: How to resample.
        storage: How the tiles are stored, from `hrdem.encode.storage_of`; also the type of the
            source's pixels.
        nodata: Value that says that there is no data, in the source and in the output.

    Raises:
        OutputError: If the source cannot be read.
        NoDataError: If the grid reaches where the source's CRS has no coordinates.
    """
    with _errors(source), rasterio.open(source) as dataset:
        crs, transform = dataset.crs.to_string(), dataset.transform
    wider = widening(grid, crs, transform.a, resampling)
    reach = reach_of(resampling, wider)
    edge = _block_edge(grid, crs, transform.a, reach, storage)
    described = _warped_vrt(source, crs, transform, grid, edge, resampling, wider, storage, nodata)
    empty = encode(np.empty((0, 0), storage.dtype), storage, nodata)

    def tile(place: Window) -> Step:
        window = rasterio.windows.Window(place.column, place.row, place.width, place.height)
        with _errors(source), rasterio.open(described) as dataset:
            pixels, found = _told_apart(dataset.read(1, window=window), nodata)
        valid = pixels[found]
        return Step(
            column=place.column // BLOCK,
            row=place.row // BLOCK,
            tile=encode(pixels, storage, nodata) if valid.size else empty,
            tally=Tally(
                pixels=place.pixels,
                received=0,
                present=place.pixels,
                statistics=Statistics.of(valid, place.pixels),
                owned=(),
            ),
        )

    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES), workers(_WARPERS, "warp") as pool:
        places = grid.window.pieces(BLOCK, BLOCK)
        with contextlib.closing(in_order(pool, tile, places, 2 * _WARPERS)) as tiles:
            yield from tiles


def _told_apart(pixels: Pixels, nodata: float) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return GDAL's pixels as the output has them, and which are heights.

    Where pixels can be NaN, GDAL was told to leave that where there is no data: a height that comes
    out as the nodata value by chance is then known, and moved one step out of its way. Of whole
    numbers GDAL does so itself.
    """
    if pixels.dtype.kind != "f":
        return pixels, pixels != nodata
    found = ~np.isnan(pixels)
    value = np.array(nodata, pixels.dtype)
    away = np.array(-math.inf if nodata > 0 else math.inf, pixels.dtype)
    pixels[pixels == value] = np.nextafter(value, away)
    pixels[~found] = value
    return pixels, found


def _block_edge(
    grid: Grid, source_crs: str, source_resolution: float, reach: int, storage: Storage
) -> int:
    """How many pixels of the output to compute at once, each way: they must cut no tile.

    GDAL holds the upright box around a block, however many pixels that is.
    """
    extent = np.abs(steps(grid, source_crs)).sum(axis=1).max(axis=0) / source_resolution
    itemsize = np.dtype(storage.dtype).itemsize
    edge = BLOCK
    while edge > 1 and np.prod(edge * extent + 4 * reach) * itemsize > _SOURCE_BYTES:
        edge //= 2
    return edge


def _warped_vrt(
    source: Path,
    source_crs: str,
    transform: Affine,
    grid: Grid,
    edge: int,
    resampling: Resampling,
    widening: tuple[float, float],
    storage: Storage,
    nodata: float,
) -> str:
    """Describe a warp to GDAL: https://gdal.org/en/stable/drivers/raster/vrt.html.

    The transformer stands there without an approximating one around it, which rasterio 1.4 always
    has (an eighth of a pixel off) and no rasterio's WarpedVRT can be without.
    """
    dtype = typename_fwd[dtype_rev[storage.dtype]]
    left_out = math.nan if np.dtype(storage.dtype).kind == "f" else nodata
    root = ET.Element(
        "VRTDataset",
        subClass="VRTWarpedDataset",
        rasterXSize=str(grid.width),
        rasterYSize=str(grid.height),
    )
    _add(root, "GeoTransform", _numbers(grid.transform))
    band = _add(root, "VRTRasterBand", dataType=dtype, band="1", subClass="VRTWarpedRasterBand")
    _add(band, "NoDataValue", repr(float(left_out)))
    _add(root, "BlockXSize", str(edge))
    _add(root, "BlockYSize", str(edge))
    warp = _add(root, "GDALWarpOptions")
    _add(warp, "ResampleAlg", _GDAL_NAMES[resampling])
    _add(warp, "WorkingDataType", dtype)
    _add(warp, "Option", "NO_DATA", name="INIT_DEST")
    _add(warp, "Option", repr(1 / widening[0]), name="XSCALE")
    _add(warp, "Option", repr(1 / widening[1]), name="YSCALE")
    _add(warp, "SourceDataset", str(source.absolute()), relativeToVRT="0")
    transformer = _add(_add(warp, "Transformer"), "GenImgProjTransformer")
    _add(transformer, "SrcGeoTransform", _numbers(transform))
    _add(transformer, "SrcInvGeoTransform", _numbers(~transform))
    _add(transformer, "DstGeoTransform", _numbers(grid.transform))
    _add(transformer, "DstInvGeoTransform", _numbers(~grid.transform))
    projection = _add(_add(transformer, "ReprojectTransformer"), "ReprojectionTransformer")
    _add(projection, "SourceSRS", source_crs)
    _add(projection, "TargetSRS", in_nad83(grid.crs))
    mapping = _add(_add(warp, "BandList"), "BandMapping", src="1", dst="1")
    _add(mapping, "SrcNoDataReal", repr(float(nodata)))
    _add(mapping, "DstNoDataReal", repr(float(left_out)))
    return ET.tostring(root, "unicode")


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _numbers(transform: Affine) -> str:
    return ",".join(repr(float(number)) for number in transform.to_gdal())


@contextlib.contextmanager
def _errors(source: Path) -> Generator[None]:
    try:
        yield
    except GDAL_ERRORS as exc:
        raise OutputError(
            f"{source}, the merged raster that is to be warped, cannot be read: {cause(exc)} Check "
            "the disk and run it again."
        ) from exc

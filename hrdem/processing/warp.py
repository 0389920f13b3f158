"""Warping: windows of a merged raster on the output grid, resampled or aligned, without a seam.

GDAL's warper does it, through a warped VRT that this module writes, because rasterio's own ways to
it leave no choice where choice matters. The transformation is exact, for every pixel. The kernels
have one width over the whole grid, where GDAL would choose one for each block by the block's shape.
"""

from __future__ import annotations

import contextlib
import math
import xml.etree.ElementTree as ET
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows
from affine import Affine
from numpy.typing import NDArray
from rasterio.dtypes import dtype_rev, typename_fwd

from hrdem.errors import OutputError
from hrdem.geo.crs import assume_nad83
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.resampling import Resampling, Sampling, kernel_radius
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message
from hrdem.tiff.encode import BLOCK

_SOURCE_BYTES = 16 << 20  # that one block may be made of
_BORDERED_EDGE = 64  # blocks at the edge of a window with a border are computed twice: small ones
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


@dataclass(frozen=True, slots=True)
class WarpedRaster:
    """A local raster as if it lay on another grid, for several threads at a time.

    Memory does not depend on the size of either, unless one output pixel is made of millions of
    pixels.

    Attributes:
        path: The raster.
        nodata: Value that says that there is no data.
        dtype: Type of its pixels.
        bands: A description of the warp for GDAL, for each band that can be read.
        border: How far the described grid reaches beyond the one that windows are counted on,
            pixels.
    """

    path: Path
    nodata: float
    dtype: str
    bands: tuple[str, ...]
    border: int

    @classmethod
    def onto(
        cls,
        path: Path,
        grid: Grid,
        resampling: Resampling,
        widening: tuple[float, float],
        nodata: float,
        border: int = 0,
    ) -> WarpedRaster:
        """Lay a raster onto a grid.

        Args:
            path: A raster that contains `Sampling.source_bounds`. A second band, of source ids,
                is resampled by nearest.
            grid: The grid.
            resampling: How to resample.
            widening: How wide the kernel is: `hrdem.geo.resampling.Sampling.kernel_scale`.
            nodata: Value that says that there is no data.
            border: How far beyond the grid windows will reach, pixels.

        Raises:
            OutputError: If the raster cannot be read.
            NoDataError: If the grid reaches where the raster's CRS has no coordinates.
        """
        with _errors(path), rasterio.open(path) as dataset:
            crs, transform = dataset.crs.to_string(), dataset.transform
            dtype, count = dataset.dtypes[0], dataset.count
        grown = grid.crop(grid.window.grown(border))
        sampling = Sampling(grown, crs, resampling)
        kernels = [(resampling, widening), (Resampling.NEAREST, (1.0, 1.0))][:count]
        described = []
        for number, (kernel, wide) in enumerate(kernels, start=1):
            edge = _block_edge(sampling, transform.a, kernel_radius(kernel, wide), dtype)
            if border:
                edge = min(edge, _BORDERED_EDGE)
            described.append(
                _warped_vrt(path, crs, transform, grown, edge, kernel, wide, dtype, nodata, number)
            )
        return cls(path, nodata, dtype, tuple(described), border)

    def read(self, window: Window, band: int = 0) -> tuple[Pixels, NDArray[np.bool_]]:
        """Warp a window.

        Args:
            window: Counted on the grid; it may reach beyond it by the border.
            band: Counted from 0.

        Returns:
            Pixels of shape (window.height, window.width), and which of them have data.

        Raises:
            OutputError: If the raster cannot be read.
        """
        place = window.shifted(self.border, self.border)
        where = rasterio.windows.Window(place.column, place.row, place.width, place.height)
        with _errors(self.path), rasterio.open(self.bands[band]) as dataset:
            return _told_apart(dataset.read(1, window=where), self.nodata)


def _told_apart(pixels: Pixels, nodata: float) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return GDAL's pixels as the output has them, and which are heights.

    Where pixels can be NaN, GDAL was told to leave that where there is no data: a height that comes
    out as the nodata value by chance is then known, and moved one step out of its way. Of whole
    numbers GDAL does so itself.
    """
    if pixels.dtype.kind != "f":
        return pixels, pixels != nodata
    found = ~np.isnan(pixels)
    pixels = avoid_nodata(pixels, nodata)
    pixels[~found] = nodata
    return pixels, found


def avoid_nodata(pixels: Pixels, nodata: float) -> Pixels:
    """Move values that are the nodata value by chance one step out of its way.

    Args:
        pixels: Values that were computed; whole numbers are returned as they are.
        nodata: The value to keep free.
    """
    value = np.array(nodata, pixels.dtype)
    if pixels.dtype.kind != "f" or not (pixels == value).any():
        return pixels
    away = np.array(-math.inf if nodata > 0 else math.inf, pixels.dtype)
    return np.where(pixels == value, np.nextafter(value, away), pixels)


def _block_edge(sampling: Sampling, source_resolution: float, reach: int, dtype: str) -> int:
    """How many pixels of the output to compute at once, each way: they must cut no tile.

    GDAL holds the upright box around a block, however many pixels that is.
    """
    extent = sampling.max_pixel_extent / source_resolution
    itemsize = np.dtype(dtype).itemsize
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
    dtype: str,
    nodata: float,
    number: int,
) -> str:
    """Describe a warp to GDAL: https://gdal.org/en/stable/drivers/raster/vrt.html.

    The transformer stands there without an approximating one around it, which rasterio 1.4 always
    has (an eighth of a pixel off) and no rasterio's WarpedVRT can be without.
    """
    kind = typename_fwd[dtype_rev[dtype]]
    left_out = math.nan if np.dtype(dtype).kind == "f" else nodata
    root = ET.Element(
        "VRTDataset",
        subClass="VRTWarpedDataset",
        rasterXSize=str(grid.width),
        rasterYSize=str(grid.height),
    )
    _add(root, "GeoTransform", _numbers(grid.transform))
    band = _add(root, "VRTRasterBand", dataType=kind, band="1", subClass="VRTWarpedRasterBand")
    _add(band, "NoDataValue", repr(float(left_out)))
    _add(root, "BlockXSize", str(edge))
    _add(root, "BlockYSize", str(edge))
    warp = _add(root, "GDALWarpOptions")
    _add(warp, "ResampleAlg", _GDAL_NAMES[resampling])
    _add(warp, "WorkingDataType", kind)
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
    _add(projection, "TargetSRS", assume_nad83(grid.crs))
    mapping = _add(_add(warp, "BandList"), "BandMapping", src=str(number), dst="1")
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
            f"{source}, the merged raster that is to be warped, cannot be read: "
            f"{gdal_message(exc)} Check the disk and run it again."
        ) from exc


@dataclass(frozen=True, slots=True)
class AlignedRaster:
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
                f"{self.path}, which was merged before, cannot be read: {gdal_message(exc)} Check "
                "the disk and run it again."
            ) from exc
        if np.isnan(self.nodata):
            return pixels, ~np.isnan(pixels)
        return pixels, pixels != pixels.dtype.type(self.nodata)

"""Read windows of a merged raster on the output grid, warped or aligned, without seams.

GDAL's warper is used through a warped VRT that this module writes, because rasterio's interfaces to
it do not expose two settings. The transformation is exact for every pixel. The kernel has one width
over the whole grid, where GDAL would choose one for each block by the block's shape.
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
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.nodata import avoid_nodata, valid_mask
from hrdem.geo.resampling import Resampling, Sampling, kernel_radius
from hrdem.geo.transform import make_pipeline
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message
from hrdem.tiff.encode import BLOCK

MAX_SOURCE_BYTES = 16 << 20  # source pixels of one block
_MAX_BORDERED_EDGE = 64  # pixels; blocks at the edge of a window with a border are warped twice
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
    """A local raster warped onto another grid; several threads can read it at the same time.

    Memory does not depend on the size of either, unless one output pixel covers millions of source
    pixels.

    Attributes:
        path: The raster.
        nodata: Nodata value.
        dtype: Pixel type.
        bands: XML of the warped VRT of each band.
        border: Width of the border around the grid that windows may reach into, pixels.
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
        scale: tuple[float, float],
        nodata: float,
        border: int = 0,
    ) -> WarpedRaster:
        """Describe the warp of a raster onto a grid.

        Args:
            path: A raster that covers `hrdem.geo.resampling.Sampling.source_bounds`. A second
                band, which holds source ids, is resampled by the nearest pixel.
            grid: The target grid.
            resampling: Resampling method.
            scale: Width of the kernel, from `hrdem.geo.resampling.Sampling.kernel_scale`.
            nodata: Nodata value.
            border: Width of the border around the grid that windows may reach into, pixels.

        Raises:
            OutputError: If the raster cannot be read.
            NoDataError: If the grid extends to where the raster's CRS has no coordinates.
        """
        with _translate_errors(path), rasterio.open(path) as dataset:
            crs, transform = dataset.crs.to_string(), dataset.transform
            dtype, count = dataset.dtypes[0], dataset.count
        grown = grid.crop(grid.window.grown(border))
        kernels = [(resampling, scale), (Resampling.NEAREST, (1.0, 1.0))][:count]
        sampling = Sampling(grown, crs, resampling)
        bands = []
        for number, (kernel, kernel_scale) in enumerate(kernels, start=1):
            radius = kernel_radius(kernel, kernel_scale)
            edge = _choose_block_edge(sampling, transform.a, radius, dtype)
            if border:
                edge = min(edge, _MAX_BORDERED_EDGE)
            bands.append(
                _format_vrt(
                    path, crs, transform, grown, edge, kernel, kernel_scale, dtype, nodata, number
                )
            )
        return cls(path, nodata, dtype, tuple(bands), border)

    def read(self, window: Window, band: int = 0) -> tuple[Pixels, NDArray[np.bool_]]:
        """Warp a window.

        Args:
            window: On the grid; it may reach into the border.
            band: Index, from 0.

        Returns:
            Pixels of shape (window.height, window.width), and which of them have data.

        Raises:
            OutputError: If the raster cannot be read.
        """
        warped = window.shifted(self.border, self.border)
        where = rasterio.windows.Window(warped.column, warped.row, warped.width, warped.height)
        with _translate_errors(self.path), rasterio.open(self.bands[band]) as dataset:
            return _split_nodata(dataset.read(1, window=where), self.nodata)


def _split_nodata(pixels: Pixels, nodata: float) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return warped pixels with the output's nodata value, and which of them have data.

    For floating-point pixels GDAL marks nodata by NaN. A height that equals the nodata value by
    chance is then moved to the next number; for integers GDAL does this itself.
    """
    if pixels.dtype.kind != "f":
        return pixels, pixels != nodata
    found = ~np.isnan(pixels)
    pixels = avoid_nodata(pixels, nodata)
    pixels[~found] = nodata
    return pixels, found


def _choose_block_edge(
    sampling: Sampling, source_resolution: float, radius: int, dtype: str
) -> int:
    """Choose the edge of the blocks to warp, pixels: a power of two that divides a tile.

    GDAL reads the bounding box of a block in the source, regardless of its size.
    """
    extent = sampling.max_pixel_extent / source_resolution
    itemsize = np.dtype(dtype).itemsize
    edge = BLOCK
    while edge > 1 and np.prod(edge * extent + 4 * radius) * itemsize > MAX_SOURCE_BYTES:
        edge //= 2
    return edge


def _format_vrt(
    source: Path,
    source_crs: str,
    transform: Affine,
    grid: Grid,
    edge: int,
    resampling: Resampling,
    scale: tuple[float, float],
    dtype: str,
    nodata: float,
    number: int,
) -> str:
    """Format a warped VRT: https://gdal.org/en/stable/drivers/raster/vrt.html.

    Its transformer is not wrapped in an approximating one, which rasterio 1.4 always adds (an
    eighth of a pixel off) and which no version of rasterio's WarpedVRT can do without.
    """
    kind = typename_fwd[dtype_rev[dtype]]
    nodata_value = math.nan if np.dtype(dtype).kind == "f" else nodata
    root = ET.Element(
        "VRTDataset",
        subClass="VRTWarpedDataset",
        rasterXSize=str(grid.width),
        rasterYSize=str(grid.height),
    )
    _add_element(root, "GeoTransform", _format_transform(grid.transform))
    band = _add_element(
        root, "VRTRasterBand", dataType=kind, band="1", subClass="VRTWarpedRasterBand"
    )
    _add_element(band, "NoDataValue", repr(float(nodata_value)))
    _add_element(root, "BlockXSize", str(edge))
    _add_element(root, "BlockYSize", str(edge))
    warp = _add_element(root, "GDALWarpOptions")
    _add_element(warp, "ResampleAlg", _GDAL_NAMES[resampling])
    _add_element(warp, "WorkingDataType", kind)
    _add_element(warp, "Option", "NO_DATA", name="INIT_DEST")
    _add_element(warp, "Option", repr(1 / scale[0]), name="XSCALE")
    _add_element(warp, "Option", repr(1 / scale[1]), name="YSCALE")
    _add_element(warp, "SourceDataset", str(source.absolute()), relativeToVRT="0")
    transformer = _add_element(_add_element(warp, "Transformer"), "GenImgProjTransformer")
    _add_element(transformer, "SrcGeoTransform", _format_transform(transform))
    _add_element(transformer, "SrcInvGeoTransform", _format_transform(~transform))
    _add_element(transformer, "DstGeoTransform", _format_transform(grid.transform))
    _add_element(transformer, "DstInvGeoTransform", _format_transform(~grid.transform))
    projection = _add_element(
        _add_element(transformer, "ReprojectTransformer"), "ReprojectionTransformer"
    )
    # the pipeline alone decides: with equal CRSs of metres GDAL adds nothing before or after it
    _add_element(projection, "SourceSRS", NATIVE_CRS)
    _add_element(projection, "TargetSRS", NATIVE_CRS)
    operation = make_pipeline(source_crs, grid.crs)
    _add_element(
        _add_element(projection, "Options"), "Option", operation, key="COORDINATE_OPERATION"
    )
    mapping = _add_element(_add_element(warp, "BandList"), "BandMapping", src=str(number), dst="1")
    _add_element(mapping, "SrcNoDataReal", repr(float(nodata)))
    _add_element(mapping, "DstNoDataReal", repr(float(nodata_value)))
    return ET.tostring(root, "unicode")


def _add_element(
    parent: ET.Element, tag: str, text: str | None = None, **attributes: str
) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _format_transform(transform: Affine) -> str:
    return ",".join(repr(float(number)) for number in transform.to_gdal())


@contextlib.contextmanager
def _translate_errors(source: Path) -> Generator[None]:
    try:
        yield
    except GDAL_ERRORS as exc:
        raise OutputError(
            f"The merged raster {source} cannot be read for warping: {gdal_message(exc)} Check the "
            "disk and run it again."
        ) from exc


@dataclass(frozen=True, slots=True)
class AlignedRaster:
    """A local raster on the lattice of a grid; several threads can read it at the same time.

    Attributes:
        path: The raster.
        column: Column of the raster at which the grid starts.
        row: Row of the raster at which the grid starts.
        nodata: Nodata value.
    """

    path: Path
    column: int
    row: int
    nodata: float

    def read(self, window: Window, band: int = 0) -> tuple[Pixels, NDArray[np.bool_]]:
        """Read a window.

        Args:
            window: On the grid; pixels outside the raster are nodata.
            band: Index, from 0.

        Returns:
            Pixels of shape (window.height, window.width), and which of them have data.

        Raises:
            OutputError: If the raster cannot be read.
        """
        src_window = window.shifted(self.column, self.row)
        try:
            with rasterio.open(self.path) as dataset:
                pixels = np.full((window.height, window.width), self.nodata, dataset.dtypes[band])
                shared = src_window.intersection(Window(0, 0, dataset.width, dataset.height))
                if shared is not None:
                    where = rasterio.windows.Window(
                        shared.column, shared.row, shared.width, shared.height
                    )
                    within = shared.shifted(-src_window.column, -src_window.row).slices
                    pixels[within] = dataset.read(band + 1, window=where)
        except GDAL_ERRORS as exc:
            raise OutputError(
                f"The merged raster {self.path} cannot be read: {gdal_message(exc)} Check the disk "
                "and run it again."
            ) from exc
        return pixels, valid_mask(pixels, self.nodata)

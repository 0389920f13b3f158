"""Read windows of a merged raster on the output grid, warped or aligned, without seams.

GDAL's warper is used through a warped VRT that this module writes, because rasterio's interfaces to
it do not expose two settings. The transformation is exact for every pixel. The kernel has one width
over the whole grid, where GDAL would choose one for each block by the block's shape.
"""

from __future__ import annotations

import functools
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows
from affine import Affine
from numpy.typing import NDArray
from rasterio.dtypes import dtype_rev, typename_fwd

from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.lattice import Lattice
from hrdem.geo.nodata import avoid_nodata, valid_mask
from hrdem.geo.resampling import Cell, Resampling, Sampling, kernel_radius
from hrdem.geo.transform import make_pipeline
from hrdem.processing.merged_raster import translate_read_errors
from hrdem.tiff.encode import BLOCK

MAX_SOURCE_BYTES = 16 << 20  # source pixels of one block
_MAX_VRT_BLOCK = 64  # pixels; GDAL warps windows that are larger directly, the others in blocks
_FRAME_RADIUS = 2.0**23  # units of the CRS from its origin; Canada is within 5,000 km
_POSITION_STEP = 2.0**-24  # of a source pixel; projecting is exact to a thirtieth of it
_WARP_OPTIONS = {
    "INIT_DEST": "NO_DATA",
    # what computing leaves beside the edge of a source pixel is on it, and so in the next pixel
    "SRC_COORD_PRECISION": repr(_POSITION_STEP),
    "ERROR_THRESHOLD": repr(_POSITION_STEP / 1000),  # else a third is computed twice, likewise
    "SOURCE_EXTRA": "1",  # pixel: GDAL looks for the window of a block at 21 points of its edges
}
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
        bands: How each band is warped.
        nodata: Nodata value.
        border: Width of the border around the grid that windows may reach into, pixels.
    """

    bands: tuple[_WarpedBand, ...]
    nodata: float
    border: int

    @classmethod
    def onto(
        cls,
        path: Path,
        grid: Grid,
        resampling: Resampling,
        nodata: float,
        border: int = 0,
        *,
        lattice: Grid | None = None,
    ) -> WarpedRaster:
        """Describe the warp of a raster onto a grid.

        Args:
            path: A raster that covers `hrdem.geo.resampling.Sampling.source_bounds`. A second
                band, which holds source ids, is resampled by the nearest pixel.
            grid: The target grid.
            resampling: Resampling method.
            nodata: Nodata value.
            border: Width of the border around the grid that windows may reach into, pixels.
            lattice: A grid that the raster is a window of, and whose pixels are placed; None for
                that of the raster itself.

        Raises:
            OutputError: If the raster cannot be read.
            NoDataError: If the grid extends to where the raster's CRS has no coordinates.
        """
        with translate_read_errors(path), rasterio.open(path) as dataset:
            source = Grid(dataset.crs.to_string(), dataset.transform, dataset.width, dataset.height)
            dtype, count = dataset.dtypes[0], dataset.count
        kernels = [resampling, Resampling.NEAREST][:count]
        bands = tuple(
            _WarpedBand(
                path,
                number,
                source,
                _locate(source, lattice or source),
                dtype,
                nodata,
                _make_sampling(grid, source.crs, kernel, border),
            )
            for number, kernel in enumerate(kernels, start=1)
        )
        return cls(bands, nodata, border)

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
        pixels = self.bands[band].read(window.shifted(self.border, self.border))
        return _split_nodata(pixels, self.nodata)


@dataclass(frozen=True, slots=True)
class _WarpedBand:
    """One band of a raster, warped onto a grid.

    Attributes:
        path: The raster.
        number: Number of the band.
        source: Grid of the raster.
        lattice: Where that is, counted from the origin of its CRS.
        dtype: Pixel type.
        nodata: Nodata value.
        sampling: How the target grid samples the raster.
    """

    path: Path
    number: int
    source: Grid
    lattice: Lattice
    dtype: str
    nodata: float
    sampling: Sampling

    @property
    def _kind(self) -> str:
        """GDAL's name of the pixel type."""
        return str(typename_fwd[dtype_rev[self.dtype]])

    def read(self, window: Window) -> Pixels:
        """Warp a window of the grid; pixels without data are NaN, or nodata if they are integers.

        Raises:
            OutputError: If the raster cannot be read.
        """
        pixels = np.empty((window.height, window.width), self.dtype)
        edge = self._choose_block_edge()
        with translate_read_errors(self.path):
            for cell in self.sampling.cells(window):
                with rasterio.open(self._format_vrt(cell, min(edge, _MAX_VRT_BLOCK))) as dataset:
                    for part in _split_evenly(cell.part, edge):
                        where = rasterio.windows.Window(
                            part.column - cell.window.column,
                            part.row - cell.window.row,
                            part.width,
                            part.height,
                        )
                        within = part.shifted(-window.column, -window.row)
                        dataset.read(1, window=where, out=pixels[within.slices])
        return pixels

    def _choose_block_edge(self) -> int:
        """Choose the edge of the blocks to warp, pixels.

        GDAL reads the bounding box of a block in the source, regardless of its size.
        """
        extent = self.sampling.max_pixel_extent / self.source.resolution[0]
        scale = self.sampling.max_kernel_scale(self.source.resolution)
        margin = 4 * kernel_radius(self.sampling.resampling, scale)
        itemsize = np.dtype(self.dtype).itemsize
        edge = 2 * BLOCK  # a tile with a border is one block
        while edge > 1 and np.prod(edge * extent + margin) * itemsize > MAX_SOURCE_BYTES:
            edge -= max(1, edge // 8)
        return edge

    def _format_vrt(self, cell: Cell, edge: int) -> str:
        """Format a warped VRT: https://gdal.org/en/stable/drivers/raster/vrt.html.

        Its transformer is not wrapped in an approximating one, which rasterio 1.4 always adds (an
        eighth of a pixel off) and which no version of rasterio's WarpedVRT can do without.

        Args:
            cell: Output pixels.
            edge: Edge of a block, pixels.
        """
        sampling = self.sampling
        frame, frame_transform = self._format_frame()
        scale = sampling.kernel_scale(cell.pixel_size, self.source.resolution)
        nodata_value = math.nan if np.dtype(self.dtype).kind == "f" else self.nodata
        root = ET.Element(
            "VRTDataset",
            subClass="VRTWarpedDataset",
            rasterXSize=str(cell.window.width),
            rasterYSize=str(cell.window.height),
        )
        _add_element(root, "GeoTransform", _format_transform(cell.transform))
        band = _add_element(
            root, "VRTRasterBand", dataType=self._kind, band="1", subClass="VRTWarpedRasterBand"
        )
        _add_element(band, "NoDataValue", repr(float(nodata_value)))
        _add_element(root, "BlockXSize", str(edge))
        _add_element(root, "BlockYSize", str(edge))
        warp = _add_element(root, "GDALWarpOptions")
        _add_element(warp, "ResampleAlg", _GDAL_NAMES[sampling.resampling])
        _add_element(warp, "WorkingDataType", self._kind)
        for name, value in _WARP_OPTIONS.items():
            _add_element(warp, "Option", value, name=name)
        _add_element(warp, "Option", repr(1 / scale[0]), name="XSCALE")
        _add_element(warp, "Option", repr(1 / scale[1]), name="YSCALE")
        _add_element(warp, "SourceDataset", frame, relativeToVRT="0")
        transformer = _add_element(_add_element(warp, "Transformer"), "GenImgProjTransformer")
        _add_element(transformer, "SrcGeoTransform", _format_transform(frame_transform))
        _add_element(transformer, "SrcInvGeoTransform", _format_transform(~frame_transform))
        _add_element(transformer, "DstGeoTransform", _format_transform(cell.transform))
        _add_element(transformer, "DstInvGeoTransform", _format_transform(~cell.transform))
        if sampling.grid.crs != self.source.crs:
            projection = _add_element(
                _add_element(transformer, "ReprojectTransformer"), "ReprojectionTransformer"
            )
            # the pipeline alone decides: with equal CRSs of metres GDAL adds nothing around it
            _add_element(projection, "SourceSRS", NATIVE_CRS)
            _add_element(projection, "TargetSRS", NATIVE_CRS)
            operation = make_pipeline(self.source.crs, sampling.grid.crs)
            _add_element(
                _add_element(projection, "Options"), "Option", operation, key="COORDINATE_OPERATION"
            )
        mapping = _add_element(_add_element(warp, "BandList"), "BandMapping", src="1", dst="1")
        _add_element(mapping, "SrcNoDataReal", repr(float(self.nodata)))
        _add_element(mapping, "DstNoDataReal", repr(float(nodata_value)))
        return ET.tostring(root, "unicode")

    def _format_frame(self) -> tuple[str, Affine]:
        """Format a VRT of the band in a frame around the origin of its CRS.

        Positions in the frame are the same wherever the raster is cut off, to the last bit.

        Returns:
            The VRT, and the affine transform of the frame.
        """
        lattice = self.lattice
        columns, rows = (math.ceil(_FRAME_RADIUS / size) for size in self.source.resolution)
        root = ET.Element("VRTDataset", rasterXSize=str(2 * columns), rasterYSize=str(2 * rows))
        band = _add_element(root, "VRTRasterBand", dataType=self._kind, band="1")
        _add_element(band, "NoDataValue", repr(float(self.nodata)))
        copied = _add_element(band, "SimpleSource")
        path = str(self.path.absolute())
        _add_element(copied, "SourceFilename", path, relativeToVRT="0", shared="0")
        _add_element(copied, "SourceBand", str(self.number))
        size = {"xSize": str(self.source.width), "ySize": str(self.source.height)}
        _add_element(copied, "SrcRect", xOff="0", yOff="0", **size)
        column, row = lattice.column + columns, lattice.row + rows
        _add_element(copied, "DstRect", xOff=str(column), yOff=str(row), **size)
        return ET.tostring(root, "unicode"), lattice.transform(-columns, -rows)


def _locate(raster: Grid, lattice: Grid) -> Lattice:
    """Locate a raster by the place of a grid that it is a window of."""
    window = lattice.locate(raster)
    assert window is not None
    known = Lattice.of(lattice)
    return replace(known, column=known.column + window.column, row=known.row + window.row)


@functools.lru_cache(maxsize=8)
def _make_sampling(grid: Grid, crs: str, resampling: Resampling, border: int) -> Sampling:
    """Return how a grid with a border samples a CRS; it is measured once for all windows."""
    return Sampling(grid, crs, resampling).grow(border)


def _split_evenly(window: Window, edge: int) -> Iterator[Window]:
    """Split a window into blocks of about one size, none of which has a longer edge."""
    width, height = (
        math.ceil(size / math.ceil(size / edge)) for size in (window.width, window.height)
    )
    return window.split(width, height, window.column, window.row)


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


def _add_element(
    parent: ET.Element, tag: str, text: str | None = None, **attributes: str
) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _format_transform(transform: Affine) -> str:
    return ",".join(repr(float(number)) for number in transform.to_gdal())


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
        with translate_read_errors(self.path), rasterio.open(self.path) as dataset:
            pixels = np.full((window.height, window.width), self.nodata, dataset.dtypes[band])
            shared = src_window.intersection(Window(0, 0, dataset.width, dataset.height))
            if shared is not None:
                where = rasterio.windows.Window(
                    shared.column, shared.row, shared.width, shared.height
                )
                within = shared.shifted(-src_window.column, -src_window.row).slices
                pixels[within] = dataset.read(band + 1, window=where)
        return pixels, valid_mask(pixels, self.nodata)

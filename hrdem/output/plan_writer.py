"""Open the files of a plan: its output, and those that its mosaics are merged into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rasterio.crs import CRS

from hrdem.errors import RequestError
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.output.paths import FileKind
from hrdem.planning.mosaic import Mosaic
from hrdem.planning.plan import Plan
from hrdem.processing.halve import Halving
from hrdem.processing.vertical.crs import make_compound_crs
from hrdem.request.options import Align, Compression, Format
from hrdem.request.products import Product
from hrdem.request.request import Request
from hrdem.tiff.encode import (
    DEFLATE,
    LZW,
    NO_COMPRESSION,
    NO_PREDICTOR,
    ZSTD,
    choose_tile_format,
)
from hrdem.tiff.write_ifd import TileFormat

MAX_PIXELS_WITHOUT_OVERVIEWS = 4096  # along the longer edge of a plain GeoTIFF


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """Where and how the output is written.

    Attributes:
        output: Path of the file.
        layout: Layout of the file.
        overwrite: Whether an existing file may be replaced.
        compress: Compression of tiles; staged mosaics always have the default.
        predictor: TIFF predictor number; None for the one that makes the smallest file of heights,
            and for none with other products, which it makes hardly smaller.
        overviews: Whether a large plain GeoTIFF gets overviews.
        if_changed: Whether an existing file is left alone if it would be made again as it is.
    """

    output: Path
    layout: Format = Format.GTIFF
    overwrite: bool = False
    compress: Compression = Compression.DEFLATE
    predictor: int | None = None
    overviews: bool = True
    if_changed: bool = False

    @property
    def file_kind(self) -> FileKind:
        """Kind of the file."""
        return FileKind.VRT if self.layout.is_vrt else FileKind.GEOTIFF

    def encoding_as_dict(self) -> dict[str, Any]:
        """Return how the file is written as JSON-ready values."""
        return {
            "format": self.layout.value,
            "compress": self.compress.value,
            "predictor": self.predictor,
            **({} if self.overviews else {"overviews": False}),
        }

    def check_encoding(self, request: Request) -> None:
        """Check that compression and predictor fit together and to a request.

        Raises:
            RequestError: If they do not.
        """
        if self.layout is Format.COG and not self.overviews:
            raise RequestError(
                "`format=cog` has overviews always, and `overviews=False` leaves them out. Choose "
                "one of the two."
            )
        is_default = self.compress is Compression.DEFLATE and self.predictor is None
        if request.align is Align.BLOCKS and not is_default:
            raise RequestError(
                "`align=blocks` copies compressed blocks as they are, and `compress` and "
                "`predictor` encode them anew. Choose one of the two."
            )
        self.make_tile_format("float32", request.product)  # which every predictor applies to

    def make_tile_format(self, dtype: str, product: Product) -> TileFormat:
        """Return the format of tiles.

        Args:
            dtype: Pixel type, a numpy name.
            product: What the pixels are.

        Raises:
            RequestError: If the predictor does not apply to the pixel type.
        """
        predictor = self.predictor
        if predictor is None and not product.is_height:
            predictor = NO_PREDICTOR
        return choose_tile_format(dtype, _COMPRESSION_NUMBERS[self.compress], predictor)

    def make_layer_format(self, dtype: str) -> TileFormat:
        """Return the format of tiles of a layer, whose classes no predictor makes smaller.

        Args:
            dtype: Pixel type, a numpy name.
        """
        return choose_tile_format(dtype, _COMPRESSION_NUMBERS[self.compress], NO_PREDICTOR)


_COMPRESSION_NUMBERS = {
    Compression.DEFLATE: DEFLATE,
    Compression.ZSTD: ZSTD,
    Compression.LZW: LZW,
    Compression.NONE: NO_COMPRESSION,
}


def open_output(plan: Plan, options: OutputOptions) -> GeoTiffWriter:
    """Return a writer of a plan's output."""
    request = plan.request
    return GeoTiffWriter(
        options.output,
        plan.grid,
        make_output_crs(plan),
        plan.nodata,
        get_tile_format(plan, options),
        [Band(f"{request.product.name}{request.height_reference}", request.unit)],
        choose_halving(plan, options),
        layout=options.layout,
        overwrite=options.overwrite,
    )


def choose_halving(plan: Plan, options: OutputOptions) -> Halving | None:
    """Return how tiles of a plan's output are halved for overviews; None if it has none."""
    request = plan.request
    is_large = max(plan.grid.width, plan.grid.height) > MAX_PIXELS_WITHOUT_OVERVIEWS
    is_plain = options.layout is not Format.COG
    if is_plain and not (is_large and options.overviews and request.align is not Align.BLOCKS):
        return None
    return Halving.AVERAGE if request.product.is_averageable else Halving.NEAREST


def open_stage(
    mosaic: Mosaic, options: OutputOptions, *, for_heights: bool = False
) -> GeoTiffWriter:
    """Return a writer of the file that a mosaic is merged into, beside the output.

    Args:
        mosaic: The mosaic.
        options: Where the output is written.
        for_heights: Whether heights are all that is read, again and again: without compression,
            and without the band of source ids that a mosaic of several sources gets otherwise.
    """
    bands = [Band("heights", ""), Band("source", "1")]
    return GeoTiffWriter(
        options.output,
        mosaic.grid,
        mosaic.grid.crs,
        mosaic.nodata,
        choose_tile_format(mosaic.dtype, NO_COMPRESSION if for_heights else DEFLATE),
        bands[: 2 if len(mosaic.sources) > 1 and not for_heights else 1],
        overwrite=options.overwrite,
    )


def make_output_crs(plan: Plan) -> CRS | str:
    """Return the CRS of the output: that of its grid, with the vertical datum only on request.

    `gdalwarp`, and QGIS with it, shift heights to the ellipsoid if they warp a compound CRS to a
    horizontal one: https://github.com/OSGeo/gdal/issues/13077.
    """
    if not plan.request.vertical_crs:
        return plan.grid.crs
    return make_compound_crs(plan.grid.crs, plan.request.vertical_datum)


def get_tile_format(plan: Plan, options: OutputOptions) -> TileFormat:
    """Return the format of the output's tiles: that of the source, if its tiles are copied."""
    if plan.request.align is Align.BLOCKS:
        (source,) = plan.sources
        assert source.file.tiled is not None
        return source.file.tiled.tile_format
    return options.make_tile_format(plan.dtype, plan.request.product)

"""A VRT of a job's tiles, which every GDAL opens."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from hrdem.geo.grid import Window
from hrdem.output.provenance import make_datum_tags
from hrdem.output.vrt import (
    VrtSource,
    add_metadata,
    add_source,
    add_text,
    encode_xml,
    format_output_crs,
    get_gdal_type,
    start_vrt,
)
from hrdem.tiff.encode import BLOCK
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.output_store import RASTER_SUFFIX

VRT_NAME = "mosaic.vrt"
MAX_VRT_TILES = 2_000  # GDAL parses all of them whenever it opens the file


def encode_vrt(job: Job, tiles: Sequence[Tile]) -> bytes:
    """Return a VRT with relative file names.

    Args:
        job: The job.
        tiles: Those of its tiles that have a raster. Where they overlap, the valid pixels of the
            last one count.
    """
    plan, request = job.plan, job.plan.request
    root = start_vrt(plan.grid, format_output_crs(plan))
    add_metadata(root, make_datum_tags(request, None))
    band = ET.SubElement(root, "VRTRasterBand", dataType=get_gdal_type(plan.dtype), band="1")
    add_text(band, "Description", f"{request.product.name}{request.height_reference}")
    add_text(band, "NoDataValue", repr(plan.nodata))
    if request.unit:
        add_text(band, "UnitType", request.unit)
    for tile in tiles:
        add_source(band, _describe_tile(job, tile))
    return encode_xml(root)


def _describe_tile(job: Job, tile: Tile) -> VrtSource:
    width, height = tile.window.width, tile.window.height
    return VrtSource(
        name=f"{tile.name}{RASTER_SUFFIX}",
        is_relative=True,
        width=width,
        height=height,
        dtype=job.plan.dtype,
        block=(BLOCK, BLOCK),
        src_window=Window(0, 0, width, height),
        dst_window=tile.window,
        nodata=job.plan.nodata,
    )

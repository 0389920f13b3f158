"""A VRT of a job's tiles, which every GDAL opens."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from hrdem.geo.grid import Window
from hrdem.tiff.encode import BLOCK
from hrdem.tiling.index.tile_index import format_output_crs, get_gdal_type
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
    plan = job.plan
    grid, units = plan.grid, (plan.request.unit, *("1" for _ in plan.request.source_bands))
    root = ET.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    _add(root, "SRS", format_output_crs(job), dataAxisToSRSAxisMapping="1,2")
    _add(root, "GeoTransform", ", ".join(map(repr, grid.transform.to_gdal())))
    for number, unit in enumerate(units, start=1):
        band = ET.SubElement(root, "VRTRasterBand", dataType=get_gdal_type(job), band=str(number))
        _add(band, "NoDataValue", repr(plan.nodata))
        if unit:
            _add(band, "UnitType", unit)
        for tile in tiles:
            _add_source(band, job, tile, number)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_source(band: ET.Element, job: Job, tile: Tile, number: int) -> None:
    """Add a tile; with its properties, GDAL opens it only when it is read."""
    source = ET.SubElement(band, "ComplexSource")  # a simple one would copy nodata as well
    _add(source, "SourceFilename", f"{tile.name}{RASTER_SUFFIX}", relativeToVRT="1")
    _add(source, "SourceBand", str(number))
    width, height = tile.window.width, tile.window.height
    ET.SubElement(
        source,
        "SourceProperties",
        RasterXSize=str(width),
        RasterYSize=str(height),
        DataType=get_gdal_type(job),
        BlockXSize=str(BLOCK),
        BlockYSize=str(BLOCK),
    )
    _add_window(source, "SrcRect", Window(0, 0, width, height))
    _add_window(source, "DstRect", tile.window)
    _add(source, "NODATA", repr(job.plan.nodata))


def _add_window(parent: ET.Element, tag: str, window: Window) -> None:
    ET.SubElement(
        parent,
        tag,
        xOff=str(window.column),
        yOff=str(window.row),
        xSize=str(window.width),
        ySize=str(window.height),
    )


def _add(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text

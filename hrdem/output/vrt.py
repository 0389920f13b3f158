"""VRTs that place pixels of other files side by side.

https://gdal.org/en/stable/drivers/raster/vrt.html describes the elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from rasterio.crs import CRS
from rasterio.dtypes import dtype_rev, typename_fwd
from rasterio.enums import WktVersion

from hrdem.geo.grid import Grid, Window
from hrdem.output.plan_writer import make_output_crs
from hrdem.planning.plan import Plan


@dataclass(frozen=True, slots=True)
class VrtSource:
    """Pixels of a file, and their place in the VRT.

    Attributes:
        name: Name of the file, as GDAL opens it.
        is_relative: Whether the name is relative to the folder of the VRT.
        width: Width of the file, pixels.
        height: Height of the file, pixels.
        dtype: Type of its pixels, as numpy names it.
        block: Width and height of its blocks, pixels.
        src_window: Pixels to show, on the grid of the file.
        dst_window: The same pixels on the grid of the VRT.
        nodata: Value of its pixels without data; None if it has none.
    """

    name: str
    is_relative: bool
    width: int
    height: int
    dtype: str
    block: tuple[int, int]
    src_window: Window
    dst_window: Window
    nodata: float | None


def start_vrt(grid: Grid, crs: str) -> ET.Element:
    """Return a VRT without bands.

    Args:
        grid: Grid of the VRT.
        crs: From `format_output_crs`. Coordinates are x before y, which GDAL assumes where a VRT
            states no order.
    """
    root = ET.Element("VRTDataset", rasterXSize=str(grid.width), rasterYSize=str(grid.height))
    add_text(root, "SRS", crs)
    add_text(root, "GeoTransform", ", ".join(map(repr, grid.transform.to_gdal())))
    return root


def add_metadata(parent: ET.Element, tags: Mapping[str, str]) -> None:
    """Add metadata to a VRT or to a band."""
    metadata = ET.SubElement(parent, "Metadata")
    for key, value in tags.items():
        add_text(metadata, "MDI", value, key=key)


def add_source(band: ET.Element, source: VrtSource) -> None:
    """Add a source to a band; with its properties, GDAL opens it only when it is read.

    Args:
        band: Element of the band. Where sources overlap, the valid pixels of the last one count.
        source: The source.
    """
    element = ET.SubElement(band, "ComplexSource")  # a simple one would copy nodata as well
    relative = str(int(source.is_relative))
    add_text(element, "SourceFilename", source.name, relativeToVRT=relative)
    add_text(element, "SourceBand", "1")
    width, height = source.block
    ET.SubElement(
        element,
        "SourceProperties",
        RasterXSize=str(source.width),
        RasterYSize=str(source.height),
        DataType=get_gdal_type(source.dtype),
        BlockXSize=str(width),
        BlockYSize=str(height),
    )
    _add_window(element, "SrcRect", source.src_window)
    _add_window(element, "DstRect", source.dst_window)
    if source.nodata is not None:
        add_text(element, "NODATA", repr(source.nodata))


def add_text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    """Add an element with a text."""
    ET.SubElement(parent, tag, attributes).text = text


def encode_xml(root: ET.Element) -> bytes:
    """Encode a VRT."""
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def format_output_crs(plan: Plan) -> str:
    """Return the CRS of a plan's output: its code, or WKT2 that GDAL finds equal to it."""
    crs = make_output_crs(plan)
    if isinstance(crs, str) and crs.startswith("EPSG:"):
        return str(crs)  # without its link to the datum of the data, which libraries do not take
    wkt: str = CRS.from_user_input(crs).to_wkt(version=WktVersion.WKT2_2019)
    return wkt


def get_gdal_type(dtype: str) -> str:
    """Return GDAL's name of a pixel type.

    Args:
        dtype: Its name in numpy.
    """
    name: str = typename_fwd[dtype_rev[dtype]]
    return name


def _add_window(parent: ET.Element, tag: str, window: Window) -> None:
    ET.SubElement(
        parent,
        tag,
        xOff=str(window.column),
        yOff=str(window.row),
        xSize=str(window.width),
        ySize=str(window.height),
    )

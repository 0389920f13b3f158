"""A VRT of an area over the remote COGs: no pixel is copied, and programs read those they show."""

from __future__ import annotations

import functools
import operator
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

from hrdem.errors import RequestError, SourceError
from hrdem.geo.nodata import valid_mask
from hrdem.http.protocol import Http
from hrdem.http.retry import Retries
from hrdem.output.geotiff_metadata import make_statistics_tags
from hrdem.output.plan_writer import OutputOptions
from hrdem.output.provenance import make_tags
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
from hrdem.planning.mosaic import PlannedSource
from hrdem.planning.plan import Plan
from hrdem.planning.precedence import rank_sources
from hrdem.processing.statistics import Statistics
from hrdem.request.options import Compression, Engine, Format, VerticalDatum, Via
from hrdem.request.request import Request
from hrdem.tiff.encode import BLOCK

#: Of the overview that statistics come from. QGIS takes estimates for areas of more than 500,000
#: pixels, and would compute the statistics of smaller ones: those are read at full resolution.
SAMPLE_EDGE_PIXELS = 1024
_RETRIES = Retries()


def check_linkable(request: Request, options: OutputOptions) -> None:
    """Check that an output can be made of references to pixels of COGs.

    Raises:
        RequestError: If it cannot.
    """
    is_encoded = options.compress is not Compression.DEFLATE or options.predictor is not None
    conflicts = {
        "`crs`, `resolution` and `like` resample pixels": not request.is_native,
        "the area is cropped to its shape (`crop=False` turns that off)": request.crop,
        "`fill` merges collections": bool(request.fill),
        "`source_band` reads pixels": request.source_band,
        "`vertical_datum` changes heights": request.vertical_datum is VerticalDatum.CGVD28,
        f"{request.product.name} is computed": request.product.cog_key is None,
        "`via` names others": request.via not in (Via.AUTO, Via.COG),
        "`engine=gdal` is for reading them here": request.engine is Engine.GDAL,
        "`compress` and `predictor` are for pixels that are written": is_encoded,
    }
    for conflict, applies in conflicts.items():
        if applies:
            raise RequestError(
                f"`format={options.layout.value}` refers to pixels of COGs as they are, but "
                f"{conflict}. Choose one of the two."
            )


def estimate_statistics(plan: Plan, http: Http) -> Statistics | None:
    """Estimate the statistics of a plan's output from overviews, all of about one pixel size.

    Args:
        plan: Plan of one mosaic.
        http: HTTP client.

    Returns:
        Statistics of the pixels that were read; None if none of them is valid.

    Raises:
        NetworkError: If a file cannot be read.
        SourceChangedError: If a file changed since the plan was made.
    """
    found = []
    longest = max(plan.grid.width, plan.grid.height)
    for source in plan.sources:
        edge = max(source.src_window.width, source.src_window.height)
        most = max(1, SAMPLE_EDGE_PIXELS * edge // longest)
        pixels = source.file.sample(source.src_window, most, http)
        valid = valid_mask(pixels, source.file.nodata)
        found.append(Statistics.of(pixels[valid], pixels.size))
    total = functools.reduce(operator.add, found)
    return total if total.valid else None


def encode_remote_vrt(plan: Plan, layout: Format, statistics: Statistics | None) -> bytes:
    """Encode the VRT of a plan, clipped to its grid.

    Args:
        plan: Plan of one mosaic of COGs that is not resampled.
        layout: Whether addresses are for GDAL and QGIS, or plain ones, as ArcGIS takes them.
        statistics: From `estimate_statistics`; None for none.

    Raises:
        SourceError: If the stored numbers of a file are not the values.
    """
    (mosaic,) = plan.mosaics
    root = start_vrt(plan.grid, format_output_crs(plan))
    add_metadata(root, {"AREA_OR_POINT": "Area", **make_tags(plan, None)})
    request = plan.request
    band = ET.SubElement(
        root,
        "VRTRasterBand",
        dataType=get_gdal_type(plan.dtype),
        band="1",
        blockXSize=str(BLOCK),
        blockYSize=str(BLOCK),
    )
    add_text(band, "Description", f"{request.product.name}{request.height_reference}")
    if statistics is not None:
        tags = make_statistics_tags(statistics, statistics.pixels)
        is_exact = statistics.pixels == plan.grid.window.pixels
        add_metadata(band, tags if is_exact else {"STATISTICS_APPROXIMATE": "YES", **tags})
    if plan.nodata is not None:
        add_text(band, "NoDataValue", repr(plan.nodata))
    if request.unit:
        add_text(band, "UnitType", request.unit)
    for source in reversed(rank_sources(mosaic.sources)):  # the last one covers the others
        add_source(band, _describe_source(source, layout))
    ET.indent(root)
    return encode_xml(root)


def _describe_source(source: PlannedSource, layout: Format) -> VrtSource:
    if source.file.tiled is None or source.level:
        raise SourceError(
            f"{source.url} stores other numbers than its heights, which a VRT cannot state for "
            "certain. Leave `format` out: the pixels are then converted."
        )
    (url,) = (
        each.href for item in source.items for each in item.assets if each.key == source.asset
    )
    return VrtSource(
        name=url if layout is Format.VRT_HTTPS else format_vsicurl(url),
        is_relative=False,
        width=source.grid.width,
        height=source.grid.height,
        dtype=source.file.dtype,
        block=source.block,
        src_window=source.src_window,
        dst_window=source.dst_window,
        nodata=source.file.nodata,
    )


def format_vsicurl(url: str) -> str:
    """Return GDAL's name of a remote file, with options for a store that has millions of files.

    No folder is listed and no file beside it is looked for. QGIS then needs no settings:
    https://gdal.org/en/stable/user/virtual_file_systems.html#vsicurl-http-https-ftp-files-random-access.
    """
    options = {
        "empty_dir": "yes",
        "list_dir": "no",
        "max_retry": _RETRIES.attempts,
        "retry_delay": _RETRIES.first_wait,
    }
    return f"/vsicurl?{urlencode(options)}&url={quote(url, safe='')}"

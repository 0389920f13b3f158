"""Styles of QGIS: the colours of a product over the values of an output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import rasterio

from hrdem.errors import RequestError
from hrdem.output.paths import check_output
from hrdem.pictures.ramps import MIN_RANGE, Ramp, Scale, format_colour, get_ramp
from hrdem.request.options import Align
from hrdem.request.request import Request
from hrdem.runtime.atomic import write_file_atomically

_DEVIATIONS = 2.0  # standard deviations from the mean that a stretched ramp reaches
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def get_style_path(output: Path) -> Path:
    """Return the path of the style that QGIS loads with a raster."""
    return output.with_suffix(".qml")


def check_style(request: Request, output: Path, overwrite: bool) -> None:
    """Check that the style of an output can be made and written, before any work.

    Raises:
        RequestError: If the pixels of the output will not be decoded.
        OutputExistsError: If there is a style that may not be replaced.
        OutputError: If it cannot be written.
    """
    if request.align is Align.BLOCKS and get_ramp(request.product).limits is None:
        raise RequestError(
            "`qml` stretches colours over the heights, and `align=blocks` copies blocks without "
            "decoding them. Choose one of the two."
        )
    check_output(get_style_path(output), overwrite)


def write_style(request: Request, output: Path, overwrite: bool) -> None:
    """Write the style of an output, by the statistics that are in it.

    Args:
        request: What the output holds.
        output: The output, which is not read further.
        overwrite: Whether an existing style may be replaced.

    Raises:
        OutputError: If it cannot be written.
    """
    with rasterio.open(output) as dataset:
        statistics = dataset.tags(1)
    style = format_style(request, statistics)
    write_file_atomically(get_style_path(output), style, overwrite)


def format_style(request: Request, statistics: Mapping[str, str]) -> str:
    """Format the style of an output: its first band in the ramp of the product.

    Args:
        request: What the output holds.
        statistics: Statistics of its first band, as GDAL names them. Where they are missing, as of
            pixels that are all nodata, a ramp that has no range of its own goes from 0 to 1.
    """
    ramp = get_ramp(request.product)
    low, high = _fit(ramp, statistics)
    unit = "%" if request.unit == "percent" else ramp.unit
    root = ET.Element("qgis", version="3.22", styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    renderer = ET.SubElement(
        pipe,
        "rasterrenderer",
        type="singlebandpseudocolor",
        band="1",
        alphaBand="-1",
        opacity="1",
        classificationMin=repr(low),
        classificationMax=repr(high),
    )
    shader = ET.SubElement(
        ET.SubElement(renderer, "rastershader"),
        "colorrampshader",
        colorRampType="INTERPOLATED",
        classificationMode="1",
        clip="0",
        minimumValue=repr(low),
        maximumValue=repr(high),
    )
    for value, colour in ramp.stops(low, high):
        text = format_colour(colour)
        label = f"{value:.4g} {unit}".rstrip()
        ET.SubElement(shader, "item", value=repr(value), color=text, alpha="255", label=label)
    ET.indent(root)
    return f"{_DOCTYPE}{ET.tostring(root, encoding='unicode')}\n"


def _fit(ramp: Ramp, statistics: Mapping[str, str]) -> tuple[float, float]:
    """Return the values of the first and the last colour.

    Percentiles, which pictures stretch by, take another pass over the pixels; two standard
    deviations from the mean are close to them.
    """
    if ramp.limits is not None:
        return ramp.limits
    if "STATISTICS_MEAN" not in statistics:
        return (0.0, 1.0)
    names = ("MINIMUM", "MAXIMUM", "MEAN", "STDDEV")
    least, most, mean, deviation = (float(statistics[f"STATISTICS_{name}"]) for name in names)
    high = min(most, mean + _DEVIATIONS * deviation)
    if ramp.scale is Scale.FROM_ZERO:
        return (0.0, max(high, MIN_RANGE))
    low = max(least, mean - _DEVIATIONS * deviation)
    return (low, max(high, low + MIN_RANGE))

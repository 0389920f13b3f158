"""The parameters of heights at points; as in `hrdem.request.fields`."""

from __future__ import annotations

from dataclasses import replace

from hrdem.request.area_fields import AREA
from hrdem.request.convert import parse_crs, parse_metres, parse_output
from hrdem.request.field import Field, Group
from hrdem.request.fields import LANGUAGE, OVERWRITE
from hrdem.request.options import Interpolation
from hrdem.request.product_fields import GRID, PRODUCT
from hrdem.request.service_fields import CACHE, LIMITS, SERVICE

_GRID_NAMES = ("vertical_datum", "vertical_grid")
_LEFT_OUT = ("feather", "source_band")

SAMPLE = (
    Field(
        "points_crs",
        "CRS of the points, if they do not declare one.",
        Group.AREA,
        "CRS",
        default_text="EPSG:4326 for text and GeoJSON",
        parse=parse_crs,
    ),
    Field("x_column", "Column of the longitude or x.", Group.AREA, "NAME", default_text="found"),
    Field("y_column", "Column of the latitude or y.", Group.AREA, "NAME", default_text="found"),
    *(
        replace(field, help="Layer of the points, if the file has several.")
        if field.name == "layer"
        else field
        for field in AREA
        if field.name in {"layer", "allow_inaccurate_datum"}
    ),
    *(field for field in PRODUCT if field.name not in _LEFT_OUT),
    Field(
        "interpolation",
        "Value of the pixel that holds a point, or interpolated from 2 x 2 or 4 x 4 pixels.",
        Group.PRODUCT,
        default="nearest",
        choices=Interpolation,
    ),
    *(field for field in GRID if field.name in _GRID_NAMES),
    Field(
        "output",
        "File to write, *.csv or *.gpkg: the same rows, with further columns.",
        Group.OUTPUT,
        "FILE",
        default_text="CSV on standard output",
        parse=parse_output,
        flags=("-o",),
    ),
    OVERWRITE,
    *SERVICE,
    *LIMITS,
    *CACHE,
)

_OWN = {"points_crs", "x_column", "y_column", "layer", "interpolation", "output"}

PROFILE = (
    Field(
        "line_crs",
        "CRS of the line, if it does not declare one.",
        Group.AREA,
        "CRS",
        default_text="EPSG:4326 for WKT and GeoJSON",
        parse=parse_crs,
    ),
    *(
        replace(field, help="Layer of the line, if the file has several.")
        for field in AREA
        if field.name == "layer"
    ),
    Field(
        "spacing",
        "Distance between the points along the line, on the ground.",
        Group.AREA,
        "METRES",
        default_text="pixel size of the collection",
        parse=parse_metres,
    ),
    *(
        replace(field, default=None, default_text="bilinear; nearest for aspects")
        for field in SAMPLE
        if field.name == "interpolation"
    ),
    Field(
        "output",
        "File to write: *.csv or *.gpkg with the points along the line, or *.png, a plot.",
        Group.OUTPUT,
        "FILE",
        default_text="CSV on standard output",
        parse=parse_output,
        flags=("-o",),
    ),
    replace(LANGUAGE, help="Language of the words in a plot."),
    *(field for field in SAMPLE if field.name not in _OWN),
)

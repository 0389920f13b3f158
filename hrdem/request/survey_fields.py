"""The parameters of surveys and comparisons; as in `hrdem.request.fields`."""

from __future__ import annotations

from dataclasses import replace

from hrdem.request.area_fields import AREA
from hrdem.request.convert import parse_output
from hrdem.request.field import Field, Group
from hrdem.request.fields import LANGUAGE, OVERWRITE, QUICKLOOK
from hrdem.request.product_fields import COLLECTION, PRODUCT_NAME
from hrdem.request.service_fields import CACHE, LIMITS, STAC_URL

SURVEYS = (
    *AREA,
    replace(
        PRODUCT_NAME,
        help="Surface whose surveys are listed.",
        metavar="dtm|dsm",
        default="dtm",
        required=False,
    ),
    COLLECTION,
    Field(
        "output",
        "GeoPackage to write, *.gpkg, with the outlines of the surveys within the area.",
        Group.OUTPUT,
        "FILE",
        parse=parse_output,
        flags=("-o",),
    ),
    OVERWRITE,
    STAC_URL,
    *CACHE,
)

COMPARE = (
    *AREA,
    replace(
        PRODUCT_NAME,
        help="Surface of surveys to compare.",
        metavar="dtm|dsm",
        default="dtm",
        required=False,
    ),
    Field(
        "output",
        "GeoTIFF to write, *.tif or *.tiff, with the differences.",
        Group.OUTPUT,
        "FILE",
        parse=parse_output,
        flags=("-o",),
    ),
    QUICKLOOK,
    LANGUAGE,
    OVERWRITE,
    STAC_URL,
    *LIMITS,
    *CACHE,
)
#: parameters that say where an area is; the others of the area change it
PLACES = ("bbox", "aoi", "like", "nts", "point")

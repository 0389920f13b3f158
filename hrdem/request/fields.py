"""The parameters of each function: the keywords in Python, the options of its command.

The rows stand in modules by topic, such as `hrdem.request.area_fields`. Names, defaults, help texts
and text conversion are defined there and nowhere else. The command line, the signatures, the check
of keywords and the reference page follow from these tables; `hrdem.request.params` repeats names
and types for type checkers. A help text names other parameters in backquotes; the command line
prints those as options.
"""

from __future__ import annotations

from dataclasses import replace

from hrdem.request.area_fields import AREA
from hrdem.request.convert import (
    parse_integer,
    parse_output,
    parse_picture_size,
)
from hrdem.request.endpoints import LIVE_WMS_URL
from hrdem.request.field import (
    Field,
    Group,
)
from hrdem.request.options import (
    Compression,
    Format,
    Language,
    TileLayout,
)
from hrdem.request.product_fields import (
    COLLECTION,
    GRID,
    PRODUCT,
    PRODUCT_NAME,
)
from hrdem.request.products import ListedKind
from hrdem.request.service_fields import (
    CACHE,
    CACHE_FOLDER,
    LIMITS,
    SERVICE,
    STAC_URL,
    WCS_URL,
)

OUTPUT_FILE = Field(
    "output",
    "GeoTIFF to write, *.tif or *.tiff.",
    Group.OUTPUT,
    "FILE",
    parse=parse_output,
    required=True,
    flags=("-o",),
)
_FORMAT = Field(
    "format",
    "Plain GeoTIFF; cloud-optimized GeoTIFF with overviews; or a VRT of the area over the remote "
    "COGs, for GDAL and QGIS (vrt) or with plain addresses (vrt-https), *.vrt.",
    Group.OUTPUT,
    default="gtiff",
    choices=Format,
)
_COMPRESSION = (
    Field(
        "compress",
        "Compression of the output. Not every GDAL has zstd.",
        Group.OUTPUT,
        default="deflate",
        choices=Compression,
    ),
    Field(
        "predictor",
        "Preparation for compression: 1 none, which WhiteboxTools needs; 2 differences of pixels; "
        "3 differences of the bytes of floating-point numbers.",
        Group.OUTPUT,
        "1|2|3",
        default_text="3 for heights (2 if they are integers), 1 for other products",
        parse=parse_integer,
    ),
)
_OVERVIEWS = Field(
    "overviews",
    "Write overviews into a plain GeoTIFF of more than 4,096 columns or rows, from which GIS draw "
    "it when zoomed out.",
    Group.OUTPUT,
    default=True,
    default_text="overviews",
    flags=("--no-overviews",),
)
#: how an output is written, which its item records
ENCODING = (_FORMAT, *_COMPRESSION, _OVERVIEWS)
_QML = Field(
    "qml",
    "Write a style for QGIS beside the output, *.qml, which QGIS loads with it.",
    Group.OUTPUT,
    default=False,
)
OVERWRITE = Field("overwrite", "Replace an existing output.", Group.OUTPUT, default=False)
IF_CHANGED = Field(
    "if_changed",
    "Do nothing if the output is there and would be made again as it is; else replace it.",
    Group.OUTPUT,
    default=False,
)
QUICKLOOK = Field(
    "quicklook",
    "Draw the output as a map too: a PNG of the same name beside it, as hrdem view draws it.",
    Group.OUTPUT,
    default=False,
)
LANGUAGE = Field(
    "language",
    "Language of the words in the picture.",
    Group.OUTPUT,
    default="en",
    choices=Language,
)
OUTPUT = (
    OUTPUT_FILE,
    Field(
        "format",
        "Plain GeoTIFF, or cloud-optimized GeoTIFF with overviews.",
        Group.OUTPUT,
        default="gtiff",
        choices=TileLayout,
    ),
    *_COMPRESSION,
    _OVERVIEWS,
    OVERWRITE,
)

REQUEST = (*AREA, *PRODUCT, *GRID, *SERVICE)

# the parameters of each function
PLAN = (*REQUEST, *CACHE)
LOAD = (*REQUEST, *LIMITS, *CACHE)
EXTRACT = (
    *REQUEST,
    OUTPUT_FILE,
    *ENCODING,
    OVERWRITE,
    IF_CHANGED,
    _QML,
    QUICKLOOK,
    LANGUAGE,
    *LIMITS,
    *CACHE,
)
SEARCH = (*AREA, COLLECTION, STAC_URL, *CACHE)
PREVIEW = (
    *AREA,
    replace(
        PRODUCT_NAME,
        help="Heights, or slope, aspect or hillshade, of the terrain (dtm) or the surface (dsm).",
        metavar="dtm|dsm[-slope|-aspect|-hillshade]",
    ),
    COLLECTION,
    replace(OUTPUT_FILE, help="PNG to write, *.png, with files beside it that place it."),
    Field(
        "size",
        "Longer edge of the picture, or its columns and rows, 16 to 4096.",
        Group.OUTPUT,
        "PIXELS|COLUMNS,ROWS",
        1024,
        parse=parse_picture_size,
    ),
    OVERWRITE,
    Field("wms_url", "Address of the WMS 1.3.0.", Group.SERVICE, "URL", LIVE_WMS_URL),
    STAC_URL,
    *CACHE,
)
ASSETS = (
    *AREA,
    COLLECTION,
    replace(PRODUCT_NAME, help="Only files of this product.", metavar="dtm|dsm", required=False),
    Field("kind", "Only files of this kind.", Group.PRODUCT, choices=ListedKind),
    STAC_URL,
    *CACHE,
)
STATUS = (
    replace(
        STAC_URL,
        help="Root of the STAC API that the outputs came from, if it is not NRCan's.",
    ),
)
DOCTOR = (STAC_URL, WCS_URL, *CACHE_FOLDER)

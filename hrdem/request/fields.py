"""The table of parameters: every keyword of the Python functions, every option of the commands.

Names, defaults, help texts and text conversion are defined here and nowhere else. The command
line, the signatures, the check of keywords and the reference page follow from this table;
`hrdem.request.params` repeats names and types for type checkers. A help text names other
parameters in backquotes; the command line prints those as options.
"""

from __future__ import annotations

from dataclasses import replace

from hrdem.request.convert import (
    keep,
    parse_box,
    parse_crs,
    parse_file,
    parse_folder,
    parse_integer,
    parse_metres,
    parse_names,
    parse_number,
    parse_output,
    parse_point,
)
from hrdem.request.endpoints import LIVE_STAC_URL, LIVE_WMS_URL
from hrdem.request.field import Field, Group
from hrdem.request.options import (
    Algorithm,
    Align,
    Compression,
    Engine,
    Format,
    North,
    OnChange,
    SlopeUnit,
    VerticalDatum,
    Via,
)
from hrdem.request.products import AssetKind
from hrdem.runtime.byte_sizes import parse_size
from hrdem.runtime.limits import (
    DEFAULT_MAX_CACHE_BYTES,
    DEFAULT_MAX_DOWNLOAD_BYTES,
    DEFAULT_MAX_MEMORY_BYTES,
)

AREA = (
    Field(
        "bbox",
        "Area as a bounding box: west,south,east,north.",
        Group.AREA,
        "W,S,E,N",
        parse=parse_box,
    ),
    Field(
        "bbox_crs",
        "CRS of `bbox`.",
        Group.AREA,
        "CRS",
        default_text="EPSG:4326",
        parse=parse_crs,
    ),
    Field(
        "aoi",
        "Area from a vector file, from GeoJSON on standard input (-), or as WKT or GeoJSON.",
        Group.AREA,
        "FILE|-|WKT",
        parse=keep,
    ),
    Field(
        "aoi_crs",
        "CRS of `aoi`, if it does not name one.",
        Group.AREA,
        "CRS",
        default_text="EPSG:4326 for GeoJSON and WKT",
        parse=parse_crs,
    ),
    Field("layer", "Layer of the vector file, if it has several.", Group.AREA, "NAME"),
    Field("like", "Area and grid of an existing raster.", Group.AREA, "RASTER", parse=keep),
    Field("nts", "Area of an NTS map sheet, such as 031G05 or 31G.", Group.AREA, "SHEET"),
    Field(
        "point",
        "Centre of a circular area, in degrees; needs `radius`.",
        Group.AREA,
        "LON,LAT",
        parse=parse_point,
    ),
    Field(
        "radius",
        "Radius of the circle around `point`.",
        Group.AREA,
        "METRES",
        parse=parse_metres,
    ),
    Field(
        "buffer",
        "Widen the area by this distance; not with `like`.",
        Group.AREA,
        "METRES",
        parse=parse_metres,
    ),
    Field(
        "allow_inaccurate_datum",
        "Continue, with a warning, where PROJ cannot bring a datum to NAD83(CSRS) within a metre.",
        Group.AREA,
        default=False,
    ),
)

_PRODUCT = Field(
    "product",
    "Elevation of the terrain (dtm) or the surface (dsm); slope, aspect or hillshade of either; "
    "or the difference dsm - dtm (chm).",
    Group.PRODUCT,
    "dtm|dsm[-slope|-aspect|-hillshade]|chm",
    required=True,
)
COLLECTION = Field(
    "collection",
    "Collection to read, named by its pixel size.",
    Group.PRODUCT,
    "1m|2m|30m",
    "1m",
)
PRODUCT = (
    _PRODUCT,
    COLLECTION,
    Field(
        "fill",
        "Further collections, such as 2m,30m, or all coarser ones (all), each for the pixels that "
        "those before leave empty.",
        Group.PRODUCT,
        "COLLECTIONS",
        "",
        parse=parse_names,
    ),
    Field(
        "feather",
        "Blend a collection into the next over this distance from the seam. Changes heights.",
        Group.PRODUCT,
        "METRES",
        0.0,
        parse=parse_metres,
    ),
    Field(
        "source_band",
        "Add a band with the number of each pixel's source; for chm one for each surface.",
        Group.PRODUCT,
        default=False,
    ),
    Field("surveys", "Look up the lidar surveys under the area.", Group.PRODUCT, default=False),
    Field(
        "algorithm",
        "Algorithm for slope, aspect and hillshade.",
        Group.PRODUCT,
        default="horn",
        choices=Algorithm,
    ),
    Field("slope_unit", "Unit of slopes.", Group.PRODUCT, default="degrees", choices=SlopeUnit),
    Field(
        "aspect_north",
        "North from which aspects are measured: true north, or the top of the raster (grid).",
        Group.PRODUCT,
        default="true",
        choices=North,
    ),
)

GRID = (
    Field(
        "crop",
        "Set pixels whose centre is outside the area to nodata.",
        Group.GRID,
        default_text="crop polygons and circles, not boxes",
        flags=("--no-crop",),
    ),
    Field(
        "crs", "CRS of the output.", Group.GRID, "CRS", default_text="EPSG:3979", parse=parse_crs
    ),
    Field(
        "resolution",
        "Pixel size of the output in units of its CRS.",
        Group.GRID,
        "NUMBER",
        default_text="that of the source",
        parse=parse_number,
    ),
    Field(
        "resampling",
        "Method for pixels that are not copied: nearest, bilinear, cubic, average, or another of "
        "GDAL's.",
        Group.GRID,
        "METHOD",
        "bilinear",
    ),
    Field(
        "align",
        "Align the output to pixels of the source; or to blocks of one COG, copied compressed.",
        Group.GRID,
        default="pixels",
        choices=Align,
    ),
    Field(
        "vertical_datum",
        "Vertical datum of heights.",
        Group.GRID,
        default="CGVD2013",
        choices=VerticalDatum,
    ),
    Field(
        "vertical_grid",
        "File of the shifts between the vertical datums.",
        Group.GRID,
        "FILE",
        default_text="found or downloaded",
        parse=parse_file,
    ),
    Field(
        "vertical_crs",
        "Add the vertical datum to the CRS of heights. Other programs may then shift them.",
        Group.GRID,
        default=False,
    ),
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
OVERWRITE = Field("overwrite", "Replace an existing output.", Group.OUTPUT, default=False)
_IF_CHANGED = Field(
    "if_changed",
    "Do nothing if the output is there and would be made again as it is; else replace it.",
    Group.OUTPUT,
    default=False,
)
OUTPUT = (
    OUTPUT_FILE,
    Field(
        "format",
        "Plain GeoTIFF, or cloud-optimized GeoTIFF with overviews.",
        Group.OUTPUT,
        default="gtiff",
        choices=Format,
    ),
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
    OVERWRITE,
)

STAC_URL = Field("stac_url", "Root of the STAC API.", Group.SERVICE, "URL", LIVE_STAC_URL)
_WCS_URL = Field(
    "wcs_url",
    "Address of the WCS that serves the same data.",
    Group.SERVICE,
    "URL",
    default_text="NRCan's, if `stac_url` is NRCan's",
)
SERVICE = (
    Field(
        "via",
        "Files or service to read; auto reads COGs, and the WCS where COGs are unavailable.",
        Group.SERVICE,
        default="auto",
        choices=Via,
    ),
    Field(
        "engine",
        "Reader of COGs: hrdem's own (auto), or GDAL.",
        Group.SERVICE,
        default="auto",
        choices=Engine,
    ),
    Field(
        "on_change",
        "If a source is republished while it is read: stop, or restart once.",
        Group.SERVICE,
        default="stop",
        choices=OnChange,
    ),
    Field(
        "allow_partial",
        "Leave out files that cannot be fetched: the output is incomplete, gaps are listed, the "
        "exit code is 3.",
        Group.SERVICE,
        default=False,
    ),
    STAC_URL,
    _WCS_URL,
    Field(
        "wcs_limit",
        "Time after which the WCS aborts a request.",
        Group.SERVICE,
        "SECONDS",
        300.0,  # NRCan's figure for its WCS
        parse=parse_number,
    ),
)

LIMITS = (
    Field(
        "max_memory",
        "Peak memory of the process, at least 240MB.",
        Group.RUN,
        "SIZE",
        DEFAULT_MAX_MEMORY_BYTES,
        parse=parse_size,
    ),
    Field(
        "max_download",
        "Refuse a request that needs a larger download.",
        Group.RUN,
        "SIZE",
        DEFAULT_MAX_DOWNLOAD_BYTES,
        parse=parse_size,
        takes_none=True,
    ),
)

CACHE_DIR = Field(
    "cache_dir",
    "Folder of the download cache.",
    Group.RUN,
    "FOLDER",
    default_text="the system's folder for caches",
    parse=parse_folder,
)
MAX_CACHE = Field(
    "max_cache",
    "Size limit of the cache. Least recently used entries are evicted first.",
    Group.RUN,
    "SIZE",
    DEFAULT_MAX_CACHE_BYTES,
    parse=parse_size,
)
NO_CACHE = Field("no_cache", "Neither read nor write the cache.", Group.RUN, default=False)
CACHE = (
    CACHE_DIR,
    NO_CACHE,
    MAX_CACHE,
    Field("offline", "Read only the cache, send no request.", Group.RUN, default=False),
)
CACHE_FOLDER = (CACHE_DIR, MAX_CACHE)

REQUEST = (*AREA, *PRODUCT, *GRID, *SERVICE)

# the parameters of each function
PLAN = (*REQUEST, *CACHE)
LOAD = (*REQUEST, *LIMITS, *CACHE)
EXTRACT = (*REQUEST, *OUTPUT, _IF_CHANGED, *LIMITS, *CACHE)
SEARCH = (*AREA, COLLECTION, STAC_URL, *CACHE)
PREVIEW = (
    *AREA,
    replace(
        _PRODUCT,
        help="Heights, or slope, aspect or hillshade, of the terrain (dtm) or the surface (dsm).",
        metavar="dtm|dsm[-slope|-aspect|-hillshade]",
    ),
    COLLECTION,
    replace(OUTPUT_FILE, help="PNG to write, *.png, with a world file beside it."),
    Field(
        "size",
        "Longer edge of the picture, 16 to 4096.",
        Group.OUTPUT,
        "PIXELS",
        1024,
        parse=parse_integer,
    ),
    OVERWRITE,
    Field("wms_url", "Address of the WMS 1.3.0.", Group.SERVICE, "URL", LIVE_WMS_URL),
    STAC_URL,
    *CACHE,
)
ASSETS = (
    replace(_PRODUCT, help="Only files of this product.", metavar="dtm|dsm", required=False),
    Field("kind", "Only files of this kind.", Group.PRODUCT, choices=AssetKind),
    STAC_URL,
    *CACHE,
)
STATUS = (
    replace(
        STAC_URL,
        help="Root of the STAC API that the outputs came from, if it is not NRCan's.",
    ),
)
DOCTOR = (STAC_URL, _WCS_URL, *CACHE_FOLDER)

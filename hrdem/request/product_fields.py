"""The parameters of the product and of the grid; as in `hrdem.request.fields`."""

from __future__ import annotations

from hrdem.request.convert import (
    parse_crs,
    parse_dimensions,
    parse_file,
    parse_integer,
    parse_metres,
    parse_names,
    parse_number,
    parse_origin,
)
from hrdem.request.field import (
    Field,
    Group,
)
from hrdem.request.options import (
    Algorithm,
    Align,
    North,
    SlopeUnit,
    VerticalDatum,
)

PRODUCT_NAME = Field(
    "product",
    "Elevation of the terrain (dtm) or the surface (dsm); slope, aspect or hillshade of either; "
    "or the difference dsm - dtm (chm).",
    Group.PRODUCT,
    "dtm|dsm[-slope|-aspect|-hillshade]|chm",
    required=True,
)
COLLECTION = Field(
    "collection",
    "Collection to read: one of the mosaics, named by its pixel size, or single surveys (lidar).",
    Group.PRODUCT,
    "1m|2m|30m|lidar",
    "1m",
)
PRODUCT = (
    PRODUCT_NAME,
    COLLECTION,
    Field(
        "project",
        "Survey to read, with `collection=lidar`, such as BC-Lower_Mainland_2016.",
        Group.PRODUCT,
        "NAME",
        default_text="all, the newest first",
    ),
    Field(
        "year",
        "Year of the surveys to read, with `collection=lidar`.",
        Group.PRODUCT,
        "YEAR",
        default_text="all, the newest first",
        parse=parse_integer,
    ),
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
        "Write the source of each pixel into a file of its own, *.source.tif (for chm one for each "
        "surface), and the year of its survey into *.year.tif.",
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

VERTICAL_GRID = Field(
    "vertical_grid",
    "File of the shifts between the vertical datums.",
    Group.GRID,
    "FILE",
    default_text="found or downloaded",
    parse=parse_file,
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
        "origin",
        "Align pixels to this point, in units of the output's CRS; with `size`, the upper left "
        "corner of the output.",
        Group.GRID,
        "X,Y",
        default_text="multiples of the pixel size",
        parse=parse_origin,
    ),
    Field(
        "size",
        "Size of the output in pixels, from `origin`; in place of an area.",
        Group.GRID,
        "COLUMNS,ROWS",
        parse=parse_dimensions,
    ),
    Field(
        "snap",
        "Align the output's grid; if not, it starts at the upper left corner of the area.",
        Group.GRID,
        default=True,
        default_text="snap",
        flags=("--no-snap",),
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
    VERTICAL_GRID,
    Field(
        "vertical_crs",
        "Add the vertical datum to the CRS of heights. Other programs may then shift them.",
        Group.GRID,
        default=False,
    ),
)

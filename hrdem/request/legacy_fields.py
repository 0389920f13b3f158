"""The parameters of the functions and commands for older products; as in `hrdem.request.fields`."""

from __future__ import annotations

from dataclasses import replace

from hrdem.request.convert import (
    parse_data_set,
    parse_file,
    parse_folder,
    parse_names,
    parse_sheet_names,
)
from hrdem.request.field import Field, Group
from hrdem.request.fields import (
    OUTPUT_FILE,
    OVERWRITE,
    REQUEST,
)
from hrdem.request.options import Edition, Naming, OriginCode, ProcessCode, Records
from hrdem.request.product_fields import COLLECTION
from hrdem.request.service_fields import (
    CACHE,
    LIMITS,
)

_BY_NAME = {field.name: field for field in REQUEST}

#: where heights are read from
SOURCE = (
    COLLECTION,
    replace(
        _BY_NAME["fill"],
        default=None,
        default_text="those of 2m,30m that are coarser; none from the WCS",
    ),
    _BY_NAME["vertical_grid"],
    *(_BY_NAME[name] for name in ("via", "on_change", "stac_url", "wcs_url", "wcs_limit")),
)
_SHARED = (*SOURCE, *LIMITS, *CACHE)
_NTS = Field(
    "nts",
    "NTS map sheets, such as 031K01,031K02 at 1:50,000 or 031K at 1:250,000.",
    Group.AREA,
    "SHEETS",
    parse=parse_sheet_names,
    required=True,
)
_WATER = (
    Field(
        "lakes",
        "Polygons of lakes, each of which gets one height: a vector file, or one of its layers as "
        "FILE|layername=LAYER.",
        Group.PRODUCT,
        "FILE",
        parse=parse_data_set,
    ),
    Field(
        "sea",
        "Polygons of the sea, which gets the height 0.",
        Group.PRODUCT,
        "FILE",
        parse=parse_data_set,
    ),
)
_FOLDER = replace(
    OUTPUT_FILE,
    help="Folder for the files; it is created if needed.",
    metavar="FOLDER",
    parse=parse_folder,
)
_DRY_RUN = Field(
    "dry_run",
    "Print what would be read and written, and write nothing.",
    Group.OUTPUT,
    default=False,
)
CDED = (
    _NTS,
    *_WATER,
    Field(
        "border",
        "Polygons of Canada; nodes outside become void.",
        Group.PRODUCT,
        "FILE",
        parse=parse_data_set,
    ),
    Field(
        "metadata",
        "Entries of the metadata that hrdem cannot know, as TOML or JSON.",
        Group.PRODUCT,
        "FILE",
        parse=parse_file,
    ),
    Field(
        "surveys",
        "Look up the lidar surveys under each sheet, for its metadata.",
        Group.PRODUCT,
        default_text="unless offline",
        flags=("--no-surveys",),
    ),
    Field(
        "centre",
        "Responsibility centre in the header: a name, or acronyms with commas between.",
        Group.PRODUCT,
        "NAME",
        default_text="a text that names hrdem",
    ),
    Field(
        "origin",
        "Origin code in the header: a province or territory, or a source of data.",
        Group.PRODUCT,
        default="RS",
        choices=OriginCode,
    ),
    Field(
        "process",
        "Process code in the header; Z refers to the metadata.",
        Group.PRODUCT,
        default="Z",
        choices=ProcessCode,
    ),
    Field(
        "data_edition",
        "Edition and version of the data, in the header and in the names of purchasers' files.",
        Group.PRODUCT,
        "E.V",
        "1.0",
    ),
    _FOLDER,
    Field(
        "naming",
        "Names of the files: those of a responsibility centre, or those that purchasers got.",
        Group.OUTPUT,
        default="centre",
        choices=Naming,
    ),
    Field(
        "unpacked", "Write a folder for each sheet instead of a zip.", Group.OUTPUT, default=False
    ),
    Field(
        "records",
        "Records of 1024 bytes, as specified; with a line feed after each; or for usgs2sdf of "
        "SPLAT!, which also needs a blank end of the header.",
        Group.OUTPUT,
        default="fixed",
        choices=Records,
    ),
    OVERWRITE,
    _DRY_RUN,
    *_SHARED,
)
BC = (
    replace(_NTS, help="NTS blocks at 1:250,000, such as 104P,92B.", metavar="BLOCKS"),
    *_WATER,
    Field(
        "projection",
        "Projections of the files: utm, albers, or both.",
        Group.PRODUCT,
        "PROJECTIONS",
        "utm,albers",
        parse=parse_names,
    ),
    Field(
        "products",
        "Products, by the kind of data in their names, such as elevation.dem,aspect.",
        Group.PRODUCT,
        "NAMES",
        "",
        default_text="all",
        parse=parse_names,
    ),
    _FOLDER,
    OVERWRITE,
    _DRY_RUN,
    *_SHARED,
)
CHECK = (
    Field(
        "edition",
        "Edition to check against; differences of older editions are errors then.",
        Group.PRODUCT,
        default_text="the one that each file follows",
        choices=Edition,
    ),
)
_OLD_FILES = (
    replace(_BY_NAME["crs"], help="CRS of files that have none.", default_text=""),
    Field(
        "zero_is_void",
        "Make zeros nodata in CDED of the standard of 2000, in files that have no -32767.",
        Group.PRODUCT,
        default=False,
    ),
)
CONVERT = (
    *_OLD_FILES,
    _BY_NAME["vertical_crs"],
    OUTPUT_FILE,
    OVERWRITE,
    _DRY_RUN,
)
COMPARE = (
    *_OLD_FILES,
    _BY_NAME["allow_inaccurate_datum"],
    OUTPUT_FILE,
    OVERWRITE,
    _DRY_RUN,
    *_SHARED,
)

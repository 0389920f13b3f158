"""The parameters of jobs of many tiles; as in `hrdem.request.fields`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hrdem.request.area_fields import AREA
from hrdem.request.convert import (
    parse_integer,
    parse_part,
    parse_point_or_file,
    parse_sheets_or_file,
    parse_store,
)
from hrdem.request.field import Field, Group
from hrdem.request.fields import (
    OUTPUT,
    OUTPUT_FILE,
)
from hrdem.request.product_fields import (
    GRID,
    PRODUCT,
)
from hrdem.request.service_fields import (
    CACHE_DIR,
    LIMITS,
    MAX_CACHE,
    NO_CACHE,
    STAC_URL,
)
from hrdem.runtime.limits import DEFAULT_CONNECTIONS

_REPLACED: dict[str, dict[str, Any]] = {
    "nts": {
        "help": "NTS map sheets, such as 031G05,031G06 or 031G; or a text or CSV file of them.",
        "metavar": "SHEETS|FILE",
        "parse": parse_sheets_or_file,
    },
    "point": {
        "help": "Centre of a circular area, in degrees; or a CSV or vector file of points. Needs "
        "`radius`.",
        "metavar": "LON,LAT|FILE",
        "parse": parse_point_or_file,
    },
    "radius": {"help": "Radius of the circles around `point`."},
    "aoi_crs": {"help": "CRS of `aoi`, or of a file of `point`, if it does not name one."},
    "buffer": {"help": "Widen each area by this distance; not with `like`."},
    "crop": {
        "help": "Set pixels whose centre is outside the area, or outside its feature, to nodata.",
    },
    "max_memory": {"help": "Peak memory of each worker, at least 240MB."},
    "max_download": {"help": "Refuse a job that needs a larger download, cached or not."},
}
_LEFT_OUT = {"surveys", "align", "origin", "size", "snap", "overwrite", "output"}


def _adapt(table: tuple[Field, ...]) -> tuple[Field, ...]:
    """Return fields as they are for many tiles."""
    left = (field for field in table if field.name not in _LEFT_OUT)
    return tuple(replace(field, **_REPLACED.get(field.name, {})) for field in left)


_WHERE = Field(
    "where",
    "Take only features of the layer that meet a condition, such as 'AREA_KM2 > 10'.",
    Group.AREA,
    "SQL",
)
_TILES = (
    Field(
        "scheme",
        "Tiles: squares of N km, with N a divisor of 500; NTS sheets at 1:50,000 or 1:250,000; or "
        "a file for each feature of `aoi`, each sheet of `nts`, each circle of `point`.",
        Group.TILES,
        "Nkm|nts50k|nts250k|features",
        default_text="features with `name_by`, of `nts` and of `point`; else 50km",
    ),
    Field(
        "name_by",
        "Name files of features by this attribute, or by this column of a CSV file.",
        Group.TILES,
        "FIELD",
        default_text="layer and id of the feature",
    ),
    Field(
        "overlap",
        "Pixels by which each tile reaches into its neighbours.",
        Group.TILES,
        "PIXELS",
        0,
        parse=parse_integer,
    ),
)
STORE = replace(
    OUTPUT_FILE,
    help="Folder for the tiles, created if needed; or a bucket: s3://…, gs://… or az://….",
    metavar="FOLDER|URL",
    parse=parse_store,
)
_UPDATE = Field(
    "update",
    "Plan anew, and make the tiles again whose request or sources have changed.",
    Group.OUTPUT,
    default=False,
)
#: how many requests the store gets at a time
CONNECTIONS = (
    Field(
        "connections",
        "Connections of all workers together to the store of the data.",
        Group.RUN,
        "NUMBER",
        DEFAULT_CONNECTIONS,
        parse=parse_integer,
    ),
    Field(
        "many_connections",
        "Allow more than 64 connections, if the operator of the service agrees.",
        Group.RUN,
        default=False,
    ),
)

#: who makes the tiles
ENGINE = (
    Field(
        "workers",
        "Processes on this machine; 0 makes the tiles in that of the command.",
        Group.RUN,
        "NUMBER",
        default_text="one for each core",
        parse=parse_integer,
    ),
    Field(
        "scheduler",
        "Use the workers of a Dask scheduler, by its address.",
        Group.RUN,
        "tcp://HOST:PORT",
    ),
    Field(
        "part",
        "Make only a part of the tiles, the I-th of N, for the arrays of batch systems.",
        Group.RUN,
        "I/N",
        parse=parse_part,
    ),
)
_WORKER = (*_adapt(LIMITS), CACHE_DIR, NO_CACHE, MAX_CACHE)
WORKER = tuple(field for field in _WORKER if field.name != "max_download")

# the parameters of each function and command
TILE_JOB = (
    *_adapt(AREA),
    _WHERE,
    *_adapt(PRODUCT),
    *_adapt(GRID),
    *_TILES,
    STORE,
    *_adapt(OUTPUT),
    _UPDATE,
    STAC_URL,
    *_WORKER,
    *CONNECTIONS,
)
VERIFY = (
    Field(
        "samples",
        "Number of windows whose pixels are read again from the sources.",
        Group.RUN,
        "NUMBER",
        20,
        parse=parse_integer,
    ),
    Field("seed", "Seed of their choice.", Group.RUN, "NUMBER", 0, parse=parse_integer),
    *WORKER,
)
INDEX = (
    Field(
        "parquet",
        "Write the items as GeoParquet too, items.parquet.",
        Group.OUTPUT,
        default=False,
    ),
)

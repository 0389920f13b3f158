"""The parameters of finished files; as in `hrdem.request.fields`."""

from __future__ import annotations

from dataclasses import replace

from hrdem.request.field import Field, Group
from hrdem.request.fields import IF_CHANGED, OUTPUT_FILE, OVERWRITE, STATUS
from hrdem.request.product_fields import VERTICAL_GRID
from hrdem.request.service_fields import CACHE, LIMITS, WCS_URL

VERIFY = (
    Field(
        "remote",
        "Ask servers too whether the sources are still those that the file was made of.",
        Group.SERVICE,
        default=False,
    ),
    *STATUS,
)
RERUN = (
    replace(
        OUTPUT_FILE,
        help="File to write, in place of the one that the item describes.",
        required=False,
    ),
    OVERWRITE,
    IF_CHANGED,
    Field(
        "newest",
        "Take sources as they are now; else one that was republished is an error.",
        Group.SERVICE,
        default=False,
    ),
    VERTICAL_GRID,
    replace(STATUS[0], default=None),
    replace(WCS_URL, default_text="that of the item, if it is on the host of the catalogue"),
    replace(LIMITS[0], default=None, default_text="that of the run that made it"),
    *LIMITS[1:],
    *CACHE,
)

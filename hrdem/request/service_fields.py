"""The parameters of services, limits and the cache; as in `hrdem.request.fields`."""

from __future__ import annotations

from hrdem.request.convert import (
    parse_folder,
    parse_number,
)
from hrdem.request.endpoints import LIVE_STAC_URL
from hrdem.request.field import (
    Field,
    Group,
)
from hrdem.request.options import (
    Engine,
    OnChange,
    Via,
)
from hrdem.runtime.byte_sizes import parse_size
from hrdem.runtime.limits import (
    DEFAULT_MAX_CACHE_BYTES,
    DEFAULT_MAX_DOWNLOAD_BYTES,
    DEFAULT_MAX_MEMORY_BYTES,
)

STAC_URL = Field("stac_url", "Root of the STAC API.", Group.SERVICE, "URL", LIVE_STAC_URL)
WCS_URL = Field(
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
    WCS_URL,
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

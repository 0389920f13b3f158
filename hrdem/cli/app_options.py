"""The options of ``hrdem app``."""

from __future__ import annotations

from hrdem.request import fields, service_fields
from hrdem.request.convert import parse_folder, parse_integer, parse_number
from hrdem.request.field import Field, Group
from hrdem.runtime.byte_sizes import parse_size

DEFAULT_PORT = 18791
HOST = Field(
    "host",
    "Address to listen on. Other machines can connect to 0.0.0.0 with the token that is printed.",
    Group.SERVER,
    "ADDRESS",
    "127.0.0.1",
)
PORT = Field(
    "port",
    "Port to listen on, up to 65535; 0 takes a free one.",
    Group.SERVER,
    "PORT",
    DEFAULT_PORT,
    parse=parse_integer,
)
ALLOW_HOST = Field(
    "allow_host",
    "Further names under which the page is opened, with commas between: that of a proxy.",
    Group.SERVER,
    "NAMES",
)
NO_BROWSER = Field("no_browser", "Do not open the browser.", Group.SERVER, default=False)
DATA = Field(
    "data",
    "Folder of jobs and their files.",
    Group.SERVER,
    "FOLDER",
    default_text="the system's folder for data of programs",
    parse=parse_folder,
)
WORKERS = Field(
    "workers", "Jobs that run at the same time.", Group.SERVER, "NUMBER", 2, parse=parse_integer
)
MAX_JOBS = Field(
    "max_jobs",
    "Jobs of one browser that wait or run.",
    Group.SERVER,
    "NUMBER",
    100,
    parse=parse_integer,
)
MAX_UPLOAD = Field(
    "max_upload", "Largest file of an area.", Group.SERVER, "SIZE", 20_000_000, parse=parse_size
)
MAX_DISK = Field(
    "max_disk",
    "Size of all results. The oldest are removed first.",
    Group.SERVER,
    "SIZE",
    50_000_000_000,
    parse=parse_size,
)
KEEP_DAYS = Field(
    "keep_days",
    "Days after which results are removed.",
    Group.SERVER,
    "DAYS",
    30.0,
    parse=parse_number,
)
_WMS_URL = next(field for field in fields.PREVIEW if field.name == "wms_url")
APP = (
    *(HOST, PORT, ALLOW_HOST, NO_BROWSER, DATA, WORKERS, MAX_JOBS, MAX_UPLOAD, MAX_DISK, KEEP_DAYS),
    *(service_fields.STAC_URL, service_fields.WCS_URL, _WMS_URL),
    *service_fields.LIMITS,
    *(service_fields.CACHE_DIR, service_fields.NO_CACHE, service_fields.MAX_CACHE),
)

"""Every option of the command line, defined once."""

from __future__ import annotations

import functools
import logging
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hrdem.runtime.byte_sizes import parse_size
from hrdem.runtime.redaction import without_secrets
from hrdem.runtime.text import printable

F = TypeVar("F", bound=Callable[..., Any])

AREA_WORDS = (
    "bbox",
    "bbox_crs",
    "aoi",
    "aoi_crs",
    "layer",
    "like",
    "nts",
    "point",
    "radius",
    "buffer",
)
MIN_SECONDS_BETWEEN_RETRY_LINES = 1.0
CACHE_WORDS = ("cache_dir", "no_cache", "max_cache", "offline")
#: every option by the name of its parameter
OPTIONS: dict[str, click.Option] = {}
_PARAMETER = re.compile(r"`(?P<name>[a-z_]+)(?:=(?P<value>[^`]*))?`")


def _box(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    return _numbers(value, "a box", "west,south,east,north")


def _point(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    return _numbers(value, "a point", "longitude,latitude")


def _numbers(value: str | None, what: str, order: str) -> tuple[float, ...] | None:
    try:
        return None if value is None else tuple(map(float, value.replace(",", " ").split()))
    except ValueError as exc:
        raise click.BadParameter(
            f"{value!r} is not {what}. Give numbers with commas between: {order}."
        ) from exc


def _bytes(ctx: click.Context, param: click.Parameter, value: str) -> int:
    try:
        return parse_size(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


def _folder(ctx: click.Context, param: click.Parameter, value: str | None) -> Path | None:
    if value == "":
        raise click.BadParameter("the name is empty. Give a folder, or leave the option out.")
    return None if value is None else Path(value)


def _option(*names: str, **settings: Any) -> Callable[[F], F]:
    """An option that can also be set by HRDEM_ and its long name."""
    long = next(name for name in names if name.startswith("--"))
    variable = "HRDEM_" + long.split("/")[0].removeprefix("--").replace("-", "_").upper()
    option = click.Option(names, envvar=variable, show_envvar=False, **settings)
    assert option.name is not None
    OPTIONS.setdefault(option.name, option)
    return click.option(*names, envvar=variable, show_envvar=False, **settings)


def name_options(text: str) -> str:
    """Rewrite the parameters that a message names in backquotes as options of the command line.

    ``bbox_crs=EPSG:3979`` becomes ``--bbox-crs EPSG:3979``, and ``crop=False`` ``--no-crop``. What
    names no parameter is left as it is.
    """
    return _PARAMETER.sub(_as_option, text)


def _as_option(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    option = OPTIONS.get(name)
    if option is None:
        return found[0]
    switch = option.opts[0]
    if value is None or (option.is_flag and value == "True"):
        return switch
    if option.is_flag:
        return option.secondary_opts[0] if option.secondary_opts else found[0]
    bare = value.strip("\"'")
    return f"{switch} {shlex.quote(bare) if ' ' in bare else bare}"


bbox = _option("--bbox", callback=_box, metavar="W,S,E,N", help="Area: west,south,east,north.")
bbox_crs = _option("--bbox-crs", metavar="CRS", help="CRS of the box.  [default: EPSG:4326]")
aoi = _option(
    "--aoi",
    metavar="FILE|-|WKT",
    help="Area: a vector file, GeoJSON on standard input, or WKT.",
)
aoi_crs = _option(
    "--aoi-crs", metavar="CRS", help="CRS of --aoi, if it says none.  [default for WKT: EPSG:4326]"
)
aoi_layer = _option("--layer", metavar="NAME", help="Layer of the file, if it has several.")
like = _option("--like", metavar="RASTER", help="Area and grid: those of a raster.")
nts = _option("--nts", metavar="SHEET", help="Area: an NTS sheet, like 031G05 or 31G.")
point = _option("--point", callback=_point, metavar="LON,LAT", help="Area: a circle around it.")
radius = _option("--radius", type=float, metavar="METRES", help="Radius of the circle.")
buffer = _option("--buffer", type=float, metavar="METRES", help="Widen the area by so much.")
crop = _option(
    "--crop/--no-crop",
    default=None,
    help="Leave pixels whose centre is outside the area without data; so by default if the area "
    "is a shape, not if it is a box.",
)
product = _option(
    "--product",
    required=True,
    metavar="dtm|dsm[-slope|-aspect|-hillshade]|chm",
    help="Terrain, surface, what follows of them; or chm, their difference.",
)
collection = _option(
    "--collection", default="1m", show_default=True, metavar="1m|2m|30m", help="Tier to read."
)
fill = _option(
    "--fill",
    default="",
    metavar="TIERS",
    help="Further tiers, like 2m,30m, for pixels that the one before leaves empty.",
)
feather = _option(
    "--feather",
    type=float,
    default=0,
    metavar="METRES",
    help="Blend a tier into the next over so far from its edge; changes heights.",
)
source_band = _option(
    "--source-band", is_flag=True, help="Add a band with the number of each pixel's source."
)
surveys = _option("--surveys", is_flag=True, help="Look up which surveys lie under the area.")
via = _option(
    "--via", default="auto", show_default=True, metavar="auto|cog|vrt|wcs", help="Way to read."
)
engine = _option(
    "--engine", default="auto", show_default=True, metavar="auto|gdal", help="What reads COGs."
)
align = _option(
    "--align",
    default="pixels",
    show_default=True,
    metavar="pixels|blocks",
    help="blocks grows the area to whole blocks of its file and copies them undecoded.",
)
crs = _option("--crs", metavar="CRS", help="CRS of the output, if not EPSG:3979.")
resolution = _option(
    "--resolution",
    type=float,
    metavar="R",
    help="Pixel size of the output in units of its CRS, if not the source's own.",
)
resampling = _option(
    "--resampling",
    default="bilinear",
    show_default=True,
    metavar="KERNEL",
    help="nearest, bilinear, cubic, average, … where pixels are not the source's own.",
)
vertical_datum = _option(
    "--vertical-datum",
    default="CGVD2013",
    show_default=True,
    metavar="CGVD2013|CGVD28",
    help="What heights are counted from.",
)
vertical_grid = _option(
    "--vertical-grid",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Grid of the differences between the datums, if not found or fetched by itself.",
)
algorithm = _option(
    "--algorithm",
    default="horn",
    show_default=True,
    metavar="horn|zevenbergen-thorne",
    help="For slope, aspect and hillshade.",
)
slope_unit = _option(
    "--slope-unit",
    default="degrees",
    show_default=True,
    metavar="degrees|percent",
    help="Of slopes.",
)
aspect_north = _option(
    "--aspect-north",
    default="true",
    show_default=True,
    metavar="true|grid",
    help="Where aspects are counted from: the pole, or the upper edge of the raster.",
)
stac_url = _option("--stac-url", metavar="URL", help="Root of another STAC API.")
wcs_url = _option("--wcs-url", metavar="URL", help="Address of another WCS.")
wcs_limit = _option(
    "--wcs-limit",
    type=float,
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="After which the WCS gives up on a request.",
)
wms_url = _option("--wms-url", metavar="URL", help="Address of another WMS 1.3.0.")
demo = _option(
    "--demo", is_flag=True, help="Use a local demonstration service instead of the network."
)
output = _option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="GeoTIFF to write.",
)
picture = _option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="PNG to write; a world file comes beside it.",
)
layer = _option(
    "--product",
    required=True,
    metavar="dtm|dsm[-hillshade|-slope|-aspect]",
    help="Heights, or what to show of them.",
)
size = _option(
    "--size",
    type=int,
    default=1024,
    show_default=True,
    metavar="PIXELS",
    help="Longer edge of the picture, 16 to 4096.",
)
layout = _option(
    "--format",
    default="gtiff",
    show_default=True,
    metavar="gtiff|cog",
    help="Plain GeoTIFF, or a COG with overviews.",
)
overwrite = _option("--overwrite", is_flag=True, help="Replace an existing output.")
dry_run = _option("--dry-run", is_flag=True, help="Only tell what would be read, as plan does.")
max_memory = _option(
    "--max-memory",
    default="300MB",
    show_default=True,
    callback=_bytes,
    metavar="SIZE",
    help="Most memory to take.",
)
cache_dir = _option(
    "--cache-dir",
    type=click.Path(file_okay=False),
    callback=_folder,
    metavar="FOLDER",
    help="Where everything that is fetched is kept.  [default: the system's]",
)
no_cache = _option("--no-cache", is_flag=True, help="Keep nothing, use nothing that was kept.")
max_cache = _option(
    "--max-cache",
    default="20GB",
    show_default=True,
    callback=_bytes,
    metavar="SIZE",
    help="Most that is kept; what was not used for longest goes first.",
)
offline = _option("--offline", is_flag=True, help="Take everything from what is kept.")
max_download = _option(
    "--max-download",
    default="50GB",
    show_default=True,
    callback=_bytes,
    metavar="SIZE",
    help="Refuse an area for which more would have to be fetched.",
)
on_change = _option(
    "--on-change",
    default="stop",
    show_default=True,
    metavar="stop|restart",
    help="What to do when a file is published again meanwhile; restart begins again, once.",
)
as_json = _option("--json", "as_json", is_flag=True, help="Print one JSON document.")
only_product = _option("--product", metavar="dtm|dsm", help="Only files of this product.")
only_kind = _option("--kind", metavar="cog|vrt", help="Only files of this kind.")
download = _option("--download", is_flag=True, help="Save the VRTs into the current folder.")
port = _option("--port", type=click.IntRange(0, 65535), default=18790, show_default=True,
               help="Port of 127.0.0.1; 0 takes a free one.")  # fmt: skip
edition = _option(
    "--edition",
    type=click.IntRange(1, 99),
    default=1,
    show_default=True,
    help="Edition of the files: another has other heights, as if they were published again.",
)


def for_terminal(text: str) -> str:
    """Name options in a message, remove credentials, and escape control characters."""
    return printable(without_secrets(name_options(text)))


class _TerminalFormatter(logging.Formatter):
    """Makes log lines safe to print, whoever logged them."""

    def format(self, record: logging.LogRecord) -> str:
        return for_terminal(super().format(record))


class RetryRateLimit(logging.Filter):
    """Passes one line about retries a second, with the number of lines that it dropped.

    Many connections fail at the same time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0
        self._dropped = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != "hrdem.http.retry" or record.levelno > logging.WARNING:
            return True
        if time.monotonic() < self._next:
            self._dropped += 1
            return False
        if self._dropped:
            record.msg = f"{record.getMessage()} {self._dropped} similar messages were left out."
            record.args = ()
        self._next, self._dropped = time.monotonic() + MIN_SECONDS_BETWEEN_RETRY_LINES, 0
        return True


def reporting(command: F) -> F:
    """Add -v and -q to a command, and set up logging to standard error before it runs."""

    @_option("-v", "--verbose", count=True, help="Tell more; -vv also tells each request.")
    @_option("-q", "--quiet", is_flag=True, help="Tell only errors.")
    @functools.wraps(command)
    def wrapped(*args: Any, verbose: int, quiet: bool, **kwargs: Any) -> Any:
        level = logging.ERROR if quiet else (logging.WARNING, logging.INFO, logging.DEBUG)[
            min(verbose, 2)
        ]  # fmt: skip
        handler = logging.StreamHandler()
        handler.setFormatter(_TerminalFormatter("hrdem: %(message)s"))
        if not verbose:
            handler.addFilter(RetryRateLimit())
        logging.basicConfig(handlers=[handler], force=True)
        logging.getLogger("hrdem").setLevel(level)
        noise = logging.DEBUG if verbose > 1 else logging.CRITICAL
        for name in ("rasterio", "httpx", "httpcore"):
            logging.getLogger(name).setLevel(max(noise, logging.INFO))
        click.get_current_context().meta["quiet"] = quiet
        return command(*args, **kwargs)

    return wrapped  # type: ignore[return-value]


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Join options into one decorator; they are listed in this order in the help."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def area(command: F) -> F:
    """Add all that can be said of an area; the command is given what was said of it, no more."""

    @together(bbox, bbox_crs, aoi, aoi_crs, aoi_layer, like, nts, point, radius, buffer)
    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        said = {k: v for k, v in kwargs.items() if v is not None or k not in AREA_WORDS}
        return command(*args, **said)

    return wrapped  # type: ignore[return-value]


def cache(command: F) -> F:
    """Add what can be said of the cache; the command is given it as ``kept``.

    The demonstration of --demo is not kept.
    """

    @together(cache_dir, no_cache, max_cache, offline)
    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("demo"):
            if kwargs["offline"]:
                raise click.UsageError(
                    "--demo has another address each time, so nothing of it is kept. Keep it up "
                    "with hrdem demo serve, and give its --stac-url; then --offline finds it again."
                )
            kwargs["no_cache"] = True
        kept = {name: kwargs.pop(name) for name in CACHE_WORDS}
        return command(*args, kept=kept, **kwargs)

    return wrapped  # type: ignore[return-value]


grid = together(crop, crs, resolution, resampling, vertical_datum, vertical_grid)
terrain = together(algorithm, slope_unit, aspect_north)
tiers = together(collection, fill, feather, source_band, surveys)
service = together(via, engine, align, on_change, stac_url, wcs_url, wcs_limit, demo)

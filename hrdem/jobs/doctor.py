"""Check whether hrdem works here: installation, cache, network and services.

Each check yields a `Check`; a failure does not stop independent checks.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import CRSError

from hrdem._version import __version__
from hrdem.catalog.items import Item
from hrdem.catalog.search import list_items
from hrdem.errors import (
    ExitCode,
    HrdemError,
    NoDataError,
    RequestError,
    ServerError,
    WcsError,
)
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.transform import project_points
from hrdem.http.cache.store import Cache
from hrdem.http.certificates import find_certificates, make_tls_context
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Http
from hrdem.http.proxies import read_proxies
from hrdem.http.retry import Retries
from hrdem.http.timeouts import Timeouts
from hrdem.request import fields
from hrdem.request.message_parameters import drop_foreign_advice
from hrdem.request.products import COLLECTIONS, HEIGHT_PRODUCTS, AssetKind, Collection
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.gdal_env import list_ignored_variables, pinned_gdal
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line
from hrdem.sources.cog import probe_cog
from hrdem.sources.wcs.capabilities import describe_coverage, read_capabilities
from hrdem.sources.wcs.get_coverage import GEOTIFF

_LIBRARIES = ("rasterio", "numpy", "httpx", "shapely")
# From the formulas of Lambert conic conformal (2SP), EPSG guidance note 7-2.
PROBE_LONLAT, PROBE_XY = (-75.7, 45.4), (1_511_127.636, -172_193.060)
_MAX_PROJ_ERROR_METRES = 0.01
TIMEOUTS = Timeouts(connect=5, read=15, total=30)
_RETRIES = Retries(attempts=2, max_retry_after=5)
_MAX_FILES = 3  # files to try
_MAX_LIST_CHARACTERS = 500
_WCS_VERSION = "1.1.1"
_PROJ_FIX = "Install rasterio again, which brings its PROJ: pip install --force-reinstall rasterio"
_NETWORK_FIX = "Correct or unset these variables."
_STORE_FIX = (
    "Files are on another host than the catalogue. Check that the proxy allows that host, "
    "with Range headers."
)
_PARAMETERS = frozenset(field.name for field in fields.DOCTOR)
_WCS_FIX = "Nothing to do while COGs are available: they hold the same data, and are read first."


class State(StrEnum):
    """Outcome of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check.

    Attributes:
        name: What was checked.
        found: Description of what was found.
        state: Fine, a warning, or a failure that prevents extractions.
        fix: What to do about it; empty if it is fine.
        exit_code: Exit code of other commands on this failure; 0 unless it failed.
        seconds: Duration of the check.
    """

    name: str
    found: str
    state: State = State.OK
    fix: str = ""
    exit_code: ExitCode = ExitCode.COMPLETE
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "name": self.name,
            "state": self.state.value,
            "found": self.found,
            "fix": self.fix,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class _Finding:
    """What a check found, and the fix for a warning; empty if it is fine."""

    found: str
    fix: str = ""


def run_checks(
    stac_url: str,
    wcs_url: str | None,
    http: Http | None = None,
    open_cache: Callable[[], Cache] = Cache,
) -> Iterator[Check]:
    """Run all checks, from the installation outwards, and yield each when it is done.

    Checks that depend on a failed one are skipped.

    Args:
        stac_url: Root of the STAC API, with a trailing slash.
        wcs_url: Address of the WCS; None if none serves the same data.
        http: HTTP client; None creates one with shorter timeouts than usual.
        open_cache: Returns the cache to check.
    """
    yield _run_check("versions", "", _check_versions)
    yield _run_check("PROJ", _PROJ_FIX, _check_proj)
    yield _run_check("cache", "", _check_cache, open_cache)
    network = _run_check("network", _NETWORK_FIX, _check_network, stac_url, wcs_url)
    yield network
    if network.state is State.FAIL:
        return
    with ExitStack() as stack:
        client = http or stack.enter_context(HttpClient(timeouts=TIMEOUTS, retries=_RETRIES))
        yield from _check_files(stac_url, client)
        if wcs_url is None:
            yield Check("WCS", "none is known for this catalogue; give its address as `wcs_url`")
        else:
            yield from _check_coverages(wcs_url, client)


def _check_files(stac_url: str, http: Http) -> Iterator[Check]:
    fix = (
        f"If {redact_secrets(stac_url)} opens in a browser here, a proxy or its certificate is in "
        "the way: set HTTPS_PROXY and SSL_CERT_FILE. Otherwise try again later, or give another "
        "`stac_url`."
    )
    items: list[Item] = []
    mosaics = (each for each in COLLECTIONS.values() if not each.by_survey)  # surveys are many
    for collection in mosaics:
        check = _run_check(
            f"STAC {collection.name}", fix, _check_collection, collection, stac_url, http, items
        )
        yield check
        if check.state is State.FAIL:  # so would the others
            break
    assets = [
        item.get_asset(product, AssetKind.COG)
        for item in items
        for product in HEIGHT_PRODUCTS.values()
    ]
    hrefs = [asset.href for asset in assets if asset]
    if hrefs or check.state is not State.FAIL:
        yield _run_check("store", _STORE_FIX, _check_store, hrefs[:_MAX_FILES], http)


def _check_coverages(wcs_url: str, http: Http) -> Iterator[Check]:
    served: list[str] = []
    yield _run_check("WCS", _WCS_FIX, _check_capabilities, wcs_url, http, served)
    for product in served:
        yield _run_check(f"WCS {product}", _WCS_FIX, _check_coverage, product, wcs_url, http)


def _run_check(name: str, fix: str, check_: Callable[..., _Finding], *arguments: Any) -> Check:
    """Run a check; ``fix`` is for errors."""
    started = time.monotonic()
    try:
        with pinned_gdal():
            finding = check_(*arguments)
        check = Check(name, finding.found, State.WARN if finding.fix else State.OK, finding.fix)
    except HrdemError as exc:
        check = Check(name, str(exc), State.FAIL, fix, exc.exit_code)
    found = drop_foreign_advice(check.found, _PARAMETERS)
    return replace(check, found=found, seconds=round(time.monotonic() - started, 3))


def _check_versions() -> _Finding:
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    ours = (
        f"hrdem {__version__}, Python {platform.python_version()} on {platform.system()} "
        f"{platform.machine()}, GDAL {rasterio.__gdal_version__}, PROJ {rasterio.__proj_version__}"
    )
    found = ", ".join([ours, *libraries])
    if ignored := list_ignored_variables():
        found = f"{found}; {', '.join(ignored)} of the environment are ignored"
    return _Finding(found)


def _check_proj() -> _Finding:
    x, y = PROBE_XY
    try:
        [[there_x, there_y]] = project_points(np.array([PROBE_LONLAT]), LONLAT, NATIVE_CRS)
    except (CRSError, NoDataError) as exc:
        raise HrdemError(f"PROJ cannot use {LONLAT} and {NATIVE_CRS}: {exc}.") from exc
    if abs(there_x - x) > _MAX_PROJ_ERROR_METRES or abs(there_y - y) > _MAX_PROJ_ERROR_METRES:
        raise HrdemError(
            f"PROJ puts {PROBE_LONLAT} at {there_x:.3f}, {there_y:.3f} in {NATIVE_CRS} instead of "
            f"{x:.3f}, {y:.3f}."
        )
    return _Finding(f"knows {LONLAT} and {NATIVE_CRS}, and transforms exactly")


def _check_cache(open_cache: Callable[[], Cache]) -> _Finding:
    cache = open_cache()
    info = cache.info()
    found = f"{info.folder}: {format_size(info.bytes)} of at most {format_size(info.limit)} used"
    try:
        cache.check_private()
        cache.check()
    except RequestError as exc:
        return _Finding(found, str(exc))
    except OSError as exc:
        fix = "Give another `cache_dir`; without a cache, interrupted runs start again."
        return _Finding(f"{found}; the folder is not writable ({exc})", fix)
    return _Finding(found)


def _check_network(stac_url: str, wcs_url: str | None) -> _Finding:
    certificates = find_certificates()
    make_tls_context(certificates)
    routes = [f"STAC {_describe_route(stac_url)}"]
    if wcs_url is not None:
        routes.append(f"WCS {_describe_route(wcs_url)}")
    return _Finding(f"{', '.join(routes)}; certificates of {certificates.source}")


def _describe_route(url: str) -> str:
    proxy = read_proxies().route(url)
    return f"through {proxy.display_url} ({proxy.source})" if proxy else "without a proxy"


def _check_collection(
    collection: Collection, stac_url: str, http: Http, items: list[Item]
) -> _Finding:
    """Find the items of a collection, and append them to ``items``."""
    found = list_items(collection, stac_url, http)
    items += found
    if not found:
        fix = f"Choose another `collection` than {collection.name}, or give another `stac_url`."
        return _Finding(f"{collection.id} has no items", fix)
    counts = [
        f"{name} in {sum(item.get_asset(product, AssetKind.COG) is not None for item in found)}"
        for name, product in HEIGHT_PRODUCTS.items()
    ]
    newest = max(item.updated for item in found)[:10]
    since = f", the newest of {newest}" if newest else ""
    return _Finding(f"{collection.id}: {', '.join(counts)} of {len(found)} items{since}")


def _check_store(hrefs: list[str], http: Http) -> _Finding:
    """Open the first file that exists: a catalogue may list missing ones."""
    if not hrefs:
        raise NoDataError("The catalogue lists no file. Give another `stac_url`.")
    for href in hrefs[:-1]:
        try:
            return _check_file(href, http)
        except ServerError as exc:
            if not exc.is_missing:
                raise
    return _check_file(hrefs[-1], http)


def _check_file(href: str, http: Http) -> _Finding:
    file = probe_cog(href, http)
    width, height = file.block
    version = file.version
    found = (
        f"{version.url}, {_describe_route(href)}, supports ranges: {version.size:,} bytes, "
        f"{file.dtype}, blocks of {width} x {height}"
    )
    if version.pinned:
        return _Finding(f"{found}, ETag {version.etag}")
    return _Finding(
        f"{found}, no strong ETag",
        "Nothing to do, but a file that is republished while it is read may go unnoticed.",
    )


def _check_capabilities(url: str, http: Http, served: list[str]) -> _Finding:
    """Find the products that a WCS serves, and append them to ``served``."""
    try:
        offers = read_capabilities(url, http)
    except WcsError as exc:  # gone, or not a WCS: COGs do not need it
        return _Finding(str(exc), _WCS_FIX)
    served += [name for name in HEIGHT_PRODUCTS if name in offers.identifiers]
    listed = to_one_line(", ".join(offers.identifiers), _MAX_LIST_CHARACTERS)
    versions = (
        to_one_line(", ".join(offers.versions), _MAX_LIST_CHARACTERS) or "that it does not state"
    )
    found = f"{redact_secrets(url)} offers {listed} in versions {versions}"
    if not served or _WCS_VERSION not in (offers.versions or (_WCS_VERSION,)):
        return _Finding(f"{found}; no product of hrdem in version {_WCS_VERSION}", _WCS_FIX)
    return _Finding(f"{found}; serves {', '.join(served)}")


def _check_coverage(product: str, url: str, http: Http) -> _Finding:
    described = describe_coverage(url, product, http)
    size = "of unknown size"
    if described.resolution:
        size = "{:g} x {:g} m".format(*described.resolution)
    crss = [crs for crs in described.crss if crs.startswith("EPSG:")]
    found = f"pixels {size}; {', '.join(crss) or 'no CRS'}; {', '.join(described.formats)}"
    if NATIVE_CRS not in crss or GEOTIFF not in described.formats:
        return _Finding(f"{found}; not {GEOTIFF} in {NATIVE_CRS}", _WCS_FIX)
    return _Finding(found)

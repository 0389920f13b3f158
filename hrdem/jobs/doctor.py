"""Whether hrdem can work here: the installation, the network around it, the services.

Each look ends in a `Check`; what one finds does not stop the others.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.request import getproxies

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
from hrdem.geo.crs import LONLAT, NATIVE_CRS, project_points
from hrdem.http.cache.store import Cache
from hrdem.http.certificates import certificate_bundle
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Http
from hrdem.http.retry import Retries
from hrdem.http.timeouts import Timeouts
from hrdem.request.products import COLLECTIONS, HEIGHT_PRODUCTS, AssetKind, Collection
from hrdem.runtime.byte_sizes import format_size
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line
from hrdem.sources.cog import probe_cog
from hrdem.sources.wcs.capabilities import describe_coverage, read_capabilities
from hrdem.sources.wcs.get_coverage import GEOTIFF

_LIBRARIES = ("rasterio", "numpy", "httpx", "pystac-client", "shapely")
PROJ_VARIABLES = ("PROJ_DATA", "PROJ_LIB")
# by the formulas of Lambert's conformal conic with two standard parallels (EPSG guidance note 7-2)
PROBE_LONLAT, PROBE_XY = (-75.7, 45.4), (1_511_127.636, -172_193.060)
_EXACT = 0.01  # metres
TIMEOUTS = Timeouts(connect=5, read=15, total=30)
_RETRIES = Retries(attempts=2, longest_retry_after=5)
_MOST_FILES = 3  # that are tried
_MOST_LISTED = 500  # characters
_VERSION = "1.1.1"  # of WCS
_NETWORK_FIX = "Mend or unset these variables."
_STORE_FIX = (
    "Files lie on another host than the catalogue: see that the proxy lets it through, with Range "
    "headers."
)
_WCS_FIX = "Nothing to do as long as COGs can be had, which hold the same data: `via=cog`."


class State(StrEnum):
    """How something was found."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found where something was looked at.

    Attributes:
        name: What was looked at.
        found: What was found, in words.
        state: How that is: fine, not as it should be, or in the way of an extraction.
        fix: What to do about it; empty if it is fine.
        exit_code: With which other commands would end for it; 0 unless it failed.
        seconds: How long the look took.
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
    """What a look found, and what to do if that is not as it should be."""

    found: str
    fix: str = ""


def run_checks(
    stac_url: str, wcs_url: str | None, http: Http | None = None, cache: Cache | None = None
) -> Iterator[Check]:
    """Look at everything, from here outwards; each check comes as it is done.

    What cannot be asked because something before it failed is left out.

    Args:
        stac_url: Root of the STAC API, with a slash at its end.
        wcs_url: Address of the WCS; None if none has the same data.
        http: Client to use; one that is less patient than usual is made otherwise.
        cache: Where things are kept; None for the usual one.
    """
    yield _check("versions", "", _versions)
    yield _check("PROJ", _proj_fix(), _proj)
    yield _check("cache", "", _kept, cache or Cache())
    with ExitStack() as stack:
        try:
            client = http or stack.enter_context(HttpClient(timeouts=TIMEOUTS, retries=_RETRIES))
        except RequestError as exc:
            yield Check("network", str(exc), State.FAIL, _NETWORK_FIX, exc.exit_code)
            return
        yield _check("network", _NETWORK_FIX, _surroundings)
        yield from _files(stac_url, client)
        if wcs_url is None:
            yield Check("WCS", "none is known to have what this catalogue has; `wcs_url` names one")
        else:
            yield from _coverages(wcs_url, client)


def _files(stac_url: str, http: Http) -> Iterator[Check]:
    fix = (
        f"If {redact_secrets(stac_url)} opens in a browser here, a proxy or its certificate is in "
        "the way: set HTTPS_PROXY and SSL_CERT_FILE. Else try again later, or give another "
        "`stac_url`."
    )
    items: list[Item] = []
    for collection in COLLECTIONS.values():
        check = _check(f"STAC {collection.name}", fix, _listed, collection, stac_url, http, items)
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
        yield _check("store", _STORE_FIX, _stored, hrefs[:_MOST_FILES], http)


def _coverages(wcs_url: str, http: Http) -> Iterator[Check]:
    served: list[str] = []
    yield _check("WCS", _WCS_FIX, _offered, wcs_url, http, served)
    for product in served:
        yield _check(f"WCS {product}", _WCS_FIX, _described, product, wcs_url, http)


def _check(name: str, fix: str, look: Callable[..., _Finding], *about: Any) -> Check:
    """Have a look; ``fix`` is for errors."""
    begun = time.monotonic()
    try:
        finding = look(*about)
        check = Check(name, finding.found, State.WARN if finding.fix else State.OK, finding.fix)
    except HrdemError as exc:
        check = Check(name, str(exc), State.FAIL, fix, exc.exit_code)
    return replace(check, seconds=round(time.monotonic() - begun, 3))


def _versions() -> _Finding:
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    ours = (
        f"hrdem {__version__}, Python {platform.python_version()} on {platform.system()} "
        f"{platform.machine()}, GDAL {rasterio.__gdal_version__}, PROJ {rasterio.__proj_version__}"
    )
    return _Finding(", ".join([ours, *libraries]))


def _proj() -> _Finding:
    x, y = PROBE_XY
    try:
        [[there_x, there_y]] = project_points(np.array([PROBE_LONLAT]), LONLAT, NATIVE_CRS)
    except (CRSError, NoDataError) as exc:
        raise HrdemError(f"PROJ cannot use {LONLAT} and {NATIVE_CRS}: {exc}.") from exc
    if abs(there_x - x) > _EXACT or abs(there_y - y) > _EXACT:
        raise HrdemError(
            f"PROJ puts {PROBE_LONLAT} at {there_x:.3f}, {there_y:.3f} in {NATIVE_CRS} instead of "
            f"{x:.3f}, {y:.3f}."
        )
    return _Finding(f"knows {LONLAT} and {NATIVE_CRS}, and transforms exactly")


def _proj_fix() -> str:
    """PROJ follows the environment, which may lead to the data of another installation."""
    named = [f"{name} ({os.environ[name]})" for name in PROJ_VARIABLES if os.environ.get(name)]
    if named:
        return f"Unset {' and '.join(named)}, which leads to the data of another PROJ."
    return "Install rasterio again, which brings its PROJ: pip install --force-reinstall rasterio"


def _kept(cache: Cache) -> _Finding:
    info = cache.info()
    found = (
        f"{info.folder}: {format_size(info.bytes)} of at most {format_size(info.limit)} are kept"
    )
    try:
        cache.check()
    except OSError as exc:
        fix = "Give another `cache_dir`; without one, an interrupted run begins anew."
        return _Finding(f"{found}; nothing can be kept there ({exc})", fix)
    return _Finding(found)


def _surroundings() -> _Finding:
    proxies = getproxies()
    spared = proxies.pop("no", "")
    ways = [f"{scheme} through {_proxy(url)}" for scheme, url in proxies.items()]
    said = [", ".join(ways) or "no proxy"]
    if ways and spared:
        said.append(f"not for {spared}")
    said.append(f"certificates of {certificate_bundle() or 'certifi'}")
    return _Finding("; ".join(said))


def _proxy(url: str) -> str:
    """A proxy's address without credentials, also one that is given without a scheme."""
    scheme, between, rest = url.rpartition("//") if "@" not in url else url.partition("//")
    host = (rest or scheme).rpartition("@")[2]  # a password may have any signs
    return redact_secrets(f"{scheme}{between}{host}" if between else host)


def _listed(collection: Collection, stac_url: str, http: Http, items: list[Item]) -> _Finding:
    """Add the items of a collection to those that are known."""
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


def _stored(hrefs: list[str], http: Http) -> _Finding:
    """Meet the first file that is there; a catalogue may list some that are not."""
    if not hrefs:
        raise NoDataError("The catalogue lists no file. Give another `stac_url`.")
    for href in hrefs[:-1]:
        try:
            return _met(href, http)
        except ServerError as exc:
            if not exc.is_missing:
                raise
    return _met(hrefs[-1], http)


def _met(href: str, http: Http) -> _Finding:
    file = probe_cog(href, http)
    width, height = file.block
    version = file.version
    found = (
        f"{version.url} comes in ranges: {version.size:,} bytes, {file.dtype}, blocks of "
        f"{width} x {height}"
    )
    if version.pinned:
        return _Finding(f"{found}, ETag {version.etag}")
    return _Finding(
        f"{found}, no strong ETag",
        "Nothing to do, but a file that is published again while it is read may go unnoticed.",
    )


def _offered(url: str, http: Http, served: list[str]) -> _Finding:
    """Add the products that a WCS serves to those that are known."""
    try:
        offers = read_capabilities(url, http)
    except WcsError as exc:  # gone, or no WCS: COGs do without it
        return _Finding(str(exc), _WCS_FIX)
    served += [name for name in HEIGHT_PRODUCTS if name in offers.identifiers]
    listed = to_one_line(", ".join(offers.identifiers), _MOST_LISTED)
    versions = to_one_line(", ".join(offers.versions), _MOST_LISTED) or "not said"
    found = f"{redact_secrets(url)} offers {listed} in versions {versions}"
    if not served or _VERSION not in (offers.versions or (_VERSION,)):
        return _Finding(f"{found}; no product of hrdem in version {_VERSION}", _WCS_FIX)
    return _Finding(f"{found}; serves {', '.join(served)}")


def _described(product: str, url: str, http: Http) -> _Finding:
    described = describe_coverage(url, product, http)
    size = "not said"
    if described.resolution:
        size = "{:g} x {:g} m".format(*described.resolution)
    crss = [crs for crs in described.crss if crs.startswith("EPSG:")]
    found = f"pixels {size}; {', '.join(crss) or 'no CRS'}; {', '.join(described.formats)}"
    if NATIVE_CRS not in crss or GEOTIFF not in described.formats:
        return _Finding(f"{found}; not {GEOTIFF} in {NATIVE_CRS}", _WCS_FIX)
    return _Finding(found)

"""From items of the catalogue to the files behind them: opened, pinned, or replaced by the WCS."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from types import MappingProxyType

import shapely

from hrdem.catalog.items import Asset, Item
from hrdem.catalog.search import items_near
from hrdem.errors import (
    NetworkError,
    NoDataError,
    PlaceError,
    ServerError,
    SourceError,
    WcsError,
)
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Bounds
from hrdem.http.protocol import Http
from hrdem.http.retry import RETRIED_STATUSES
from hrdem.request.options import Align, Engine, Via
from hrdem.request.products import AssetKind
from hrdem.request.request import Request
from hrdem.runtime.redaction import without_secrets
from hrdem.runtime.threads import workers
from hrdem.sources.cog import meet_cog
from hrdem.sources.gdal import meet_gdal_cog, meet_vrt
from hrdem.sources.open import RasterFile
from hrdem.sources.wcs.coverage import WcsCoverage, meet_wcs

NOTHING_BROKEN: Mapping[str, NetworkError] = MappingProxyType({})
_HEADERS_AT_ONCE = 8
_MISSING = (403, 404)  # a bucket that may not be listed says 403 for what is missing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Met:
    """Something to read from, as it describes itself.

    Attributes:
        name: What it is called in messages and results: the item's id, as a rule.
        items: The items that it holds.
        asset: Key of the asset, or identifier of the coverage.
        file: The file or the coverage.
        share: The only part of it to read, left, bottom, right, top in EPSG:3979; None for all.
        instead_of: What is wrong with the COG in whose place it is read, or empty.
    """

    name: str
    items: tuple[Item, ...]
    asset: str
    file: RasterFile
    share: Bounds | None = None
    instead_of: str = ""

    @property
    def bounds(self) -> Bounds:
        """Left, bottom, right, top of what is read of it."""
        return self.share or self.file.grid.bounds


@dataclass(frozen=True, slots=True)
class Under:
    """What shares an area with a request's.

    Attributes:
        files: The files, sorted by sub-tile; at least one.
        lacking: Ids of items under the area that do not have the product.
        left_out: Ids of neighbours whose file is missing, and whose outline in the catalogue does
            not reach the area.
    """

    files: tuple[Met, ...]
    lacking: tuple[str, ...]
    left_out: tuple[str, ...]


def files_under(
    request: Request,
    area: Bounds,
    http: Http,
    broken: Mapping[str, NetworkError] = NOTHING_BROKEN,
) -> Under:
    """Look up the catalogue and the headers of the files, and keep the files that share an area.

    Every file that the catalogue names near the area of interest is opened, for only its own
    header tells where it lies.

    Args:
        request: What was asked for.
        area: Left, bottom, right, top in EPSG:3979 of what will be looked at.
        http: Client to ask with.
        broken: What went wrong with files that are not to be read, by the ids of their items; the
            WCS takes their place.

    Raises:
        NoDataError: If nothing lies under the area.
        NetworkError: If the catalogue or a header cannot be read.
    """
    items = _items(request, http)
    met: list[Met]
    lacking: list[Item] = []
    left_out: list[str] = []
    if request.via is Via.WCS:
        met = [_whole(_coverage(items, items, request, http), items, request, "")]
    else:
        assets = [(item, item.asset(request.product, request.kind)) for item in items]
        published = [(item, asset) for item, asset in assets if asset is not None]
        lacking = [item for item, asset in assets if asset is None and is_under(item, request)]
        met, failed, left_out = _headers(published, request, http)
        known = {item.id for item, _ in published}
        failed = {name: broken[name] for name in broken if name in known} | failed
        if failed:
            met = _with_wcs([item for item, _ in published], met, failed, request, http)
    under = [each for each in met if _share_area(each, area, request)]
    if not under:
        raise _lacking(request, lacking) if lacking else nothing_there(request)
    order = {item.id: number for number, item in enumerate(items)}
    under.sort(key=lambda each: min((order[item.id] for item in each.items), default=0))
    return Under(tuple(under), tuple(item.id for item in lacking), tuple(sorted(left_out)))


def may_fall_back(request: Request) -> bool:
    """Whether the WCS may take the place of COGs that cannot be had."""
    return (
        request.via is Via.AUTO
        and request.wcs_url is not None
        and request.align is Align.PIXELS
        and request.collection.in_wcs
    )


def is_under(item: Item, request: Request) -> bool:
    """Whether the catalogue's outline of an item reaches the area; True if it gives none."""
    outline = item.footprint
    return outline is None or outline.intersection(request.aoi.geometry).area > 0


def _headers(
    published: list[tuple[Item, Asset]], request: Request, http: Http
) -> tuple[list[Met], dict[str, NetworkError], list[str]]:
    """Read headers: what was met, what failed and may come through the WCS, and what is left out.

    A file that is missing is no error if the catalogue says that it is a neighbour's.
    """
    met: list[Met] = []
    failed: dict[str, NetworkError] = {}
    left_out = []
    with workers(_HEADERS_AT_ONCE, "header") as pool:
        reading = {pool.submit(_header, *each, request, http): each for each in published}
        for done in as_completed(reading):
            item, asset = reading[done]
            try:
                met.append(Met(item.id, (item,), asset.key, done.result()))
            except PlaceError:  # whoever lists such a file may not be believed about others
                raise
            except NetworkError as exc:
                missing = isinstance(exc, ServerError) and exc.status in _MISSING
                if missing and item.footprint is not None and not is_under(item, request):
                    log.warning("%s It is left out: its outline does not reach the area.", exc)
                    left_out.append(item.id)
                elif may_fall_back(request):
                    failed[item.id] = exc
                else:
                    raise
    return met, failed, left_out


def _items(request: Request, http: Http) -> Sequence[Item]:
    """Items near the area; the WCS can be read without knowing them."""
    try:
        items = items_near(request.aoi, request.collection, request.stac_url, http)
    except NetworkError as exc:
        if request.via is not Via.WCS:
            raise
        log.warning("Which items the WCS serves here is not known, and will not be told: %s", exc)
        return ()
    if not items:
        raise nothing_there(request)
    return items


def _share_area(met: Met, area: Bounds, request: Request) -> bool:
    """Whether a raster holds pixels of an area."""
    if met.file.grid.crs != NATIVE_CRS:
        raise SourceError(
            f"The files of {request.collection.id} are in {met.file.grid.crs}, not in {NATIVE_CRS} "
            "as they should be. Check --stac-url."
        )
    left, bottom, right, top = met.bounds
    west, south, east, north = area
    return left < east and west < right and bottom < north and south < top


def _header(item: Item, asset: Asset, request: Request, http: Http) -> RasterFile:
    try:
        file: RasterFile
        if request.kind is AssetKind.VRT:
            file = meet_vrt(asset.href, http)
        elif request.engine is Engine.GDAL:
            file = meet_gdal_cog(asset.href, http)
        else:
            file = meet_cog(asset.href, http)
    except PlaceError as exc:
        raise PlaceError(f"The catalogue lists {asset.key} of item {item.id}, but {exc}") from exc
    except ServerError as exc:
        advice = ""
        if exc.status in _MISSING:
            advice = (
                " The file may have been moved or withdrawn: try later, another --collection, or "
                "--via vrt."
            )
        elif exc.status in RETRIED_STATUSES:
            advice = " Try again later."
        raise ServerError(
            f"The catalogue lists {asset.key} of item {item.id}, but {exc}{advice}", exc.status
        ) from exc
    log.info("%s: %s", item.id, file.version)
    if not file.version.condition:
        log.warning(
            "%s has neither ETag nor Last-Modified: only its size tells whether it changes.",
            file.version.url,
        )
    return file


def _with_wcs(
    items: Sequence[Item],
    met: list[Met],
    failed: dict[str, NetworkError],
    request: Request,
    http: Http,
) -> list[Met]:
    """Put the WCS in the place of the COGs that failed.

    It takes over whole sub-tiles, so that none is made of both; where the bounds of one are not
    known, it takes over all of them.
    """
    first = next(iter(failed.values()))
    by_id = {item.id: item for item in items}
    outlines = {name: by_id[name].footprint for name in failed}
    bounds = {name: _bounds(outline) for name, outline in outlines.items() if outline is not None}
    bounds |= {each.name: each.file.grid.bounds for each in met}  # headers know better
    whole = failed.keys() >= by_id.keys() or not failed.keys() <= bounds.keys()
    served = items if whole else [by_id[name] for name in failed]
    try:
        coverage = _coverage(items, served, request, http)
    except NetworkError as exc:
        raise _neither(first, exc) from exc
    for name, error in failed.items():
        log.warning("%s cannot be read from its COG, so it comes through the WCS: %s", name, error)
    if whole:
        return [_whole(coverage, items, request, str(first))]
    return [each for each in met if each.name not in failed] + [
        Met(
            f"{name} (WCS)", (by_id[name],), coverage.identifier, coverage, bounds[name], str(error)
        )
        for name, error in failed.items()
    ]


def _bounds(outline: shapely.Geometry) -> Bounds:
    left, bottom, right, top = outline.bounds
    return left, bottom, right, top


def _coverage(
    items: Sequence[Item], served: Sequence[Item], request: Request, http: Http
) -> WcsCoverage:
    """Ask the WCS what it has, and make sure that it reaches as far as the items it is to serve.

    Beyond what it says to have there is nodata.
    """
    assert request.wcs_url is not None
    # without a catalogue nothing tells editions apart, and what is kept is of this run only
    edition = "; ".join(f"{item.id} {item.updated}" for item in items) or secrets.token_hex(8)
    coverage = meet_wcs(
        request.wcs_url, request.product, request.collection, edition, request.wcs_limit, http
    )
    reach = shapely.box(*coverage.grid.bounds)
    for item in served:
        if item.footprint is not None and item.asset(request.product, AssetKind.COG):
            beyond = item.footprint.intersection(request.aoi.geometry).difference(reach)
            if beyond.area > 0:
                bounds = ",".join(f"{edge:.10g}" for edge in coverage.grid.bounds)
                raise WcsError(
                    f"The WCS {without_secrets(coverage.url)} says that its {coverage.identifier} "
                    f"reaches as far as {bounds} ({coverage.grid.crs}), but {item.id} has more of "
                    "it in the area. Read the files: --via cog."
                )
    return coverage


def _whole(coverage: WcsCoverage, items: Sequence[Item], request: Request, instead_of: str) -> Met:
    under = tuple(item for item in items if is_under(item, request))
    name = f"WCS {coverage.identifier}"
    return Met(name, under, coverage.identifier, coverage, None, instead_of)


def _neither(first: NetworkError, then: NetworkError) -> NetworkError:
    text = f"{first} The WCS cannot take its place either: {then}"
    if isinstance(first, ServerError):
        return ServerError(text, first.status)
    return type(first)(text)


def nothing_there(request: Request) -> NoDataError:
    """Return the error to raise where a collection has nothing."""
    return NoDataError(
        f"The collection {request.collection.id} has no item under the area {request.aoi.text}: "
        "it lies outside the coverage. Check the order west,south,east,north, or try another "
        "--collection; 30m covers all of Canada, and none covers more."
    )


def _lacking(request: Request, items: list[Item]) -> NoDataError:
    names = ", ".join(item.id for item in items)
    return NoDataError(
        f"{names} has no {request.product.name}. In the north there may be a dsm only: try "
        "--product dsm, or --collection 30m."
    )

"""From items of the catalogue to the files behind them: opened, pinned, or replaced by the WCS."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from types import MappingProxyType

from hrdem.catalog.items import Asset, Item
from hrdem.catalog.search import search_items
from hrdem.errors import (
    BlockedAddressError,
    NetworkError,
    NoDataError,
    ServerError,
    SourceError,
)
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Bounds
from hrdem.http.protocol import Http
from hrdem.http.retry import RETRIED_STATUSES
from hrdem.planning.resolved import ResolvedSource, ResolvedSources, is_in_area
from hrdem.planning.wcs_fallback import (
    find_coverage,
    is_fallback_allowed,
    replace_with_wcs,
    resolve_coverage,
)
from hrdem.request.options import Engine, Via
from hrdem.request.products import AssetKind
from hrdem.request.request import Request
from hrdem.runtime.threads import thread_pool
from hrdem.sources.cog import probe_cog
from hrdem.sources.gdal import probe_gdal_cog, probe_vrt
from hrdem.sources.protocol import RasterFile

NOTHING_BROKEN: Mapping[str, NetworkError] = MappingProxyType({})
_HEADERS_AT_ONCE = 8

log = logging.getLogger(__name__)


def resolve_sources(
    request: Request,
    area: Bounds,
    http: Http,
    broken: Mapping[str, NetworkError] = NOTHING_BROKEN,
) -> ResolvedSources:
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
    met: list[ResolvedSource]
    lacking: list[Item] = []
    skipped_neighbours: list[str] = []
    if request.via is Via.WCS:
        met = [resolve_coverage(find_coverage(items, items, request, http), items, request, "")]
    else:
        assets = [(item, item.get_asset(request.product, request.asset_kind)) for item in items]
        published = [(item, asset) for item, asset in assets if asset is not None]
        lacking = [item for item, asset in assets if asset is None and is_in_area(item, request)]
        met, failed, skipped_neighbours = _headers(published, request, http)
        known = {item.id for item, _ in published}
        failed = {name: broken[name] for name in broken if name in known} | failed
        if failed:
            met = replace_with_wcs([item for item, _ in published], met, failed, request, http)
    under = [each for each in met if _share_area(each, area, request)]
    if not under:
        raise _lacking(request, lacking) if lacking else no_item_error(request)
    order = {item.id: number for number, item in enumerate(items)}
    under.sort(key=lambda each: min((order[item.id] for item in each.items), default=0))
    return ResolvedSources(
        tuple(under), tuple(item.id for item in lacking), tuple(sorted(skipped_neighbours))
    )


def _headers(
    published: list[tuple[Item, Asset]], request: Request, http: Http
) -> tuple[list[ResolvedSource], dict[str, NetworkError], list[str]]:
    """Read headers: what was met, what failed and may come through the WCS, and what is left out.

    A file that is missing is no error if the catalogue says that it is a neighbour's.
    """
    met: list[ResolvedSource] = []
    failed: dict[str, NetworkError] = {}
    skipped_neighbours = []
    with thread_pool(_HEADERS_AT_ONCE, "header") as pool:
        reading = {pool.submit(_header, *each, request, http): each for each in published}
        for done in as_completed(reading):
            item, asset = reading[done]
            try:
                met.append(ResolvedSource(item.id, (item,), asset.key, done.result()))
            except (
                BlockedAddressError
            ):  # whoever lists such a file may not be believed about others
                raise
            except NetworkError as exc:
                missing = isinstance(exc, ServerError) and exc.is_missing
                if missing and item.footprint is not None and not is_in_area(item, request):
                    log.warning("%s It is left out: its outline does not reach the area.", exc)
                    skipped_neighbours.append(item.id)
                elif is_fallback_allowed(request):
                    failed[item.id] = exc
                else:
                    raise
    return met, failed, skipped_neighbours


def _items(request: Request, http: Http) -> Sequence[Item]:
    """Items near the area; the WCS can be read without knowing them."""
    try:
        items = search_items(request.aoi, request.collection, request.stac_url, http)
    except NetworkError as exc:
        if request.via is not Via.WCS:
            raise
        log.warning("Which items the WCS serves here is not known, and will not be told: %s", exc)
        return ()
    if not items:
        raise no_item_error(request)
    return items


def _share_area(met: ResolvedSource, area: Bounds, request: Request) -> bool:
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
        if request.asset_kind is AssetKind.VRT:
            file = probe_vrt(asset.href, http)
        elif request.engine is Engine.GDAL:
            file = probe_gdal_cog(asset.href, http)
        else:
            file = probe_cog(asset.href, http)
    except BlockedAddressError as exc:
        raise BlockedAddressError(
            f"The catalogue lists {asset.key} of item {item.id}, but {exc}"
        ) from exc
    except ServerError as exc:
        advice = ""
        if exc.is_missing:
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
    if file.version is not None and not file.version.condition:
        log.warning(
            "%s has neither ETag nor Last-Modified: only its size tells whether it changes.",
            file.display_url,
        )
    return file


def no_item_error(request: Request) -> NoDataError:
    """Return the error to raise where a collection has nothing."""
    return NoDataError(
        f"The collection {request.collection.id} has no item under the area {request.aoi.label}: "
        "it lies outside the coverage. Check the order west,south,east,north, or try another "
        "--collection; 30m covers all of Canada, and none covers more."
    )


def _lacking(request: Request, items: list[Item]) -> NoDataError:
    names = ", ".join(item.id for item in items)
    return NoDataError(
        f"{names} has no {request.product.name}. In the north there may be a dsm only: try "
        "--product dsm, or --collection 30m."
    )

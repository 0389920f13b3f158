"""Resolve items of the catalogue to sources: open files, pin versions, replace failed COGs."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import shapely

from hrdem.catalog.early_search import count_tiles
from hrdem.catalog.items import Asset, Item
from hrdem.catalog.search import search_items
from hrdem.catalog.survey_items import select_surveys
from hrdem.errors import (
    BlockedAddressError,
    NetworkError,
    NoDataError,
    ServerError,
    SourceError,
)
from hrdem.geo.band import check_band
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Bounds
from hrdem.http.protocol import Http
from hrdem.http.retry import RETRIED_STATUSES
from hrdem.planning.find_gaps import (
    MIN_GAP_M2,
    find_gaps,
    find_needed,
    find_uncovered,
    may_be_left_out,
)
from hrdem.planning.gap import Gap, NothingReadableError
from hrdem.planning.query import Lookup, MosaicQuery
from hrdem.planning.resolved import ResolvedSource, ResolvedSources
from hrdem.planning.wcs_fallback import (
    find_coverage,
    is_fallback_allowed,
    is_in_area,
    replace_with_wcs,
    resolve_coverage,
)
from hrdem.request.options import Align, Engine, Via
from hrdem.request.products import AssetKind
from hrdem.runtime.threads import iterate_completed, thread_pool
from hrdem.sources.cog import probe_cog
from hrdem.sources.protocol import RasterFile

MAX_HEADER_THREADS = 8

log = logging.getLogger(__name__)


def resolve_sources(
    query: MosaicQuery, area: Bounds, pixel_size: float, lookup: Lookup
) -> ResolvedSources:
    """Look up the catalogue, read headers, and return the files that overlap an area.

    Every file that the catalogue lists near the area is opened: only its own header states where
    it is.

    Args:
        query: Area, collection and product.
        area: Left, bottom, right, top in EPSG:3979 of the pixels that may be read.
        pixel_size: Largest size of their pixels, metres.
        lookup: Access to the catalogue and the files.

    Raises:
        NoDataError: If nothing overlaps the area.
        NothingReadableError: If files are left out and no other overlaps the area.
        NetworkError: If the catalogue or a header cannot be read.
    """
    needed = functools.partial(find_needed, query, area)
    query = query.expand_to(area)
    items = _find_items(query, lookup.http)
    if query.via is Via.WCS:
        coverage = find_coverage(items, items, query, lookup.http)
        settled = _Settled([resolve_coverage(coverage, items, query, "")])
        without_product: list[Item] = []
    else:
        assets = [(item, item.get_asset(query.product, query.asset_kind)) for item in items]
        published = [(item, asset) for item, asset in assets if asset is not None]
        without_product = [
            item for item, asset in assets if asset is None and is_in_area(item, query)
        ]
        connections = count_tiles(area, pixel_size) if lookup.reads_pixels else 0
        headers = _read_headers(published, query, lookup.http, connections)
        settled = _settle([item for item, _ in published], headers, query, needed, lookup)
    found = [source for source in settled.sources if _overlaps(source, area, query)]
    if not found:
        if settled.gaps:
            raise NothingReadableError(settled.gaps)
        raise _no_product_error(query, without_product) if without_product else no_item_error(query)
    order = {item.id: number for number, item in enumerate(items)}
    found.sort(key=lambda source: min((order[item.id] for item in source.items), default=0))
    return ResolvedSources(
        tuple(found),
        tuple(item.id for item in without_product),
        tuple(sorted(settled.skipped_neighbours)),
        tuple(settled.gaps),
    )


def _find_items(query: MosaicQuery, http: Http) -> Sequence[Item]:
    """Search items near the area; none if the catalogue cannot be read and only a WCS is used."""
    try:
        items = search_items(query.aoi, query.collection, query.stac_url, http)
    except NetworkError as exc:
        if query.via is not Via.WCS:
            raise
        log.warning("The items that the WCS serves here are unknown and will be omitted: %s", exc)
        return ()
    if not items:
        raise no_item_error(query)
    if query.project is None and query.year is None:
        return items
    return select_surveys(items, query.project, query.year, query.aoi)


@dataclass(slots=True)
class _Headers:
    """The result of reading the headers of several files.

    Attributes:
        sources: Files that were opened.
        failed: Errors of files that something may be done about, by id of the item.
    """

    sources: list[ResolvedSource] = field(default_factory=list)
    failed: dict[str, NetworkError] = field(default_factory=dict)


def _read_headers(
    published: Sequence[tuple[Item, Asset]], query: MosaicQuery, http: Http, connections: int
) -> _Headers:
    """Read the headers of all files, while connections are opened for their pixels."""
    headers = _Headers()
    with thread_pool(MAX_HEADER_THREADS, "header") as pool:
        pending = {pool.submit(_read_header, *each, query, http): each for each in published}
        if published and connections > len(published):
            http.open_connections(published[0][1].href, connections - len(published))
        for future in iterate_completed(pending):
            item, asset = pending[future]
            try:
                file = future.result()
            except BlockedAddressError:
                raise  # a catalogue that lists such a file cannot be trusted about others
            except NetworkError as exc:
                missing = isinstance(exc, ServerError) and exc.is_missing
                if not (missing or is_fallback_allowed(query) or _is_left_out(exc, query)):
                    raise
                headers.failed[item.id] = exc
            else:
                # what a file states about its values is not the WCS's to correct
                check_band(file.band, query.product.unit, file.display_url)
                file.check_readable()
                headers.sources.append(ResolvedSource(item.id, (item,), asset.key, file))
    return headers


def _is_left_out(error: NetworkError, query: MosaicQuery) -> bool:
    return query.allow_partial and may_be_left_out(error)


def _read_header(item: Item, asset: Asset, query: MosaicQuery, http: Http) -> RasterFile:
    """Open a file; errors name the item and the asset."""
    try:
        file: RasterFile
        if query.asset_kind is AssetKind.VRT:
            from hrdem.sources.gdal import probe_vrt  # noqa: PLC0415 (most files are read without)

            file = probe_vrt(asset.href, query.product.unit, http)
        elif query.engine is Engine.GDAL:
            from hrdem.sources.gdal import probe_gdal_cog  # noqa: PLC0415

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
                " The file may have been moved or withdrawn: try later, or another `collection`."
            )
            has_vrt = item.get_asset(query.product, AssetKind.VRT) is not None
            if query.asset_kind is AssetKind.COG and query.align is Align.PIXELS and has_vrt:
                advice += " Or try `via=vrt`."
        elif exc.status in RETRIED_STATUSES:
            advice = " Try again later."
        if advice and not query.allow_partial:
            advice += " `allow_partial` leaves it out."
        raise ServerError(
            f"The catalogue lists {asset.key} of item {item.id}, but {exc}{advice}", exc.status
        ) from exc
    log.info("%s: %s", item.id, file.version)
    if file.version is not None and not file.version.condition:
        log.warning(
            "%s has neither ETag nor Last-Modified: a change is noticed only if its size changes.",
            file.display_url,
        )
    return file


@dataclass(slots=True)
class _Settled:
    """What is read, after it was decided what to do about files that cannot be read.

    Attributes:
        sources: Files and coverages to read.
        gaps: Files that are left out.
        skipped_neighbours: Ids of items whose missing file is not in the area.
    """

    sources: list[ResolvedSource]
    gaps: list[Gap] = field(default_factory=list)
    skipped_neighbours: list[str] = field(default_factory=list)


def _settle(
    items: Sequence[Item],
    headers: _Headers,
    query: MosaicQuery,
    find_area: Callable[[], shapely.Geometry],
    lookup: Lookup,
) -> _Settled:
    """Skip missing neighbours, replace COGs that failed by the WCS, leave out what remains.

    COGs may have failed now or in an earlier attempt.

    Args:
        items: All items that publish the product.
        headers: Their headers.
        query: Collection, product, and the area that was searched.
        find_area: Returns the area that is needed; it takes time for large shapes.
        lookup: Access to the WCS, and earlier failures.

    Raises:
        NetworkError: If nothing can be done about a failure.
    """
    by_id = {item.id: item for item in items}
    lost = query.select(lookup.left_out)
    lost = {name: lost[name] for name in lost if name in by_id}
    failed = query.select(lookup.failed_cogs) | headers.failed
    failed = {name: failed[name] for name in failed if name in by_id and name not in lost}
    if not failed and not lost:
        return _Settled(headers.sources)
    needed = find_area()
    failed, skipped = _skip_neighbours(failed, by_id, headers, needed)
    for error in failed.values():
        if not is_fallback_allowed(query) and not _is_left_out(error, query):
            raise error
    sources = [source for source in headers.sources if source.name not in lost]
    if failed and is_fallback_allowed(query):
        kept = [item for item in items if item.id not in lost]
        try:
            sources = replace_with_wcs(kept, sources, failed, query, lookup.http)
        except NetworkError:
            if not all(_is_left_out(error, query) for error in failed.values()):
                raise
        else:
            failed = {}
    lost |= failed
    sources = [source for source in sources if source.name not in lost]
    gaps = find_gaps(lost, by_id, headers.sources, query, needed)
    for gap in gaps:
        log.warning("%s It is left out, and the output is incomplete.", gap.error)
    listed = {gap.item for gap in gaps}
    outside = [name for name in lost if name not in listed]
    for name in outside:
        log.warning("%s It is skipped: it does not reach the area.", lost[name])
    return _Settled(sources, gaps, [*skipped, *outside])


def _skip_neighbours(
    failed: Mapping[str, NetworkError],
    items: Mapping[str, Item],
    headers: _Headers,
    needed: shapely.Geometry,
) -> tuple[dict[str, NetworkError], list[str]]:
    """Skip missing files of neighbours.

    Outlines in the catalogue may be wrong, the headers of other files are not: a missing file whose
    outline is elsewhere is a neighbour's only if they cover all of the area.

    Returns:
        The errors of the other files, by id of the item, and the ids of the neighbours.
    """
    remaining: dict[str, NetworkError] = {}
    skipped = []
    uncovered = not find_uncovered(needed, headers.sources).is_empty
    for name, error in failed.items():
        outline = items[name].footprint
        elsewhere = outline is not None and outline.intersection(needed).area < MIN_GAP_M2
        if not (elsewhere and isinstance(error, ServerError) and error.is_missing):
            remaining[name] = error
        elif uncovered:
            remaining[name] = ServerError(
                f"{error} By its outline in the catalogue it does not reach the area, but no other "
                "file covers all of that, so the outline may be wrong.",
                error.status,
            )
            remaining[name].__cause__ = error
        else:
            log.warning("%s It is skipped: its outline does not reach the area.", error)
            skipped.append(name)
    return remaining, skipped


def _overlaps(source: ResolvedSource, area: Bounds, query: MosaicQuery) -> bool:
    """Whether a source has pixels in an area."""
    if source.file.grid.crs != NATIVE_CRS:
        raise SourceError(
            f"The files of {query.collection.id} are in {source.file.grid.crs}; {NATIVE_CRS} was "
            "expected. Check `stac_url`."
        )
    left, bottom, right, top = source.bounds
    west, south, east, north = area
    return left < east and west < right and bottom < north and south < top


def no_item_error(query: MosaicQuery) -> NoDataError:
    """Return the error for a collection that has nothing in the area."""
    return NoDataError(
        f"The collection {query.collection.id} has no item in the area {query.aoi.label}: it is "
        "outside the coverage."
    )


def _no_product_error(query: MosaicQuery, items: Sequence[Item]) -> NoDataError:
    product, names = query.product, ", ".join(item.id for item in items)
    if query.asset_kind is AssetKind.VRT and any(
        item.get_asset(product, AssetKind.COG) for item in items
    ):
        return NoDataError(f"{names} has no VRT of {product.name}. Read the COG: `via=cog`.")
    north = ""
    if product.surfaces == ("dtm",):
        north = " In the north there may be a dsm only: give a `product` of that."
    return NoDataError(f"{names} has no {product.name}.{north}")

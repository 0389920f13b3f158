"""COG to WCS fallback: a coverage replaces files that cannot be read."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import shapely

from hrdem.catalog.items import Item
from hrdem.errors import (
    NetworkError,
    ServerError,
    WcsError,
)
from hrdem.geo.grid import Bounds
from hrdem.http.protocol import Http
from hrdem.planning.find_gaps import MIN_GAP_M2
from hrdem.planning.query import MosaicQuery
from hrdem.planning.resolved import ResolvedSource
from hrdem.request.options import Align, Via
from hrdem.request.products import AssetKind

if TYPE_CHECKING:
    from hrdem.sources.wcs.coverage import WcsCoverage

log = logging.getLogger(__name__)


def is_fallback_allowed(query: MosaicQuery) -> bool:
    """Whether the WCS may replace COGs that cannot be read."""
    return (
        query.via is Via.AUTO
        and query.wcs_url is not None
        and query.align is Align.PIXELS
        and query.collection.in_wcs
    )


def is_in_area(item: Item, query: MosaicQuery) -> bool:
    """Whether the catalogue's outline of an item overlaps the area; True if it has none."""
    outline = item.footprint
    return outline is None or outline.intersection(query.aoi.geometry).area > 0


def replace_with_wcs(
    items: Sequence[Item],
    sources: Sequence[ResolvedSource],
    failed: Mapping[str, NetworkError],
    query: MosaicQuery,
    http: Http,
) -> list[ResolvedSource]:
    """Replace COGs that failed by the WCS.

    It replaces whole sub-tiles, so that none is a mixture of both. It replaces all of them if the
    bounds of one are unknown: it has no outline, or sources leave a part of the area uncovered.

    Args:
        items: All items that publish the product.
        sources: COGs that were opened.
        failed: Errors of the COGs to replace, by id of the item; at least one.
        query: Area, collection and product.
        http: HTTP client.

    Raises:
        NetworkError: If the WCS cannot replace them either.
    """
    first = next(iter(failed.values()))
    by_id = {item.id: item for item in items}
    outlines = {name: by_id[name].footprint for name in failed}
    bounds = {
        name: _bounds_of(outline) for name, outline in outlines.items() if outline is not None
    }
    # headers are more exact than the catalogue
    bounds |= {source.name: source.file.grid.bounds for source in sources}
    covered = [shapely.box(*edges) for edges in bounds.values()]
    uncovered = query.aoi.geometry.difference(shapely.union_all(covered)).area > MIN_GAP_M2
    replaces_all = failed.keys() >= by_id.keys() or not failed.keys() <= bounds.keys() or uncovered
    served = items if replaces_all else [by_id[name] for name in failed]
    try:
        coverage = find_coverage(items, served, query, http)
    except NetworkError as exc:
        raise _combine_network_errors(first, exc) from exc
    for name, error in failed.items():
        log.warning("%s cannot be read from its COG, so it comes through the WCS: %s", name, error)
    if replaces_all:
        return [resolve_coverage(coverage, items, query, str(first))]
    return [source for source in sources if source.name not in failed] + [
        ResolvedSource(
            f"{name} (WCS)", (by_id[name],), coverage.identifier, coverage, bounds[name], str(error)
        )
        for name, error in failed.items()
    ]


def find_coverage(
    items: Sequence[Item], served: Sequence[Item], query: MosaicQuery, http: Http
) -> WcsCoverage:
    """Look up the coverage of the WCS, and check that it contains the items that it has to serve.

    Beyond the bounds that it states, a WCS returns nodata.

    Args:
        items: All items that publish the product; they identify the edition of the data.
        served: Items that the coverage has to serve.
        query: Area, collection and product.
        http: HTTP client.

    Raises:
        NetworkError: If the WCS cannot be read.
        WcsError: If it lacks the product, or does not contain the items.
    """
    assert query.wcs_url is not None
    # without a catalogue the edition is unknown: cached pieces then serve this run only
    edition = "; ".join(f"{item.id} {item.updated}" for item in items) or secrets.token_hex(8)
    from hrdem.sources.wcs.coverage import probe_wcs  # noqa: PLC0415 (most runs read files)

    coverage = probe_wcs(
        query.wcs_url, query.product, query.collection, edition, query.wcs_limit, http
    )
    extent = shapely.box(*coverage.grid.bounds)
    for item in served:
        if item.footprint is not None and item.get_asset(query.product, AssetKind.COG):
            beyond = item.footprint.intersection(query.aoi.geometry).difference(extent)
            if beyond.area > 0:
                bounds = ",".join(f"{edge:.10g}" for edge in coverage.grid.bounds)
                raise WcsError(
                    f"The WCS {coverage.display_url} states that its {coverage.identifier} "
                    f"reaches as far as {bounds} ({coverage.grid.crs}), but {item.id} has more of "
                    "it in the area. Read the files: `via=cog`."
                )
    return coverage


def resolve_coverage(
    coverage: WcsCoverage, items: Sequence[Item], query: MosaicQuery, fallback_reason: str
) -> ResolvedSource:
    """Return one source for all items in the area.

    Args:
        coverage: Coverage to read.
        items: Items that publish the product.
        query: Area.
        fallback_reason: Why it replaces COGs; empty if it was requested.
    """
    in_area = tuple(item for item in items if is_in_area(item, query))
    name = f"WCS {coverage.identifier}"
    return ResolvedSource(name, in_area, coverage.identifier, coverage, None, fallback_reason)


def _bounds_of(outline: shapely.Geometry) -> Bounds:
    left, bottom, right, top = outline.bounds
    return left, bottom, right, top


def _combine_network_errors(first: NetworkError, second: NetworkError) -> NetworkError:
    message = f"{first} The WCS cannot take its place either: {second}"
    if isinstance(first, ServerError):
        return ServerError(message, first.status)
    return type(first)(message)

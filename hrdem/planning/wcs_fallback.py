"""COG to WCS fallback: a coverage takes the place of files that cannot be read."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

import shapely

from hrdem.catalog.items import Item
from hrdem.errors import (
    NetworkError,
    ServerError,
    WcsError,
)
from hrdem.geo.grid import Bounds
from hrdem.http.protocol import Http
from hrdem.planning.resolved import ResolvedSource, is_in_area
from hrdem.request.options import Align, Via
from hrdem.request.products import AssetKind
from hrdem.request.request import Request
from hrdem.runtime.redaction import redact_secrets
from hrdem.sources.wcs.coverage import WcsCoverage, probe_wcs

log = logging.getLogger(__name__)


def is_fallback_allowed(request: Request) -> bool:
    """Whether the WCS may take the place of COGs that cannot be had."""
    return (
        request.via is Via.AUTO
        and request.wcs_url is not None
        and request.align is Align.PIXELS
        and request.collection.in_wcs
    )


def replace_with_wcs(
    items: Sequence[Item],
    met: list[ResolvedSource],
    failed: dict[str, NetworkError],
    request: Request,
    http: Http,
) -> list[ResolvedSource]:
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
        coverage = find_coverage(items, served, request, http)
    except NetworkError as exc:
        raise _neither(first, exc) from exc
    for name, error in failed.items():
        log.warning("%s cannot be read from its COG, so it comes through the WCS: %s", name, error)
    if whole:
        return [resolve_coverage(coverage, items, request, str(first))]
    return [each for each in met if each.name not in failed] + [
        ResolvedSource(
            f"{name} (WCS)", (by_id[name],), coverage.identifier, coverage, bounds[name], str(error)
        )
        for name, error in failed.items()
    ]


def _bounds(outline: shapely.Geometry) -> Bounds:
    left, bottom, right, top = outline.bounds
    return left, bottom, right, top


def find_coverage(
    items: Sequence[Item], served: Sequence[Item], request: Request, http: Http
) -> WcsCoverage:
    """Ask the WCS what it has, and make sure that it reaches as far as the items it is to serve.

    Beyond what it says to have there is nodata.
    """
    assert request.wcs_url is not None
    # without a catalogue nothing tells editions apart, and what is kept is of this run only
    edition = "; ".join(f"{item.id} {item.updated}" for item in items) or secrets.token_hex(8)
    coverage = probe_wcs(
        request.wcs_url, request.product, request.collection, edition, request.wcs_limit, http
    )
    reach = shapely.box(*coverage.grid.bounds)
    for item in served:
        if item.footprint is not None and item.get_asset(request.product, AssetKind.COG):
            beyond = item.footprint.intersection(request.aoi.geometry).difference(reach)
            if beyond.area > 0:
                bounds = ",".join(f"{edge:.10g}" for edge in coverage.grid.bounds)
                raise WcsError(
                    f"The WCS {redact_secrets(coverage.url)} says that its {coverage.identifier} "
                    f"reaches as far as {bounds} ({coverage.grid.crs}), but {item.id} has more of "
                    "it in the area. Read the files: --via cog."
                )
    return coverage


def resolve_coverage(
    coverage: WcsCoverage, items: Sequence[Item], request: Request, fallback_reason: str
) -> ResolvedSource:
    under = tuple(item for item in items if is_in_area(item, request))
    name = f"WCS {coverage.identifier}"
    return ResolvedSource(name, under, coverage.identifier, coverage, None, fallback_reason)


def _neither(first: NetworkError, then: NetworkError) -> NetworkError:
    text = f"{first} The WCS cannot take its place either: {then}"
    if isinstance(first, ServerError):
        return ServerError(text, first.status)
    return type(first)(text)

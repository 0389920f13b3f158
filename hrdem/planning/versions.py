"""Versions: make sure that sources are still those that were planned."""

from __future__ import annotations

from hrdem.catalog.search import search_items
from hrdem.errors import SourceChangedError
from hrdem.http.protocol import Http
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan


def check_plan_unchanged(plan: Plan, http: Http) -> None:
    """Compare versions at the end, unless each part that came was compared."""
    for mosaic in plan.mosaics:
        for source in mosaic.sources:
            source.file.check_unchanged(http)
            if source.file.version is None and source.items:
                _check_items(source, mosaic, http)


def _check_items(source: PlannedSource, mosaic: Mosaic, http: Http) -> None:
    """Compare what the catalogue says of items: a WCS tells no version."""
    request = mosaic.request
    area = request.aoi.expand_to(mosaic.area)
    now = search_items(area, request.collection, request.stac_url, http)
    updated = {item.id: item.updated for item in now}
    for item in source.items:
        if updated.get(item.id) != item.updated:
            raise SourceChangedError(
                f"{item.id} was published again while it was being read through the WCS: it was "
                f"of {item.updated or 'no date'}, now it is of {updated.get(item.id) or 'no date'}."
                " Nothing was written; run the same command again to read the new version, or give "
                "--on-change restart.",
                source.url,
            )

"""Versions: check at the end of a run that all sources are still those that were planned."""

from __future__ import annotations

from hrdem.catalog.search import search_items
from hrdem.errors import SourceChangedError
from hrdem.http.protocol import Http
from hrdem.planning.mosaic import Mosaic, PlannedSource
from hrdem.planning.plan import Plan


def check_plan_unchanged(plan: Plan, http: Http) -> None:
    """Compare the versions of all sources whose responses were not compared one by one.

    Raises:
        SourceChangedError: If a source has another version than planned.
        NetworkError: If a version cannot be read.
    """
    for mosaic in plan.mosaics:
        for source in mosaic.sources:
            source.file.check_unchanged(http)
            if source.file.version is None and source.items:
                _check_items_unchanged(source, mosaic, http)


def _check_items_unchanged(source: PlannedSource, mosaic: Mosaic, http: Http) -> None:
    """Compare the catalogue's dates of the items: a WCS reports no version."""
    query = mosaic.query.expand_to(mosaic.search_bounds)
    current = search_items(query.aoi, query.collection, query.stac_url, http, as_of_now=True)
    updated = {item.id: item.updated for item in current}
    for item in source.items:
        if updated.get(item.id) != item.updated:
            raise SourceChangedError(
                f"{item.id} was published again while it was being read through the WCS: it was "
                f"of {item.updated or 'no date'}, now it is of {updated.get(item.id) or 'no date'}."
                " Nothing was written. Run the same command again to read the new version. "
                "`on_change=restart` does so by itself, once.",
                source.url,
            )

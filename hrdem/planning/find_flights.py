"""Find the years of the surveys that the pixels of a plan's output come from."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import shapely

from hrdem.catalog.items import Item
from hrdem.catalog.survey_items import find_survey_year
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.reproject import project_geometry
from hrdem.http.protocol import Http
from hrdem.planning.flight import Flight
from hrdem.planning.plan import Plan
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.products import PRODUCTS

log = logging.getLogger(__name__)


def find_flights(plan: Plan, http: Http) -> tuple[Flight, ...]:
    """Find the surveys of the pixels of an output, the oldest first.

    Single surveys have their years in the catalogue; those of a mosaic are in the files that
    `hrdem.catalog.surveys` reads. A warning is logged if none is known, or a file cannot be read.

    Args:
        plan: The plan; its area is that of the grid.
        http: Client to use.
    """
    if http.offline:
        log.warning(
            "The years of surveys cannot be looked up offline, so there is no layer of years."
        )
        return ()
    found = [*_list_single_surveys(plan), *_look_up(plan, http)]
    if not found:
        log.warning("No year of a survey is known in the area, so there is no layer of years.")
    return tuple(sorted(found, key=lambda each: each.year))


def _list_single_surveys(plan: Plan) -> Iterator[Flight]:
    """Yield the items that are single surveys."""
    for item in _list_items(plan, by_survey=True).values():
        year = find_survey_year(item)
        if year is not None:
            yield Flight(year, item.id, item.id, None)


def _look_up(plan: Plan, http: Http) -> Iterator[Flight]:
    """Yield the surveys that mosaics are made of, from the files of their items."""
    from hrdem.catalog.surveys.lookup import read_surveys  # noqa: PLC0415 (most runs need none)

    outline = project_geometry(shapely.box(*plan.grid.bounds), plan.grid.crs, NATIVE_CRS)
    area = Aoi.from_shape(outline, NATIVE_CRS, plan.request.aoi.label)
    items = [*_list_items(plan, by_survey=False).values()]
    surveys = read_surveys(items, area, PRODUCTS[plan.request.product.surfaces[0]], http)
    for unknown in surveys.unknown:
        if unknown.failed and not plan.request.surveys:  # else a warning was logged before
            log.warning(
                "The years of surveys of %s are not known: %s", unknown.item, unknown.reason
            )
    for survey in reversed(surveys.newest_first):
        project = survey.project
        if project.year is not None:
            yield Flight(project.year, project.name or "", survey.item, project.outline)


def _list_items(plan: Plan, *, by_survey: bool) -> dict[str, Item]:
    """Return the items of sources by their ids: single surveys, or others."""
    return {
        item.id: item
        for tier in plan.tiers
        if tier.collection.by_survey is by_survey
        for mosaic in tier.mosaics
        for source in mosaic.sources
        for item in source.items
    }

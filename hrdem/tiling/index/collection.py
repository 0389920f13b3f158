"""The STAC collection of a job: a static catalogue with one item a tile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pystac

from hrdem.catalog.items import UNKNOWN_TIME
from hrdem.geo.crs import LONLAT, METRES_PER_DEGREE
from hrdem.output.provenance import ATTRIBUTION, LICENCE_URL
from hrdem.tiling.job import Job, Tile
from hrdem.tiling.output_store import ITEM_SUFFIX

COLLECTION_NAME = "collection.json"
_MAX_EXTENT_ERROR_METRES = 1.0
_LICENCE_TITLE = "Open Government Licence – Canada"
_GEOJSON = "application/geo+json"


def make_collection(job: Job, tiles: Sequence[Tile]) -> dict[str, Any]:
    """Describe a job as a STAC 1.1 collection with relative links to the items of tiles.

    Args:
        job: The job.
        tiles: Those of its tiles that have a raster.
    """
    request = job.plan.request
    bounds = request.aoi.bounds_in(LONLAT, _MAX_EXTENT_ERROR_METRES / METRES_PER_DEGREE)
    collection = pystac.Collection(
        id=get_collection_id(job),
        title=f"{request.product.title}, {request.aoi.label}",
        description=(
            f"{request.product.title}{request.height_reference}, {request.aoi.label}, in "
            f"{len(tiles):,} tiles ({job.scheme}). {ATTRIBUTION}"
        ),
        extent=pystac.Extent(
            pystac.SpatialExtent([[round(value, 7) for value in bounds]]),
            pystac.TemporalExtent([_find_dates(job)]),
        ),
        license="OGL-Canada-2.0",
        extra_fields={"hrdem:job": job.sha256, "hrdem:request": request.as_dict()},
    )
    collection.add_link(pystac.Link("license", LICENCE_URL, title=_LICENCE_TITLE))
    for tile in tiles:
        href = f"./{tile.name}{ITEM_SUFFIX}"  # of letters and digits: the same as an address
        collection.add_link(pystac.Link("item", href, media_type=_GEOJSON, title=tile.name))
    document: dict[str, Any] = collection.to_dict(include_self_link=False, transform_hrefs=False)
    document["links"] = [link for link in document["links"] if link["rel"] != "root"]
    document["links"].insert(0, _link_to_collection("root"))
    return document


def add_collection_links(item: dict[str, Any], job: Job) -> None:
    """Add to the item of a tile that it belongs to the collection of its job."""
    item["collection"] = get_collection_id(job)
    item["links"] += [_link_to_collection(rel) for rel in ("root", "parent", "collection")]


def get_collection_id(job: Job) -> str:
    """Return the id of a job's collection, which stays the same when the job is updated."""
    return f"{job.plan.request.product.name}-{job.scheme}-{job.request_digest[:12]}"


def _link_to_collection(rel: str) -> dict[str, str]:
    return {"rel": rel, "href": f"./{COLLECTION_NAME}", "type": "application/json"}


def _find_dates(job: Job) -> list[dt.datetime | None]:
    """Return the dates of the oldest and the newest survey of its sources, as far as known."""
    newest = [source.newest for source in job.plan.sources]
    dates = {item.times[0] for item in newest if item is not None} - {UNKNOWN_TIME}
    return [min(dates), max(dates)] if dates else [None, None]

"""Find where items have data, by the extents that they link to: one outline each, without names."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import shapely

from hrdem.catalog.items import Item
from hrdem.catalog.surveys.geojson import read_extent_projects
from hrdem.catalog.surveys.lookup import MAX_PARALLEL_ITEMS, MAX_READ_SECONDS, UnknownSurvey
from hrdem.errors import NetworkError
from hrdem.http.protocol import Http
from hrdem.http.ranges import read_whole_file
from hrdem.request.aoi.aoi import Aoi
from hrdem.runtime.threads import thread_pool

TOLERANCE_METRES = 50.0  # of outlines, for maps


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where items have data.

    Attributes:
        items: The items in the area, sorted by sub-tile.
        outline: Where they have data within the area, in EPSG:3979, within 50 m; empty if no item
            tells.
        unknown: Items whose extent is missing or cannot be read.
    """

    items: tuple[Item, ...]
    outline: shapely.Geometry
    unknown: tuple[UnknownSurvey, ...]


def find_coverage(items: Sequence[Item], aoi: Aoi, http: Http) -> Coverage:
    """Unite the extents of items within an area.

    Args:
        items: Items under the area.
        aoi: Area of interest.
        http: Client to use.

    Returns:
        The outline, and the items that do not tell; nothing is raised for these.

    Raises:
        SourceError: If an extent is not GeoJSON of outlines.
        TransferError: If reading them takes too long.
    """
    with (
        tempfile.TemporaryDirectory(prefix="hrdem-") as folder,
        thread_pool(MAX_PARALLEL_ITEMS, "extent") as pool,
    ):
        copies = [Path(folder) / f"{number}.geojson" for number in range(len(items))]
        results = list(pool.map(functools.partial(_fetch, http=http), items, copies))
        unknown = tuple(result for result in results if result is not None)
        if len(unknown) == len(items):
            return Coverage(tuple(items), shapely.Polygon(), unknown)
        name = f"An extent of {items[0].collection}"
        projects = read_extent_projects(
            folder, name, aoi.geometry, MAX_READ_SECONDS, TOLERANCE_METRES
        )
    outline = shapely.union_all([project.outline for project in projects])
    return Coverage(tuple(items), outline, unknown)


def _fetch(item: Item, copy: Path, http: Http) -> UnknownSurvey | None:
    """Fetch the extent of an item; return why there is none."""
    asset = next((asset for asset in item.assets if asset.key == "extent"), None)
    if asset is None:
        return UnknownSurvey(item.id, "The catalogue lists no extent.", failed=False)
    try:
        _, content = read_whole_file(asset.href, http)
    except NetworkError as exc:
        return UnknownSurvey(item.id, str(exc), failed=True)
    copy.write_bytes(content)
    return None

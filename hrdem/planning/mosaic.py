"""Mosaics: the sources of one collection and one surface, placed on one merge grid."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely

from hrdem.catalog.items import UNKNOWN_TIME, Item
from hrdem.geo.grid import Bounds, Grid, Window
from hrdem.geo.prepared import PreparedGeometry
from hrdem.planning.gap import Gap
from hrdem.planning.query import MosaicQuery
from hrdem.request.products import Collection
from hrdem.sources.protocol import RasterFile

MAX_BUFFERED_CORNERS = 1_000
MAX_CELLS_ACROSS = 128  # of an outline with more corners


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One file, or one coverage of a WCS, that is read.

    Attributes:
        name: Name in messages and results: usually the id of its item.
        collection: Collection that it belongs to.
        items: Catalogue items that it contains.
        asset: Key of the asset, or identifier of the coverage.
        file: The file at the level that is read, as its header describes it, and its version.
        src_window: Pixels to read, on the grid of the file's level.
        dst_window: The same pixels on the merge grid of the mosaic.
        fallback_reason: Why the WCS is read in place of the COG; empty for everything else.
    """

    name: str
    collection: Collection
    items: tuple[Item, ...]
    asset: str
    file: RasterFile
    src_window: Window
    dst_window: Window
    fallback_reason: str = ""

    @property
    def url(self) -> str:
        """Address of the file, or of the WCS, without credentials."""
        return self.file.display_url

    @property
    def level(self) -> int:
        """Number of the overview that is read; 0 is full resolution."""
        return self.file.level

    @property
    def block(self) -> tuple[int, int]:
        """Width and height of its stored blocks, pixels."""
        return self.file.block

    @property
    def grid(self) -> Grid:
        """Grid of the level that is read."""
        return self.file.grid

    @property
    def detail(self) -> str:
        """Description of the level that is read."""
        return self.file.describe()

    @property
    def newest(self) -> Item | None:
        """Its newest item; None if its items are unknown."""
        return max(self.items, key=lambda item: item.times, default=None)

    @property
    def times(self) -> tuple[dt.datetime, ...]:
        """Times of the newest survey, the last and the first publication of its newest item."""
        return (UNKNOWN_TIME,) * 3 if self.newest is None else self.newest.times

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        values: dict[str, Any] = {
            "name": self.name,
            "collection": self.collection.id,
            "items": [item.edition_as_dict() for item in self.items],
        }
        values |= self.file.as_dict(self.asset)
        values |= {
            "level": self.level,
            "resolution": self.grid.resolution[0],
            "detail": self.detail,
            "src_window": _window_as_list(self.src_window),
            "dst_window": _window_as_list(self.dst_window),
        }
        if self.fallback_reason:
            values["fallback_reason"] = self.fallback_reason
        return values


@dataclass(frozen=True, slots=True)
class Mosaic:
    """The sources of one surface of one collection, placed on one merge grid.

    Attributes:
        query: Area, collection and surface.
        grid: Merge grid, in EPSG:3979.
        whole: Merge grid that it is a window of; its own unless the plan is cut from another.
        dtype: Pixel type.
        nodata: Nodata value; None only where blocks are copied from a file that declares none.
        sources: Sources sorted by sub-tile; at least one.
        items_without_product: Ids of items in the area that do not publish the surface.
        skipped_neighbours: Ids of items whose file is missing, and whose outline in the catalogue
            does not reach the area.
        gaps: Files that cannot be read and are left out.
        search_bounds: Left, bottom, right, top in EPSG:3979 of the area that was searched.
        region: Area in EPSG:3979 that can affect the requested pixels; None for the whole grid.
        reach_m: Distance from an output pixel within which source pixels can affect it, metres.
    """

    query: MosaicQuery
    grid: Grid
    whole: Grid
    dtype: str
    nodata: float | None
    sources: tuple[PlannedSource, ...]
    items_without_product: tuple[str, ...]
    skipped_neighbours: tuple[str, ...]
    gaps: tuple[Gap, ...]
    search_bounds: Bounds
    region: PreparedGeometry | None
    reach_m: float

    def restrict_to(self, area: shapely.Geometry) -> Mosaic:
        """Return the mosaic with its region cut to what can affect the output pixels in an area.

        Args:
            area: Polygons in EPSG:3979.
        """
        around = surround(area, self.reach_m)
        if self.region is not None:
            around = around.intersection(self.region.geometry)
        return replace(self, region=PreparedGeometry(around))


def surround(area: shapely.Geometry, metres: float) -> shapely.Geometry:
    """Return polygons that contain everything within a distance of an area, and little more.

    The buffer of an outline whose corners are closer than the distance takes gigabytes: it is
    noded with itself. So an outline that stays detailed is replaced by the cells that it is near.

    Args:
        area: Polygons in a projected CRS.
        metres: Distance, in units of the CRS.
    """
    simple = shapely.simplify(area, metres / 4)
    if simple.is_empty or shapely.get_num_coordinates(simple) <= MAX_BUFFERED_CORNERS:
        return shapely.buffer(simple, 1.5 * metres, quad_segs=4)
    left, bottom, right, top = shapely.bounds(shapely.buffer(shapely.box(*area.bounds), metres))
    size = max((right - left) / MAX_CELLS_ACROSS, (top - bottom) / MAX_CELLS_ACROSS, metres)
    x = left + size * np.arange(np.ceil((right - left) / size) + 1)
    y = bottom + size * np.arange(np.ceil((top - bottom) / size) + 1)
    west, south, east, north = x[:-1], y[:-1, None], x[1:], y[1:, None]
    reach = 1.25 * metres  # with what simplifying moves
    near = PreparedGeometry(simple).intersects(
        shapely.box(west - reach, south - reach, east + reach, north + reach)
    )
    return shapely.coverage_union_all(shapely.box(west, south, east, north)[near])


def _window_as_list(window: Window) -> list[int]:
    """Return column, row, width, height."""
    return [window.column, window.row, window.width, window.height]

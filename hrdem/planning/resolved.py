"""Resolved sources: files and coverages that were opened, with what their headers say."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.catalog.items import Item
from hrdem.geo.grid import Bounds
from hrdem.request.request import Request
from hrdem.sources.protocol import RasterFile


@dataclass(frozen=True, slots=True)
class ResolvedSource:
    """Something to read from, as it describes itself.

    Attributes:
        name: What it is called in messages and results: the item's id, as a rule.
        items: The items that it holds.
        asset: Key of the asset, or identifier of the coverage.
        file: The file or the coverage.
        share: The only part of it to read, left, bottom, right, top in EPSG:3979; None for all.
        fallback_reason: Why the WCS is read in place of the COG; empty for everything else.
    """

    name: str
    items: tuple[Item, ...]
    asset: str
    file: RasterFile
    share: Bounds | None = None
    fallback_reason: str = ""

    @property
    def bounds(self) -> Bounds:
        """Left, bottom, right, top of what is read of it."""
        return self.share or self.file.grid.bounds


@dataclass(frozen=True, slots=True)
class ResolvedSources:
    """What shares an area with a request's.

    Attributes:
        files: The files, sorted by sub-tile; at least one.
        items_without_product: Ids of items in the area that do not publish the product.
        skipped_neighbours: Ids of items whose file is missing, and whose outline in the catalogue
            does not reach the area.
    """

    files: tuple[ResolvedSource, ...]
    items_without_product: tuple[str, ...]
    skipped_neighbours: tuple[str, ...]


def is_in_area(item: Item, request: Request) -> bool:
    """Whether the catalogue's outline of an item reaches the area; True if it gives none."""
    outline = item.footprint
    return outline is None or outline.intersection(request.aoi.geometry).area > 0

"""Resolved sources: files and coverages that were opened, as their headers describe them."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.catalog.items import Item
from hrdem.geo.grid import Bounds
from hrdem.planning.gap import Gap
from hrdem.sources.protocol import RasterFile


@dataclass(frozen=True, slots=True)
class ResolvedSource:
    """A file or a coverage that was opened.

    Attributes:
        name: Name in messages and results: usually the id of its item.
        items: Catalogue items that it contains.
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
        """Left, bottom, right, top in EPSG:3979 of the part to read."""
        return self.share or self.file.grid.bounds


@dataclass(frozen=True, slots=True)
class ResolvedSources:
    """The sources of an area.

    Attributes:
        files: Files and coverages, sorted by sub-tile; at least one.
        items_without_product: Ids of items in the area that do not publish the product.
        skipped_neighbours: Ids of items whose file is missing, and whose outline in the catalogue
            does not reach the area.
        gaps: Files that cannot be read and are left out.
    """

    files: tuple[ResolvedSource, ...]
    items_without_product: tuple[str, ...]
    skipped_neighbours: tuple[str, ...]
    gaps: tuple[Gap, ...]

"""Which files may be left out, and the gaps that they leave.

A failed transfer is an error. With `allow_partial` files whose transfer fails for good are left out
whole: those that are missing (404, 403), and those that no retry brings. Never left out are files
that changed, that are damaged, or whose values are uncertain: what is known to be wrong of a part
makes the rest doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import shapely

from hrdem.catalog.items import Item
from hrdem.errors import BlockedAddressError, NetworkError, ServerError, TransferError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.planning.gap import Gap
from hrdem.planning.query import MosaicQuery
from hrdem.planning.resolved import ResolvedSource

MIN_GAP_M2 = 0.01  # smaller ones are rounding of geometry


def may_be_left_out(error: NetworkError) -> bool:
    """Whether `allow_partial` leaves out a file that failed with an error."""
    is_transfer = isinstance(error, ServerError | TransferError)
    return is_transfer and not isinstance(error, BlockedAddressError)


def find_uncovered(sources: Iterable[ResolvedSource], query: MosaicQuery) -> shapely.Geometry:
    """Return the part of a query's area that the bounds of some sources do not cover."""
    boxes = [shapely.box(*each.bounds) for each in sources if each.file.grid.crs == NATIVE_CRS]
    rest = query.aoi.geometry.difference(shapely.union_all(boxes))
    return rest if rest.area > MIN_GAP_M2 else shapely.MultiPolygon()


def find_gaps(
    lost: Mapping[str, NetworkError],
    items: Mapping[str, Item],
    opened: Sequence[ResolvedSource],
    query: MosaicQuery,
) -> list[Gap]:
    """Return the gaps that lost files leave in a query's area; none for those outside of it.

    Args:
        lost: Errors of files that are left out, by id of the item.
        items: All items that publish the product, by id.
        opened: Files whose headers were read, lost ones included.
        query: Area, collection and product.
    """
    bounds = {source.name: shapely.box(*source.bounds) for source in opened if source.name in items}
    outlines = {name: bounds.get(name) or items[name].footprint for name in lost}
    covered = [shapely.box(*source.bounds) for source in opened]
    covered += [outline for outline in outlines.values() if outline is not None]
    rest = query.aoi.geometry.difference(shapely.union_all(covered))
    gaps = []
    for name, error in lost.items():
        outline = outlines[name] or shapely.MultiPolygon()
        area = outline.intersection(query.aoi.geometry)
        if name not in bounds:
            area = area.union(rest)
        if area.area > MIN_GAP_M2:
            gaps.append(Gap(name, query.collection.id, query.product.name, area, error))
    return gaps

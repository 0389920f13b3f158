"""Which files may be left out, and the gaps that they leave.

A failed transfer is an error. With `allow_partial` files whose transfer fails for good are left out
whole: those that are missing (404, 403), and those that no retry brings. Never left out are files
that changed, that are damaged, or whose values are uncertain: what is known to be wrong of a part
makes the rest doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import shapely

from hrdem.catalog.items import Item
from hrdem.errors import BlockedAddressError, NetworkError, ServerError, TransferError
from hrdem.geo.crs import NATIVE_CRS
from hrdem.geo.grid import Bounds
from hrdem.planning.gap import Gap
from hrdem.planning.query import MosaicQuery
from hrdem.planning.resolved import ResolvedSource

MIN_GAP_M2 = 0.01  # smaller ones are rounding of geometry


def may_be_left_out(error: NetworkError) -> bool:
    """Whether `allow_partial` leaves out a file that failed with an error."""
    is_transfer = isinstance(error, ServerError | TransferError)
    return is_transfer and not isinstance(error, BlockedAddressError)


def find_needed(query: MosaicQuery, bounds: Bounds) -> shapely.Geometry:
    """Return the area in EPSG:3979 whose pixels can affect the output, some pixels wider.

    Args:
        query: Area, and whether only pixels inside it are needed.
        bounds: Left, bottom, right, top in EPSG:3979 of the pixels that may be read.
    """
    box = shapely.box(*bounds)
    if not query.crop:
        return box
    margins = np.abs(np.subtract(bounds, query.aoi.bounds))
    margin = max(float(margins.max()), query.collection.resolution)
    simple = shapely.simplify(query.aoi.geometry, margin / 4)
    return shapely.buffer(simple, 1.5 * margin, quad_segs=4).intersection(box)


def find_uncovered(needed: shapely.Geometry, sources: Iterable[ResolvedSource]) -> shapely.Geometry:
    """Return the part of an area that the bounds of some sources do not cover."""
    boxes = [shapely.box(*each.bounds) for each in sources if each.file.grid.crs == NATIVE_CRS]
    rest = needed.difference(shapely.union_all(boxes))
    return rest if rest.area > MIN_GAP_M2 else shapely.MultiPolygon()


def find_gaps(
    lost: Mapping[str, NetworkError],
    items: Mapping[str, Item],
    opened: Sequence[ResolvedSource],
    query: MosaicQuery,
    needed: shapely.Geometry,
) -> list[Gap]:
    """Return the gaps that lost files leave in an area; none for those outside of it.

    Args:
        lost: Errors of files that are left out, by id of the item.
        items: All items that publish the product, by id.
        opened: Files whose headers were read, lost ones included.
        query: Collection and product.
        needed: The area, polygons in EPSG:3979.
    """
    bounds = {source.name: shapely.box(*source.bounds) for source in opened if source.name in items}
    outlines = {name: bounds.get(name) or items[name].footprint for name in lost}
    covered = [shapely.box(*source.bounds) for source in opened]
    covered += [outline for outline in outlines.values() if outline is not None]
    rest = needed.difference(shapely.union_all(covered))
    gaps = []
    for name, error in lost.items():
        outline = outlines[name] or shapely.MultiPolygon()
        area = outline.intersection(needed)
        if name not in bounds:
            area = area.union(rest)
        if outlines[name] is None and rest.area < MIN_GAP_M2:
            area = needed  # no telling which of the files that cover it the lost one overlaps
        if area.area > MIN_GAP_M2:
            gaps.append(Gap(name, query.collection.id, query.product.name, area, error))
    return gaps

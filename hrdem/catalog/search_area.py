"""What a catalogue is searched with: polygon, parameters; it loads fast, for the first request."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hrdem.geo.atlas_lambert import to_lonlat, to_native

ITEMS_PER_PAGE = 100  # a mosaic has 66
MAX_PAGE_BYTES = 16 << 20  # 100 items of a mosaic have 3 MB; parsed JSON takes ten times as much
MAX_SEGMENTS = 24  # of an edge of a search polygon
STEP_METRES = 100_000.0  # of the sides of areas that neighbours search together
TILE_EDGE_METRES = 500_000  # the longest straight edge of a footprint

Box = tuple[float, float, float, float]
Ring = list[tuple[float, float]]


def trace_search_area(bounds: Box) -> Ring | None:
    """Return the polygon to search a catalogue with.

    A catalogue may describe the footprint of a 500 km tile by its corners alone. Straight in
    degrees, its edges are then about 7 km off in southern Canada and 65 km in the far north, and
    a search with an area near a tile's edge would miss the tile. The area is therefore widened by
    that error.

    Args:
        bounds: Left, bottom, right, top of the area in EPSG:3979, metres.

    Returns:
        Closed ring of longitudes and latitudes, degrees; None if it would cross the antimeridian
        or contain the pole, where the whole collection has to be listed.
    """
    margin = measure_search_margin(bounds)
    left, bottom, right, top = widen_box(bounds, margin)
    step = max(margin, max(right - left, top - bottom) / MAX_SEGMENTS)
    corners = [(right, bottom), (right, top), (left, top), (left, bottom), (right, bottom)]
    # short, because it becomes part of URLs
    ring = [
        (round(lon, 4), round(lat, 4))
        for lon, lat in (to_lonlat(x, y) for x, y in _divide_edges(corners, step))
    ]
    crosses = any(abs(one[0] - other[0]) > 180 for one, other in itertools.pairwise(ring))
    return None if crosses else ring


def make_polygon(ring: Ring) -> dict[str, Any]:
    """Return a ring as a GeoJSON polygon."""
    return {"type": "Polygon", "coordinates": [ring]}


def make_search(collections: Sequence[str], intersects: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a STAC item search as pystac-client posts them.

    Args:
        collections: Ids of the collections to search.
        intersects: GeoJSON geometry that items intersect.
    """
    return {"limit": ITEMS_PER_PAGE, "collections": list(collections), "intersects": intersects}


def measure_search_margin(bounds: Box) -> float:
    """Return the distance by which an area is widened to search a catalogue, metres."""
    left, bottom, right, top = bounds
    error = max(_measure_footprint_error(x, y) for x in (left, right) for y in (bottom, top))
    return 1.25 * error + 1_000  # a quarter more, as the polygon has straight edges itself


def widen_box(box: Box, distance: float) -> Box:
    """Return a box with each side moved outward."""
    left, bottom, right, top = box
    return left - distance, bottom - distance, right + distance, top + distance


def snap_box(box: Box, step: float) -> Box:
    """Return a box with each side moved outward to a multiple of a step."""
    left, bottom, right, top = box
    floor, ceil = math.floor, math.ceil
    return (
        floor(left / step) * step,
        floor(bottom / step) * step,
        ceil(right / step) * step,
        ceil(top / step) * step,
    )


def bound_lonlat_box(box: Box) -> Box:
    """Return left, bottom, right, top in EPSG:3979, metres, of a box in degrees.

    Args:
        box: West, south, east, north, on NAD83(CSRS); parallels are curved in EPSG:3979.
    """
    west, south, east, north = box
    middle = min(max(-95.0, west), east)  # where a parallel is farthest south
    lonlat = [(west, south), (west, north), (east, south), (east, north), (middle, south)]
    columns, rows = zip(*(to_native(lon, lat) for lon, lat in lonlat), strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def _divide_edges(corners: Ring, step: float) -> Iterator[tuple[float, float]]:
    """Yield the corners of a ring, and points between them that are not farther apart."""
    for (x, y), (end_x, end_y) in itertools.pairwise(corners):
        count = math.ceil(math.hypot(end_x - x, end_y - y) / step)
        for number in range(count):
            part = number / count
            yield x + (end_x - x) * part, y + (end_y - y) * part
    yield corners[-1]


def _measure_footprint_error(x: float, y: float) -> float:
    """Measure how far a 500 km edge is from its chord in degrees, at a point, in metres."""
    half = TILE_EDGE_METRES / 2
    errors = []
    for across, up in ((half, 0.0), (0.0, half)):
        lon, lat = to_lonlat(x - across, y - up)
        end_lon, end_lat = to_lonlat(x + across, y + up)
        middle_x, middle_y = to_native((lon + end_lon) / 2, (lat + end_lat) / 2)
        errors.append(math.hypot(middle_x - x, middle_y - y))
    return max(errors)

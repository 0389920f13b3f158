"""Lines of profiles: reading one line, and placing stations along it by distance on the ground."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.datum import link_crs
from hrdem.geo.ground import ECCENTRICITY_SQUARED, SEMI_MAJOR_METRES
from hrdem.geo.transform import project_points
from hrdem.points.table import BATCH_ROWS, Columns, PointTable
from hrdem.request.aoi.vector import read_parts
from hrdem.request.protocols import AoiLike

Array = NDArray[np.float64]

MAX_STATIONS = 1_000_000  # of a profile
MAX_PIECE_METRES = 100.0  # in which the scale of a CRS is taken as constant
MAX_LINE_KM = 100_000
MAX_ROUNDING_METRES = 1e-6  # by which the last full step may miss the end


@dataclass(frozen=True, slots=True)
class Line:
    """A line, as a user gives it.

    Attributes:
        label: Short description, for messages.
        points: Its vertices, float64 array of shape (n, 2), x or longitude first; at least two.
        crs: CRS of the vertices. Edges are straight in it.
    """

    label: str
    points: Array
    crs: str


@dataclass(frozen=True, slots=True)
class Stations:
    """Points along a line (`hrdem.points.table.Rows`).

    Attributes:
        distance: Distance from the start of the line on the ground, metres, shape (n,).
        points: Positions in the CRS of the line, shape (n, 2).
        names: Names of the columns.
    """

    distance: Array
    points: Array
    names: tuple[str, str, str] = ("distance", "x", "y")

    def read_batches(self) -> Iterator[Columns]:
        """Yield distance and coordinates."""
        for start in range(0, len(self.points), BATCH_ROWS):
            some = slice(start, start + BATCH_ROWS)
            yield [self.distance[some], *self.points[some].T]

    def as_table(self, line: Line) -> PointTable:
        """Return the points as those of a table."""
        return PointTable(line.label, self.points, line.crs, self)


def read_line(source: AoiLike, crs: str | None, layer: str | None) -> Line:
    """Read the one line of a file, of WKT or GeoJSON, or of a geometry.

    Lines that continue each other end to end are joined.

    Args:
        source: As for `hrdem.request.aoi.vector.read_shape`.
        crs: CRS of the line, if it does not declare one.
        layer: Layer of a file, if it has several.

    Raises:
        RequestError: If it cannot be read, or is not exactly one line with a length.
    """
    parts, agreed = read_parts(source, crs, layer, "line")
    label = parts[0].label
    shapes = [each for part in parts for each in part.geometries if each and not each.is_empty]
    kinds = {each.geom_type for each in shapes}
    wrong = sorted(kinds - {"LineString", "LinearRing", "MultiLineString"})
    if not shapes or wrong:
        found = f"a {wrong[0]}" if wrong else "no geometry"
        raise RequestError(f"{label} has {found}, and a profile follows a line. Give a LineString.")
    lines = shapely.get_parts(shapely.force_2d(shapes))
    whole = lines[0]
    if len(lines) > 1:
        whole = shapely.line_merge(shapely.multilinestrings(lines), directed=True)
    if whole.geom_type == "MultiLineString":
        raise RequestError(
            f"{label} has {len(whole.geoms)} lines that do not continue each other. Give one line."
        )
    points = shapely.get_coordinates(whole)
    if not np.isfinite(points).all() or not np.any(points != points[0]):
        raise RequestError(
            f"{label} is a line of one point, which has no length. Give a line of two points or "
            "more, or use `hrdem sample` for the height at a point."
        )
    return Line(label, points, agreed)


def place_stations(line: Line, spacing: float, *, allow_inaccurate_datum: bool) -> Stations:
    """Place stations along a line at equal distances on the ground, and one at its end.

    The ground is the GRS80 ellipsoid. Distances are exact to a millionth.

    Args:
        line: The line.
        spacing: Distance between stations, metres.
        allow_inaccurate_datum: Whether to continue where PROJ cannot bring the line to NAD83(CSRS)
            within a metre.

    Raises:
        RequestError: If the spacing is no distance, the line too long, or there are too many.
        NoDataError: If the line has no longitude and latitude.
    """
    if not 0 < spacing < math.inf:
        raise RequestError(f"`spacing={spacing:g}` is not a distance. Give metres above 0.")
    west, south = line.points.min(axis=0)
    east, north = line.points.max(axis=0)
    crs = link_crs(
        line.crs, (west, south, east, north), line.crs, allow_inaccurate=allow_inaccurate_datum
    )
    lengths = np.diff(_measure(line.points, crs))
    if lengths.sum() / spacing >= MAX_STATIONS:
        raise RequestError(
            f"{line.label} is {lengths.sum() / 1000:,.0f} km long: more than {MAX_STATIONS:,} "
            f"points at `spacing={spacing:g}`. Give a larger one, or a shorter line."
        )
    if lengths.sum() > MAX_LINE_KM * 1000:
        raise RequestError(
            f"{line.label} is {lengths.sum() / 1000:,.0f} km long, and a profile at most "
            f"{MAX_LINE_KM:,} km. Give a shorter line."
        )
    points = _split(line.points, np.maximum(np.ceil(lengths / MAX_PIECE_METRES), 1).astype(np.intp))
    distance = _measure(points, crs)
    length = distance[-1]
    rounding = min(MAX_ROUNDING_METRES, spacing / 2)
    count = math.floor((length + rounding) / spacing)
    along = np.arange(count + 1) * spacing
    if count and length - along[-1] <= rounding:
        along[-1] = length
    else:
        along = np.append(along, length)
    keep = np.concatenate([[True], np.diff(distance) > 0])
    places = [np.interp(along, distance[keep], axis[keep]) for axis in points.T]
    return Stations(along, np.column_stack(places))


def measure_slope(distance: Array, heights: Array) -> Array:
    """Return the slope along a line at each station, percent, positive uphill.

    It is that between the neighbours on both sides, or to the only one with a height.

    Args:
        distance: Distance of the stations, metres, shape (n,).
        heights: Heights in metres; NaN where there is none.

    Returns:
        float64 array of shape (n,); NaN at stations without a height, or without a neighbour.
    """
    known = np.isfinite(heights)
    numbers = np.arange(len(heights))
    before = np.where(np.concatenate([[False], known[:-1]]), numbers - 1, numbers)
    after = np.where(np.concatenate([known[1:], [False]]), numbers + 1, numbers)
    run = distance[after] - distance[before]
    rise = heights[after] - heights[before]
    slope: Array = np.divide(rise, run, out=np.full(len(run), np.nan), where=known & (run > 0))
    return 100 * slope


def _measure(points: Array, crs: str) -> Array:
    """Return the distance of points along the straight lines in space that join them, metres."""
    lon, lat = np.radians(project_points(points, crs, LONLAT)).T
    radius = SEMI_MAJOR_METRES / np.sqrt(1 - ECCENTRICITY_SQUARED * np.sin(lat) ** 2)
    place = np.stack(
        [
            radius * np.cos(lat) * np.cos(lon),
            radius * np.cos(lat) * np.sin(lon),
            radius * (1 - ECCENTRICITY_SQUARED) * np.sin(lat),
        ]
    )
    steps = np.sqrt((np.diff(place) ** 2).sum(axis=0))
    return np.concatenate([[0.0], np.cumsum(steps)])


def _split(points: Array, pieces: NDArray[np.intp]) -> Array:
    """Split edges into equal pieces."""
    edge = np.repeat(np.arange(len(pieces)), pieces)
    share = (np.arange(len(edge)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[edge]
    start, end = points[edge], points[edge + 1]
    return np.concatenate([start + share[:, None] * (end - start), points[-1:]])

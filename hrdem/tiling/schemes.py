"""Schemes: how an area is cut into tiles, and what these are called."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
import shapely

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS, get_unit
from hrdem.geo.grid import Grid, Window
from hrdem.geo.lattice import Lattice
from hrdem.geo.mask import MAX_EDGE_ERROR_PIXELS
from hrdem.geo.prepared import PreparedGeometry
from hrdem.geo.reproject import project_geometry
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.geometry import extract_polygons
from hrdem.request.aoi.nts import Sheet, find_sheet
from hrdem.request.request import Request
from hrdem.tiling.features import Feature

SUB_TILE_KM = 500  # edge of a source file: squares that divide it have one source
SHEET_SCALES = {"nts50k": 50_000, "nts250k": 250_000}
FEATURES = "features"
_SQUARES = re.compile(r"([1-9][0-9]*)\s*km", re.IGNORECASE)
_SHEET_STEP_DEGREES = {50_000: (0.5, 0.25), 250_000: (2.0, 1.0)}  # of the smallest sheets
_NEIGHBOUR_METRES = 1.0  # that a sheet of an area reaches into it: neighbours share an edge


@dataclass(frozen=True, slots=True)
class TileArea:
    """A tile before it is known what it is made from.

    Attributes:
        name: Its name.
        window: Its pixels on the grid of the whole, without overlap.
        aoi: Shape that it is cropped to; None if the request alone decides.
    """

    name: str
    window: Window
    aoi: Aoi | None


class Scheme(Protocol):
    """A way to cut an area into tiles."""

    def cut(self, request: Request, grid: Grid) -> Iterator[TileArea]:
        """Yield the tiles of a request.

        Args:
            request: The request of the whole.
            grid: Grid of the whole.
        """
        ...


def parse_scheme(text: str, features: Sequence[Feature] = ()) -> Scheme:
    """Parse the name of a scheme.

    Args:
        text: ``50km`` or another divisor of 500 km, ``nts50k``, ``nts250k`` or ``features``.
        features: The areas of ``features``.

    Raises:
        RequestError: If there is no such scheme.
    """
    name = text.strip().lower()
    if name == FEATURES:
        return Shapes(tuple(features))
    if name in SHEET_SCALES:
        return Sheets(SHEET_SCALES[name])
    match = _SQUARES.fullmatch(name)
    if match is None:
        raise RequestError(
            f"`scheme` cannot be {text!r}. Give the edge of squares, as 50km; nts50k or nts250k "
            "for map sheets; or features for a file for each feature."
        )
    edge = int(match[1])
    if SUB_TILE_KM % edge:
        edges = [each for each in range(1, SUB_TILE_KM + 1) if SUB_TILE_KM % each == 0]
        smaller = max(each for each in edges if each < edge)
        raise RequestError(
            f"`scheme` is {text}, which does not divide the {SUB_TILE_KM} km of a source file. "
            f"Give {smaller}km, or another of {', '.join(map(str, edges))}."
        )
    return Squares(edge)


@dataclass(frozen=True, slots=True)
class Squares:
    """Squares in the CRS of the output, at multiples of their edge from its origin.

    A pixel belongs to the square that holds its centre; on an edge, to the square on the east or
    north of it. So the tiles partition the grid.

    Attributes:
        edge: Edge of a square, km.
    """

    edge: int

    def cut(self, request: Request, grid: Grid) -> Iterator[TileArea]:
        """Yield the squares that the area has a part in, from north to south.

        Raises:
            RequestError: If the CRS is not in metres.
        """
        if get_unit(grid.crs).metres != 1:
            raise RequestError(
                f"`scheme={self.edge}km` cuts squares of metres, and the unit of {grid.crs} is the "
                f"{get_unit(grid.crs).name}. Give a `crs` in metres, or `scheme` nts50k or nts250k."
            )
        lattice = Lattice.of(grid)
        (width, height), (right, down) = lattice.pixel, lattice.offset
        metres = 1000 * self.edge
        columns = _cut_axis(lattice.column + right, grid.width, metres / width)
        # rows are counted downwards: a centre on an edge belongs to the square above it
        rows = _cut_axis(-lattice.row - down - grid.height, grid.height, metres / height)
        area = None
        if request.crop:
            tolerance = MAX_EDGE_ERROR_PIXELS * min(grid.resolution)
            aoi = request.aoi
            area = PreparedGeometry(project_geometry(aoi.outline, aoi.crs, grid.crs, tolerance))
        for number_y, first, end in reversed(rows):
            windows = [
                Window(left, grid.height - end, after - left, end - first)
                for _, left, after in columns
            ]
            touched = np.ones(len(windows), np.bool_)
            if area is not None:
                boxes = [shapely.box(*grid.crop(window).bounds) for window in windows]
                touched = area.intersects(np.array(boxes))
            for (number_x, _, _), window, wanted in zip(columns, windows, touched, strict=True):
                if wanted:
                    yield TileArea(self._name(number_x, number_y), window, None)

    def _name(self, x: int, y: int) -> str:
        """Return the place of a square's south-western corner, km from the origin of the CRS."""
        east, north = x * self.edge, y * self.edge
        return f"{'W' if east < 0 else 'E'}{abs(east):04}{'S' if north < 0 else 'N'}{abs(north):04}"


def _cut_axis(start: Fraction, count: int, edge: Fraction) -> list[tuple[int, int, int]]:
    """Cut pixels along an axis by the squares that hold their centres.

    Args:
        start: Beginning of the first pixel, in pixels from the origin.
        count: Number of pixels.
        edge: Edge of a square, pixels.

    Returns:
        Number of each square, its first pixel and the one after its last.
    """
    half = Fraction(1, 2)
    numbers = range(
        math.floor((start + half) / edge), math.floor((start + count - half) / edge) + 1
    )
    cuts = [math.ceil(number * edge - start - half) for number in (*numbers, numbers.stop)]
    return [
        (number, max(first, 0), min(end, count))
        for number, first, end in zip(numbers, cuts[:-1], cuts[1:], strict=True)
        if max(first, 0) < min(end, count)
    ]


@dataclass(frozen=True, slots=True)
class Sheets:
    """NTS sheets: their bounding windows, which overlap; cropped to the sheet with ``crop``.

    Attributes:
        scale: Denominator of their scale, 50,000 or 250,000.
    """

    scale: int

    def cut(self, request: Request, grid: Grid) -> Iterator[TileArea]:
        """Yield the sheets that the area has a part in, from west to east and south to north."""
        area = PreparedGeometry(request.aoi.geometry)
        for sheet in self._list_sheets(request.aoi):
            aoi = Aoi.from_shape(shapely.box(*sheet.bounds), LONLAT, f"NTS {sheet.name}")
            if not area.intersects([shapely.buffer(aoi.geometry, -_NEIGHBOUR_METRES)])[0]:
                continue
            window = find_window(aoi, request, grid)
            if window is not None:
                shape = _intersect(aoi, request.aoi) if request.crop else None
                yield TileArea(sheet.name, window, shape)

    def _list_sheets(self, aoi: Aoi) -> list[Sheet]:
        """Return the sheets in the box of longitudes and latitudes around an area."""
        across, down = _SHEET_STEP_DEGREES[self.scale]
        west, south, east, north = project_geometry(aoi.geometry, NATIVE_CRS, LONLAT).bounds
        longitudes = np.arange(math.floor(west / across), math.ceil(east / across)) * across
        latitudes = np.arange(math.floor(south / down), math.ceil(north / down)) * down
        found = [
            find_sheet(longitude + across / 2, latitude + down / 2, self.scale)
            for latitude in latitudes.tolist()
            for longitude in longitudes.tolist()
        ]
        return [sheet for sheet in dict.fromkeys(found) if sheet is not None]


@dataclass(frozen=True, slots=True)
class Shapes:
    """A tile for each feature: its bounding window, cropped to its shape with ``crop``.

    Attributes:
        features: The features.
    """

    features: tuple[Feature, ...]

    def cut(self, request: Request, grid: Grid) -> Iterator[TileArea]:
        """Yield the features."""
        for feature in self.features:
            window = find_window(feature.aoi, request, grid)
            if window is not None:
                yield TileArea(feature.name, window, feature.aoi if request.crop else None)


def find_window(aoi: Aoi, request: Request, grid: Grid) -> Window | None:
    """Return the window of an area on the grid of the whole, as an extraction of it alone has it.

    Args:
        aoi: The area.
        request: The request of the whole.
        grid: Its grid.

    Returns:
        The window within the grid; None if the area is beside it.
    """
    bounds = aoi.bounds
    if not request.is_native:
        bounds = aoi.bounds_in(grid.crs, MAX_EDGE_ERROR_PIXELS * min(grid.resolution))
    return grid.touched_by(bounds).intersection(grid.window)


def _intersect(one: Aoi, other: Aoi) -> Aoi:
    """Return an area within another one; the area itself if the other holds all of it."""
    if shapely.covers(other.geometry, one.geometry):
        return one
    shared = extract_polygons(shapely.intersection(one.geometry, other.geometry))
    return Aoi(shared, NATIVE_CRS, shared, f"{one.label} in {other.label}", other.operation)

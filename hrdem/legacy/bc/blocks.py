"""Blocks of British Columbia's Gridded DEM: extents in both projections, north, mask.

Clauses are those of "Gridded Digital Elevation Model Product Specifications", edition 2.0 (British
Columbia, 2002), quoted as "BC 2.0".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import shapely
from affine import Affine

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, METRES_PER_DEGREE
from hrdem.geo.grid import Bounds, Grid
from hrdem.geo.mask import PolygonMask
from hrdem.geo.reproject import project_geometry
from hrdem.geo.transform import project_points
from hrdem.request.aoi.nts import Sheet, parse_sheets

SPACING_METRES = 25
MIN_BUFFER_METRES = 250  # around the bounding box of the block
BLOCK_NAME_CHARACTERS = 4  # of a sheet at 1:250,000
EDGE_DEGREES = 1e-9  # 0.1 mm: pixel centres closer to the edge are on it
MAX_CHORD_ERROR_METRES = 1e-5  # of the edge: more would move single pixel centres across it
MAX_OUTLINE_ERROR_METRES = 1.0  # of the area to read
NORTH_STEP_DEGREES = 1e-4  # of latitude, from the centre of a block to both sides
BC_ALBERS = "EPSG:3153"
#: by zone; BC 2.0, 3.1 has no other
UTM_ZONES = {
    7: "EPSG:3154",
    8: "EPSG:3155",
    9: "EPSG:3156",
    10: "EPSG:3157",
    11: "EPSG:2955",
}
#: letters of the blocks that British Columbia reaches into, by series
BLOCK_LETTERS = {
    82: "ABCDEFGHJKLMNO",
    83: "CDELM",
    84: "DELM",
    85: "D",
    92: "ABCEFGHIJKLMNOP",
    93: "ABCDEFGHIJKLMNOP",
    94: "ABCDEFGHIJKLMNOP",
    95: "ABCD",
    102: "IOP",
    103: "ABCFGHIJKOP",
    104: "ABCFGHIJKLMNOP",
    105: "ABCD",
    114: "IOP",
    115: "AB",
}


class Projection(StrEnum):
    """The two projections of the product (BC 2.0, 3.1)."""

    UTM = "utm"
    ALBERS = "albers"


@dataclass(frozen=True, slots=True)
class Block:
    """A block that the product is delivered by: an NTS sheet at 1:250,000 (BC 2.0, 2).

    Attributes:
        sheet: The sheet: 2 degrees wide, 1 degree high.
        zone: UTM zone, 7 to 11.
    """

    sheet: Sheet
    zone: int

    @property
    def name(self) -> str:
        """Name in file names: lower case, not padded, such as ``92b`` (BC 2.0, 5)."""
        return self.sheet.name.lstrip("0").lower()

    def get_crs(self, projection: Projection) -> str:
        """Return the CRS of one projection's files, on NAD83(CSRS), with the numbers of NAD83."""
        return BC_ALBERS if projection is Projection.ALBERS else UTM_ZONES[self.zone]

    def find_extent(self, projection: Projection) -> Bounds:
        """Return the bounding box of the block, whose edge is curved, in metres of a projection."""
        edge = project_geometry(self.polygon, LONLAT, self.get_crs(projection))
        left, bottom, right, top = edge.bounds
        return left, bottom, right, top

    def make_grid(self, projection: Projection) -> Grid:
        """Return the grid of one projection's files.

        Pixel centres are at multiples of 25 m; all of the block's edge, which is curved, is at
        least 250 m inside (BC 2.0, 2).
        """
        crs = self.get_crs(projection)
        left, bottom, right, top = self.find_extent(projection)
        west, south = (_round_down(each - MIN_BUFFER_METRES) for each in (left, bottom))
        east, north = (-_round_down(-each - MIN_BUFFER_METRES) for each in (right, top))
        size, half = SPACING_METRES, SPACING_METRES / 2
        return Grid(
            crs,
            Affine(size, 0, west - half, 0, -size, north + half),
            (east - west) // size + 1,
            (north - south) // size + 1,
        )

    def make_mask(self, grid: Grid) -> PolygonMask:
        """Return which pixels have their centre in the block or on its edge (BC 2.0, 3.3)."""
        widened = self.polygon.buffer(EDGE_DEGREES, join_style="mitre")
        edges = project_geometry(widened, LONLAT, grid.crs, MAX_CHORD_ERROR_METRES)
        return PolygonMask.of(edges, grid.crs, grid)

    def compute_north(self, projection: Projection) -> float:
        """Return the angle from grid north to true north at the centre of the block.

        It is what naive aspects are reduced by (BC 2.0, 3.5.3): one number for the whole block.

        Returns:
            Degrees, clockwise.
        """
        west, south, east, north = self.sheet.bounds
        lon, lat = (west + east) / 2, (south + north) / 2
        along = [[lon, lat - NORTH_STEP_DEGREES], [lon, lat + NORTH_STEP_DEGREES]]
        below, above = project_points(np.array(along), LONLAT, self.get_crs(projection))
        return math.degrees(math.atan2(*(above - below)))

    @property
    def polygon(self) -> shapely.Polygon:
        """The block, with edges that are straight in longitude and latitude; NAD83."""
        return shapely.box(*self.sheet.bounds)


def parse_blocks(names: str | Sequence[str]) -> tuple[Block, ...]:
    """Return the blocks with some names, each once, in the order of the names.

    Args:
        names: Names of NTS sheets at 1:250,000, such as ``104P`` or ``092b``, with commas between,
            or in a sequence.

    Raises:
        RequestError: If there is no such sheet, it is one at 1:50,000, it is outside British
            Columbia, or in UTM zone 12, which the product does not have.
    """
    return tuple(map(get_block, parse_sheets(names)))


def get_block(sheet: Sheet) -> Block:
    """Return the block of a sheet.

    Raises:
        RequestError: As `parse_blocks`.
    """
    name = sheet.name[:BLOCK_NAME_CHARACTERS]
    if name[-1] not in BLOCK_LETTERS.get(int(name[:-1]), ""):
        raise RequestError(
            f"{sheet.name} is outside British Columbia, which BC Gridded DEM covers. Give an NTS "
            "block that reaches into the province, such as 104P or 92B."
        )
    zone = math.floor((sheet.bounds[0] + 180) / 6) + 1
    if zone not in UTM_ZONES:
        raise RequestError(
            f"{name} lies in UTM zone {zone}, and BC Gridded DEM has the zones {min(UTM_ZONES)} to "
            f"{max(UTM_ZONES)} only. Give another block."
        )
    if name != sheet.name:
        raise RequestError(
            f"{sheet.name} is a sheet at 1:50,000, and BC Gridded DEM is made by blocks at "
            f"1:250,000. Give the block that it lies in: {name}."
        )
    return Block(sheet, zone)


def outline_grid(grid: Grid) -> shapely.Polygon:
    """Return the outline of a grid in EPSG:4617, with curved edges."""
    tolerance = MAX_OUTLINE_ERROR_METRES / METRES_PER_DEGREE
    return project_geometry(shapely.box(*grid.bounds), grid.crs, LONLAT, tolerance)


def _round_down(metres: float) -> int:
    return math.floor(metres / SPACING_METRES) * SPACING_METRES

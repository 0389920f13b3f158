"""Cells of CDED: a western and an eastern one for each NTS sheet, of 1201 x 1201 nodes.

Neighbouring cells share the nodes of their common edge: the first profile of a cell is the last of
the cell to its west, and each profile shares a node with the cells to its north and south (CDED
2.1, 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from affine import Affine

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT
from hrdem.geo.grid import Bounds, Grid, Window
from hrdem.request.aoi.nts import Sheet, parse_sheets

Node = tuple[float, float]

#: profiles of a cell, and nodes of a profile: CDED 2.1, 3.2
NODES = 1201
#: west, south, east, north in degrees of all CDED: CDED 2.1, 2.5
NATIONAL_BOX: Bounds = (-141, 41, -52, 84)
_ARC_SECONDS = 3600  # in a degree


class Area(StrEnum):
    """The three areas of Canada by latitude: CDED 2.1, 3.3."""

    A = "A"
    B = "B"
    C = "C"


_SOUTH_OF_B, _SOUTH_OF_C = 68, 80  # degrees
# arc seconds between profiles, by scale and area: CDED 2.1, 7.4.2 element 15
_PROFILE_SPACING = {
    50_000: {Area.A: 0.75, Area.B: 1.5, Area.C: 3.0},
    250_000: {Area.A: 3.0, Area.B: 6.0, Area.C: 12.0},
}
# arc seconds between the nodes of a profile, by scale: CDED 2.1, 3.2
_NODE_SPACING = {50_000: 0.75, 250_000: 3.0}


class Half(StrEnum):
    """Which half of a sheet a cell is."""

    WEST = "w"
    EAST = "e"


@dataclass(frozen=True, slots=True)
class Cell:
    """Half of a sheet.

    Attributes:
        sheet: The sheet.
        half: Which half.
    """

    sheet: Sheet
    half: Half

    @property
    def spacing(self) -> tuple[float, float]:
        """Arc seconds between profiles, and between the nodes of a profile."""
        return get_spacing(self.sheet)

    @property
    def window(self) -> Window:
        """Window of the cell on `make_sheet_grid`; the cells of a sheet share one column."""
        column = 0 if self.half is Half.WEST else NODES - 1
        return Window(column, 0, NODES, NODES)

    @property
    def bounds(self) -> Bounds:
        """Longitudes and latitudes of the outermost nodes: west, south, east, north in degrees."""
        west, south, east, north = self.sheet.bounds
        middle = (west + east) / 2
        if self.half is Half.WEST:
            return west, south, middle, north
        return middle, south, east, north

    @property
    def corners(self) -> tuple[Node, Node, Node, Node]:
        """Corner nodes as pairs of longitude and latitude in arc seconds: SW, NW, NE, SE."""
        west, south, east, north = (each * _ARC_SECONDS for each in self.bounds)
        return (west, south), (west, north), (east, north), (east, south)


def parse_cded_sheets(names: str | Sequence[str]) -> tuple[Sheet, ...]:
    """Return the sheets with some names, if CDED has them.

    Args:
        names: Names as `hrdem.request.aoi.nts.parse_sheets` takes them.

    Raises:
        RequestError: If one is not a name of a sheet, or is outside the national box.
    """
    sheets = parse_sheets(names)
    for sheet in sheets:
        check_sheet(sheet)
    return sheets


def check_sheet(sheet: Sheet) -> None:
    """Check that a sheet is, at least in part, in the box of all CDED (CDED 2.1, 2.5).

    Sheets at 1:250,000 along 141 W, the boundary with Alaska, are in it by half; their western
    cells are void.

    Raises:
        RequestError: If it is outside.
    """
    if not is_in_national_box(sheet):
        raise RequestError(
            f"The sheet {sheet.name} covers {_format_box(sheet.bounds)}, and CDED covers "
            f"{_format_box(NATIONAL_BOX)}. Name a sheet in that."
        )


def is_in_national_box(sheet: Sheet) -> bool:
    """Return whether a sheet is, at least in part, in the box of all CDED (CDED 2.1, 2.5)."""
    west, south, east, north = sheet.bounds
    left, bottom, right, top = NATIONAL_BOX
    return left < east and west < right and bottom < north and south < top


def _format_box(bounds: Bounds) -> str:
    west, south, east, north = bounds
    return f"{-west:g}-{-east:g} W, {south:g}-{north:g} N"


def get_canadian_bounds(sheet: Sheet) -> Bounds:
    """Return west, south, east, north of the part of a sheet that CDED can have heights in."""
    west, south, east, north = sheet.bounds
    box = NATIONAL_BOX
    return max(west, box[0]), max(south, box[1]), min(east, box[2]), min(north, box[3])


def get_cells(sheet: Sheet) -> tuple[Cell, Cell]:
    """Return the western and the eastern cell of a sheet, which always belong together."""
    return Cell(sheet, Half.WEST), Cell(sheet, Half.EAST)


def get_area(sheet: Sheet) -> Area:
    """Return the area by latitude that a sheet is in: A below 68 degrees, C from 80."""
    south = sheet.bounds[1]
    if south < _SOUTH_OF_B:
        return Area.A
    return Area.B if south < _SOUTH_OF_C else Area.C


def get_spacing(sheet: Sheet) -> tuple[float, float]:
    """Return the arc seconds between profiles, and between the nodes of a profile."""
    return _PROFILE_SPACING[sheet.scale][get_area(sheet)], _NODE_SPACING[sheet.scale]


def make_sheet_grid(sheet: Sheet) -> Grid:
    """Return the nodes of both cells of a sheet, as pixel centres of a grid.

    Returns:
        Grid of 2401 x 1201 pixels in NAD83(CSRS), which has the numbers of NAD83; its edges are
        half a spacing outside the sheet.
    """
    west, _, _, north = (each * _ARC_SECONDS for each in sheet.bounds)
    dx, dy = get_spacing(sheet)
    left, top = (west - dx / 2) / _ARC_SECONDS, (north + dy / 2) / _ARC_SECONDS
    transform = Affine(dx / _ARC_SECONDS, 0, left, 0, -dy / _ARC_SECONDS, top)
    return Grid(LONLAT, transform, 2 * NODES - 1, NODES)

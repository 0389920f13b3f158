"""Void nodes of a cell, inside and outside Canada, before anything is written.

CDED has void only outside Canada (CDED 2.1, 2.8.3). Both cells of a sheet are always delivered,
even if one is void (10.2); a sheet without one height is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.errors import NoDataError
from hrdem.geo.crs import LONLAT
from hrdem.geo.grid import Grid
from hrdem.geo.lattice import Lattice
from hrdem.geo.mask import PolygonMask
from hrdem.geo.nodata import VOID
from hrdem.legacy.cded.cells import (
    Cell,
    Half,
    get_canadian_bounds,
    get_cells,
    make_sheet_grid,
)
from hrdem.request.aoi.nts import Sheet

_NAMES = {Half.WEST: "west", Half.EAST: "east"}


@dataclass(frozen=True, slots=True)
class CellCoverage:
    """How much of a cell is void.

    Attributes:
        cell: The cell.
        nodes: Number of its nodes.
        void: Void ones.
        outside: Void ones that are outside Canada; None if that is not known.
    """

    cell: Cell
    nodes: int
    void: int
    outside: int | None

    @property
    def name(self) -> str:
        """``west`` or ``east``."""
        return _NAMES[self.cell.half]

    @property
    def inside(self) -> int | None:
        """Void nodes inside Canada; None if that is not known."""
        return None if self.outside is None else self.void - self.outside

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "cell": self.name,
            "nodes": self.nodes,
            "void": self.void,
            "void_outside_canada": self.outside,
            "void_inside_canada": self.inside,
        }


def mask_canada(sheet: Sheet, border: shapely.MultiPolygon | None) -> NDArray[np.bool_] | None:
    """Return which nodes of a sheet can have heights: inside a border, and in the box of all CDED.

    The border is decided on the endless lattice of the nodes, so that sheets agree on those they
    share.

    Args:
        sheet: The sheet.
        border: Polygons in EPSG:4617; None if none was given.

    Returns:
        Array of the shape of `make_sheet_grid`; None if all nodes can.

    Raises:
        NoDataError: If none can.
    """
    grid, canadian = make_sheet_grid(sheet), get_canadian_bounds(sheet)
    if border is None and canadian == sheet.bounds:
        return None
    inside = np.ones((grid.height, grid.width), np.bool_)
    if border is not None:
        lattice = Lattice.of(grid)
        endless = Grid(grid.crs, lattice.transform(0, 0), 1, 1)
        parts = shapely.get_parts(border)
        near = parts[shapely.intersects(shapely.envelope(parts), shapely.box(*grid.bounds))]
        mask = PolygonMask.of(shapely.MultiPolygon(near.tolist()), LONLAT, endless)
        inside = mask.rasterize(grid.window.shifted(lattice.column, lattice.row))
    allowed = grid.touched_by(canadian)  # nodes on its edge too
    outside = np.ones_like(inside)
    outside[allowed.slices] = False
    inside[outside] = False
    if not inside.any():
        raise NoDataError(
            f"No node of {sheet.name} is inside the `border`: both of its cells would be void. "
            "Nothing was read. Name another sheet, or check the CRS of the border."
        )
    return inside


def measure_coverage(
    sheet: Sheet, heights: NDArray[np.int16], inside: NDArray[np.bool_] | None
) -> tuple[CellCoverage, CellCoverage]:
    """Count the void nodes of both cells of a sheet.

    Args:
        sheet: The sheet.
        heights: Of all nodes of `make_sheet_grid`, `VOID` where there is none.
        inside: Which nodes are in Canada, of `mask_canada`; None if that is not known.
    """
    west, east = (_count(cell, heights, inside) for cell in get_cells(sheet))
    return west, east


def _count(
    cell: Cell, heights: NDArray[np.int16], inside: NDArray[np.bool_] | None
) -> CellCoverage:
    void = heights[cell.window.slices] == VOID
    outside = None
    if inside is not None:
        outside = int(np.count_nonzero(void & ~inside[cell.window.slices]))
    return CellCoverage(cell, void.size, int(np.count_nonzero(void)), outside)


def check_shifts(
    sheet: Sheet, heights: NDArray[np.int16], unknown: NDArray[np.bool_], grid_name: str
) -> None:
    """Check that no node in Canada is void only because its shift to CGVD28 is unknown.

    Args:
        sheet: The sheet.
        heights: Of all nodes of `make_sheet_grid`, after water was set.
        unknown: Nodes that may be in Canada, and have a height in CGVD2013 and no shift.
        grid_name: File of the shifts.

    Raises:
        NoDataError: If there is one.
    """
    lost = unknown & (heights == VOID)
    if not lost.any():
        return
    row, column = (int(each[0]) for each in np.nonzero(lost))
    longitude, latitude = make_sheet_grid(sheet).centre(column, row)
    raise NoDataError(
        f"{grid_name} has no shift from CGVD2013 to CGVD28 at {np.count_nonzero(lost):,} nodes of "
        f"{sheet.name} that have a height, the first at {longitude:.5f},{latitude:.5f}. Nothing "
        "was written. If they are outside Canada, give its `border`; else give another "
        "`vertical_grid`."
    )


def check_not_void(sheet: Sheet, cells: Sequence[CellCoverage], hint: str) -> None:
    """Check that a sheet has a height.

    Args:
        sheet: The sheet.
        cells: Its cells.
        hint: What to do if it has none, a sentence; may be empty.

    Raises:
        NoDataError: If it has none.
    """
    if any(each.void < each.nodes for each in cells):
        return
    where = "" if cells[0].outside is None else " in Canada"
    raise NoDataError(
        f"Both cells of {sheet.name} are void: no source has a height{where} in the sheet. Nothing "
        f"was written. {hint}".rstrip()
    )

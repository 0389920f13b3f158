"""Names of CDED files, and the cells that they stand for (CDED 2.1, 7.4.2 element 1, 10.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hrdem.errors import RequestError
from hrdem.legacy.cded.cells import NODES, Cell, Half, is_in_national_box
from hrdem.request.aoi.nts import parse_sheet

_SECONDS = 3600

_SHEET = r"(?P<sheet>\d{3}[a-z](\d\d)?)"
_CENTRE = re.compile(rf"{_SHEET}_(?P<half>[we])\.dem")
_PURCHASER = re.compile(rf"{_SHEET}_(?P<version>\d{{4}})(?P<mark>_?)dem(?P<half>[we])\.dem")
_INTERNAL = re.compile(r"(?P<sheet>\d{1,3}[a-z](\d\d)?)DEM(?P<half>[we])", re.IGNORECASE)
_METADATA = re.compile(rf"{_SHEET}_meta\.xml")
_CENTRE_ZIP = re.compile(rf"{_SHEET}\.zip")
_PURCHASER_ZIP = re.compile(rf"{_SHEET}_\d{{13}}\.zip")


@dataclass(frozen=True, slots=True)
class CellName:
    """What the name of a file says.

    Attributes:
        sheet: NTS sheet, three digits first, lower case: ``031k01`` or ``031k``.
        half: ``w`` or ``e``.
        version: Edition and version of the data, two digits each; empty in a centre's name.
        is_marked: Whether an underscore follows them, as in files that were published.
        is_padded: Whether the name has its number as three digits.
    """

    sheet: str
    half: str
    version: str = ""
    is_marked: bool = False
    is_padded: bool = True


@dataclass(frozen=True, slots=True)
class CellPlace:
    """Where a cell must be.

    Attributes:
        west: Longitude of the first profile, arc seconds.
        south: Latitude of the first node of each profile, arc seconds.
        spacing: Spacing of profiles, and of nodes along them, arc seconds.
        sheet_west: Longitude of the western edge of its sheet, arc seconds.
        is_in_canada: Whether something of the sheet is in the national box.
    """

    west: float
    south: float
    spacing: tuple[float, float]
    sheet_west: float
    is_in_canada: bool

    @property
    def east(self) -> float:
        """Longitude of the last profile, arc seconds."""
        return self.west + (NODES - 1) * self.spacing[0]

    @property
    def north(self) -> float:
        """Latitude of the last node of each profile, arc seconds."""
        return self.south + (NODES - 1) * self.spacing[1]

    @property
    def corners(self) -> tuple[float, ...]:
        """Longitude and latitude of the corners, clockwise from the south-west."""
        west, south, east, north = self.west, self.south, self.east, self.north
        return (west, south, west, north, east, north, east, south)


def parse_file_name(name: str) -> CellName | None:
    """Return what the name of a file says, in lower or upper case; None if it is no CDED name."""
    if found := _CENTRE.fullmatch(name.lower()):
        return CellName(found["sheet"], found["half"])
    if found := _PURCHASER.fullmatch(name.lower()):
        return CellName(found["sheet"], found["half"], found["version"], bool(found["mark"]))
    return None


def parse_internal_name(field: bytes) -> CellName | None:
    """Return what element 1 says; None if it is no name of a cell."""
    found = _INTERNAL.fullmatch(str(field.strip(b" "), "ascii", "replace"))
    if not found:
        return None
    number = re.match(r"\d+", found["sheet"])
    assert number
    sheet = f"{int(number[0]):03}{found['sheet'][number.end() :]}".lower()
    is_padded = number.end() == 3
    return CellName(sheet, found["half"].lower(), is_padded=is_padded)


def parse_zip_name(name: str) -> tuple[str, bool] | None:
    """Return the sheet of an archive, and whether it is a purchaser's; None if it has neither."""
    if found := _CENTRE_ZIP.fullmatch(name.lower()):
        return found["sheet"], False
    if found := _PURCHASER_ZIP.fullmatch(name.lower()):
        return found["sheet"], True
    return None


def parse_metadata_name(name: str) -> str | None:
    """Return the sheet of a file of metadata; None if it has another name."""
    found = _METADATA.fullmatch(name.lower())
    return found["sheet"] if found else None


def locate_cell(name: CellName) -> CellPlace | None:
    """Return where a cell must be; None if there is no such sheet."""
    try:
        cell = Cell(parse_sheet(name.sheet), Half(name.half))
    except RequestError:
        return None
    west, south, _, _ = cell.bounds
    return CellPlace(
        west=west * _SECONDS,
        south=south * _SECONDS,
        spacing=cell.spacing,
        sheet_west=cell.sheet.bounds[0] * _SECONDS,
        is_in_canada=is_in_national_box(cell.sheet),
    )

"""Names of CDED files: those of responsibility centres, and those of purchasers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hrdem.errors import RequestError
from hrdem.legacy.cded.cells import Cell, Half
from hrdem.request.aoi.nts import Sheet, parse_sheet
from hrdem.request.options import Naming

#: edition and version of the specification, in element 28 of type A
SPECIFICATION = "21"
STAMP_DIGITS = 13  # of a time stamp in milliseconds
_CELL_NAME = re.compile(
    r"([0-9]{1,3}[a-p](?:[0-9]{1,2})?)_(?:[0-9]{4}_?dem)?([we])\.dem", re.IGNORECASE
)
_EDITION = re.compile(r"\s*([0-9])\.([0-9])\s*")


@dataclass(frozen=True, slots=True)
class DataEdition:
    """Edition and version of a data set, such as 1.0: a digit each, as element 28 has room for.

    Attributes:
        edition: The edition.
        version: Its version.
    """

    edition: int
    version: int

    @property
    def element(self) -> str:
        """Element 28 of type A, with that of the specification: ``1021``."""
        return f"{self.edition}{self.version}{SPECIFICATION}"


def parse_data_edition(text: str) -> DataEdition:
    """Return an edition and version.

    Raises:
        RequestError: If the text is not two digits with a point between.
    """
    match = _EDITION.fullmatch(text)
    if match is None:
        raise RequestError(
            f"`data_edition={text}` is not an edition and a version of one digit each. Give it "
            "like 1.0."
        )
    return DataEdition(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class SetNames:
    """Names of the files of a sheet.

    Attributes:
        folder: Folder of loose files.
        archive: The zip.
        cells: The western and the eastern cell.
        metadata: The metadata.
    """

    folder: str
    archive: str
    cells: tuple[str, str]
    metadata: str


def make_names(
    sheet: Sheet, naming: Naming, edition: DataEdition, stamp_milliseconds: int
) -> SetNames:
    """Return the names of a sheet's files (CDED 2.1, 10.2).

    Responsibility centres have ``031k01.zip`` with ``031k01_w.dem`` and ``031k01_e.dem``, and
    purchasers ``011G13_1071673780004.zip`` with ``011g13_0100demw.dem``, ``011g13_0100deme.dem``
    and ``011g13_meta.xml``. The document gives no name to a centre's metadata: they have the same.

    Args:
        sheet: The sheet.
        naming: Whose names.
        edition: Edition of the data, in names of purchasers.
        stamp_milliseconds: Time since 1970, in names of purchasers.
    """
    name = sheet.name.lower()
    if naming is Naming.CENTRE:
        archive, cells = f"{name}.zip", (f"{name}_w.dem", f"{name}_e.dem")
    else:
        archive = f"{sheet.name}_{stamp_milliseconds:0{STAMP_DIGITS}}.zip"
        stem = f"{name}_{edition.edition:02}{edition.version:02}dem"
        cells = (f"{stem}w.dem", f"{stem}e.dem")
    return SetNames(name, archive, cells, f"{name}_meta.xml")


def make_internal_name(cell: Cell) -> str:
    """Return the file name within a cell, such as ``031k01DEMe`` (CDED 2.1, 7.4.2 element 1)."""
    return f"{cell.sheet.name.lower()}DEM{cell.half}"


def parse_cell_name(name: str) -> Cell | None:
    """Return the cell that a file of either naming is named after; None for other names.

    Purchasers' files have an underscore more than the document prints: ``011g13_0100_deme.dem``.

    Args:
        name: Name of the file without folder, in any case.
    """
    match = _CELL_NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return Cell(parse_sheet(match[1]), Half(match[2].lower()))
    except RequestError:  # no sheet has this name
        return None

"""Write the files of a sheet: its cells and their metadata, as one zip or one folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import NoDataError, RequestError
from hrdem.legacy.cded.cells import NODES, get_cells
from hrdem.legacy.cded.coverage import CellCoverage
from hrdem.legacy.cded.header import Producer, make_header
from hrdem.legacy.cded.names import SetNames, make_names
from hrdem.legacy.delivery import stage_set
from hrdem.request.aoi.nts import Sheet
from hrdem.request.options import Naming, Records
from hrdem.usgsdem.elements import RECORD_BYTES, Layout
from hrdem.usgsdem.records import count_records
from hrdem.usgsdem.write import write_dem

_DEGREE_SPACING = 3.0, 3.0  # arc seconds between the nodes of cells of a degree
# usgs2sdf of SPLAT! 1.4.2 takes all words after byte 872 of the header for heights
_BLANK_END: dict[str, Any] = {
    "void_flag": None,
    "vertical_datum": None,
    "horizontal_datum": None,
    "edition": "",
    "percent_void": None,
}


@dataclass(frozen=True, slots=True)
class CdedDelivery:
    """Where and how the files of sheets are written.

    Attributes:
        folder: Folder for the sets.
        overwrite: Whether existing sets may be replaced.
        naming: Whose names the files have.
        unpacked: Whether a set is a folder instead of a zip.
        records: How records end.
        producer: What headers say about the making of cells.
        time_stamp: Of metadata, and of purchasers' names and zips, milliseconds since 1970.
    """

    folder: Path
    overwrite: bool
    naming: Naming
    unpacked: bool
    records: Records
    producer: Producer
    time_stamp: int

    @property
    def day(self) -> dt.date:
        """The day on which it is made."""
        return dt.datetime.fromtimestamp(self.time_stamp / 1_000, dt.UTC).date()

    @property
    def set_bytes(self) -> int:
        """Size of the two cells of a set."""
        records = 1 + NODES * count_records(NODES)
        return 2 * records * (RECORD_BYTES + len(self._delimiter))

    def list_files(self, sheet: Sheet) -> tuple[str, ...]:
        """Return the names of a sheet's files in its zip or folder."""
        names = self.name(sheet)
        return *names.cells, names.metadata

    def name(self, sheet: Sheet) -> SetNames:
        """Return the names of a sheet's files."""
        return make_names(sheet, self.naming, self.producer.edition, self.time_stamp)

    def locate(self, sheet: Sheet) -> Path:
        """Return the path of a sheet's zip or folder."""
        names = self.name(sheet)
        return self.folder / (names.folder if self.unpacked else names.archive)

    def check(self, sheet: Sheet) -> None:
        """Check that the records can be those of a sheet.

        Raises:
            RequestError: If its cells are not of a degree, as SPLAT! needs them.
        """
        if self.records is Records.SPLAT and get_cells(sheet)[0].spacing != _DEGREE_SPACING:
            raise RequestError(
                f"`records=splat` is for cells of a degree by a degree, and those of {sheet.name} "
                "are others. Name sheets at 1:250,000 south of 68 N, such as 031K."
            )

    def check_coverage(self, cells: Sequence[CellCoverage]) -> None:
        """Check that the records can hold the voids of the cells of a sheet.

        Raises:
            NoDataError: If usgs2sdf of SPLAT! would read a void node and the one before as one.
        """
        void = max(each.void for each in cells)
        if self.records is Records.SPLAT and void:
            sheet = cells[0].cell.sheet
            raise NoDataError(
                f"usgs2sdf of SPLAT! takes a void node and the one before for one number, and a "
                f"cell of {sheet.name} has {void:,} void nodes. Nothing was written. If they are "
                "in the sea, give it as `sea`; else choose another sheet."
            )

    def write(self, sheet: Sheet, heights: NDArray[np.int16], metadata: bytes) -> None:
        """Write the files of a sheet; they appear together or not at all.

        Args:
            sheet: The sheet.
            heights: Whole metres in CGVD28 at all nodes of `make_sheet_grid`.
            metadata: The metadata.

        Raises:
            OutputExistsError: If the set was written meanwhile and may not be replaced.
            OutputError: If it cannot be written.
        """
        names = self.name(sheet)
        stamp = self.time_stamp if self.naming is Naming.PURCHASER else None
        with stage_set(self.locate(sheet), self.overwrite, stamp) as folder:
            (folder / names.metadata).write_bytes(metadata)
            for cell, name in zip(get_cells(sheet), names.cells, strict=True):
                part = heights[cell.window.slices]
                header = make_header(cell, part, self.producer)
                if self.records is Records.SPLAT:
                    header = replace(header, **_BLANK_END)
                with (folder / name).open("wb") as file:
                    write_dem(file, header, Layout.CDED, part, delimiter=self._delimiter)

    @property
    def _delimiter(self) -> bytes:
        return b"" if self.records is Records.FIXED else b"\n"

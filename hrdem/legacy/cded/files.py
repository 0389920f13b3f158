"""Write the files of a sheet: its cells and their metadata, as one zip or one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrdem.legacy.cded.cells import NODES, get_cells
from hrdem.legacy.cded.encode import Producer, make_header
from hrdem.legacy.cded.names import SetNames, make_names
from hrdem.legacy.delivery import stage_set
from hrdem.request.aoi.nts import Sheet
from hrdem.request.options import Naming, Records
from hrdem.usgsdem.elements import RECORD_BYTES, Layout
from hrdem.usgsdem.records import count_records
from hrdem.usgsdem.write import write_dem

_DELIMITERS = {Records.FIXED: b"", Records.LF: b"\n"}


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
        time_stamp: Of purchasers' names and zips, milliseconds since 1970.
    """

    folder: Path
    overwrite: bool
    naming: Naming
    unpacked: bool
    records: Records
    producer: Producer
    time_stamp: int

    @property
    def set_bytes(self) -> int:
        """Size of the two cells of a set."""
        records = 1 + NODES * count_records(NODES)
        return 2 * records * (RECORD_BYTES + len(_DELIMITERS[self.records]))

    def name(self, sheet: Sheet) -> SetNames:
        """Return the names of a sheet's files."""
        return make_names(sheet, self.naming, self.producer.edition, self.time_stamp)

    def locate(self, sheet: Sheet) -> Path:
        """Return the path of a sheet's zip or folder."""
        names = self.name(sheet)
        return self.folder / (names.folder if self.unpacked else names.archive)

    def write(self, sheet: Sheet, heights: NDArray[np.int16]) -> None:
        """Write the files of a sheet; they appear together or not at all.

        Args:
            sheet: The sheet.
            heights: Whole metres in CGVD28 at all nodes of `hrdem.legacy.cded.cells.sheet_grid`.

        Raises:
            OutputExistsError: If the set was written meanwhile and may not be replaced.
            OutputError: If it cannot be written.
        """
        names = self.name(sheet)
        stamp = self.time_stamp if self.naming is Naming.PURCHASER else None
        with stage_set(self.locate(sheet), self.overwrite, stamp) as folder:
            for cell, name in zip(get_cells(sheet), names.cells, strict=True):
                part = heights[cell.window.slices]
                header = make_header(cell, part, self.producer)
                with (folder / name).open("wb") as file:
                    delimiter = _DELIMITERS[self.records]
                    write_dem(file, header, Layout.CDED, part, delimiter=delimiter)

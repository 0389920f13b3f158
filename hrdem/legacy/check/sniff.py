"""What a file is: by its name, and for a DEM by its first record."""

from __future__ import annotations

import re
from enum import Enum

from hrdem.errors import RequestError
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check.checked_file import CheckedFile
from hrdem.legacy.check.numbers import read_integer
from hrdem.request.options import Edition
from hrdem.usgsdem.elements import RECORD_BYTES

_LEVEL = slice(144, 168)  # elements 3 to 6, four I6
_SYSTEM = slice(156, 162)  # element 5
_SIDES = slice(528, 546)  # elements 8 to 10
_CORNERS = slice(546, 738)  # element 11
_GEOGRAPHIC = b"0"


class FileKind(Enum):
    """Kind of a file by the end of its name."""

    USGS_DEM = ".dem"
    ASCII_GRID = ".asc"
    TIFF = ".tif"
    WORLD_FILE = ".tfw"
    ARCHIVE = ".zip"

    @staticmethod
    def of_name(name: str) -> FileKind | None:
        """Return the kind of a file by its name; None if it is none of these."""
        found = re.search(r"\.[a-z]{3}$", name.lower())
        return next((kind for kind in FileKind if found and kind.value == found[0]), None)


def is_checked(name: str) -> bool:
    """Whether a file among others is one of the older products by its name."""
    kind = FileKind.of_name(name)
    return kind in (FileKind.USGS_DEM, FileKind.ARCHIVE) or FileName.parse(name) is not None


def find_kind(checked: CheckedFile) -> FileKind:
    """Return the kind of a file.

    Raises:
        RequestError: If it is none that is checked, or a .dem whose beginning is none.
    """
    kind = FileKind.of_name(checked.name)
    if kind not in (None, FileKind.USGS_DEM):
        return kind
    start = checked.read(RECORD_BYTES)
    if is_type_a(start):
        return FileKind.USGS_DEM
    if kind is None:
        raise RequestError(
            f"{checked.label} is no file of the older products. Give a .dem, .asc, .tif, .tfw, a "
            ".zip, or a folder."
        )
    raise RequestError(
        f"{checked.label} is no USGS DEM: {_describe(start)}. Give a file that begins with a type "
        "A record."
    )


def is_cded(checked: CheckedFile, kind: FileKind, edition: Edition | None) -> bool:
    """Whether a file is judged as one of CDED: by the edition, or by element 5 of its header.

    Raises:
        RequestError: If the edition is one of CDED, which has no such files.
    """
    if kind is FileKind.USGS_DEM:
        if edition:
            return edition.is_cded
        return checked.read(RECORD_BYTES)[_SYSTEM].strip(b" ") == _GEOGRAPHIC
    if edition and edition.is_cded:
        raise RequestError(
            f"{checked.label} is none of CDED, which has .dem files only. Leave out `edition`."
        )
    return False


def is_type_a(block: bytes) -> bool:
    """Whether a block has the numbers of a type A record.

    They are whole in elements 3 to 6 and 8 to 10, as heights are, but not in element 11.
    """
    fields = block[_LEVEL] + block[_SIDES]
    places = range(0, len(fields), 6)
    is_whole = all(read_integer(fields[at : at + 6].rstrip(b" ")) is not None for at in places)
    return len(block) == RECORD_BYTES and is_whole and b"." in block[_CORNERS]


def _describe(block: bytes) -> str:
    if len(block) < RECORD_BYTES:
        return f"it has {len(block)} bytes, less than the {RECORD_BYTES} of its first record"
    return "its first record has no numbers where those of elements 3 to 11 are"

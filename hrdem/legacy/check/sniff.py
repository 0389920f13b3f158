"""What a file is: by its name, and for a DEM by its first record."""

from __future__ import annotations

import re
from enum import Enum

from hrdem.errors import RequestError
from hrdem.legacy.check.entries import Entry
from hrdem.legacy.check.numbers import read_integer
from hrdem.legacy.check.records import BLOCK_BYTES

_LEVEL = slice(144, 168)  # elements 3 to 6, four I6
_SIDES = slice(528, 546)  # elements 8 to 10


class Kind(Enum):
    """Kind of a file by the end of its name."""

    USGS_DEM = ".dem"
    ARCHIVE = ".zip"

    @staticmethod
    def of_name(name: str) -> Kind | None:
        """Return the kind of a file by its name; None if it is not checked."""
        found = re.search(r"\.[a-z]{3}$", name.lower())
        return next((kind for kind in Kind if found and kind.value == found[0]), None)


def find_kind(entry: Entry) -> Kind:
    """Return the kind of a file.

    Raises:
        RequestError: If it is none that is checked, or a .dem whose beginning is none.
    """
    kind = Kind.of_name(entry.name)
    start = entry.read(BLOCK_BYTES)
    if kind is None and is_type_a(start):
        return Kind.USGS_DEM
    if kind is None:
        raise RequestError(
            f"{entry.label} is no file of the older products. Give a .dem, a .zip of .dem "
            "files, or a folder."
        )
    if kind is Kind.USGS_DEM and not is_type_a(start):
        raise RequestError(
            f"{entry.label} is no USGS DEM: {_describe(start)}. Give a file that begins with a "
            "type A record."
        )
    return kind


def is_type_a(block: bytes) -> bool:
    """Whether a block has whole numbers where a type A record has elements 3 to 6 and 8 to 10."""
    fields = block[_LEVEL] + block[_SIDES]
    places = range(0, len(fields), 6)
    return len(block) == BLOCK_BYTES and all(
        read_integer(fields[at : at + 6].rstrip(b" ")) is not None for at in places
    )


def _describe(block: bytes) -> str:
    if len(block) < BLOCK_BYTES:
        return f"it has {len(block)} bytes, less than the {BLOCK_BYTES} of its first record"
    return "its first record has no numbers where those of elements 3 to 10 are"

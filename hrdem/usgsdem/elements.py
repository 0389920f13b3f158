"""The elements of type A and type B records: number, name, offset and format of each.

Sources: CDED 2.1, 7.4.2 and 7.4.3; BC 2.0, 4.1. Both are editions of the USGS format; they differ
in the width of the producer's name, and in what they write.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

RECORD_BYTES = 1024
#: bytes of a type B record before its heights
PROFILE_HEADER_BYTES = 144
#: columns of a height
HEIGHT_BYTES = 6
#: heights in the first physical record of a profile, and in each further one
FIRST_HEIGHTS = (RECORD_BYTES - PROFILE_HEADER_BYTES) // HEIGHT_BYTES
NEXT_HEIGHTS = RECORD_BYTES // HEIGHT_BYTES


class Layout(Enum):
    """The specification that a file is written to."""

    CDED = "CDED 2.1"
    BC = "BC Gridded DEM 2.0"


class FieldKind(Enum):
    """The format of a field."""

    TEXT = "A, right-justified"
    LEFT_TEXT = "A, left-justified"
    INTEGER = "I"
    REAL = "D24.15"
    SHORT_REAL = "E12.6"
    FIXED = "F7.2"
    ANGLE = "I4, I2, F7.4"
    FILLER = "blank"


@dataclass(frozen=True, slots=True)
class Element:
    """A field of a record, or several of one format side by side.

    Attributes:
        number: Number of the element; 0 for blanks at the end that have none.
        name: Attribute of `Header` that holds its value; ``filler`` for blanks.
        offset: First byte in the record, from 0.
        width: Bytes of a value.
        kind: Format of a value.
        count: Number of values.
    """

    number: int
    name: str
    offset: int
    width: int
    kind: FieldKind
    count: int = 1

    @property
    def end(self) -> int:
        """The byte after the last."""
        return self.offset + self.width * self.count

    def read(self, block: bytes) -> bytes:
        """Return the bytes of the element in a record."""
        return block[self.offset : self.end]

    def split(self, block: bytes) -> tuple[bytes, ...]:
        """Return the bytes of each value of the element in a record."""
        starts = range(self.offset, self.end, self.width)
        return tuple(block[start : start + self.width] for start in starts)


def _start(producer_bytes: int) -> tuple[Element, ...]:
    end = 40 + producer_bytes
    return (
        Element(1, "file_name", 0, 40, FieldKind.TEXT),
        Element(1, "producer", 40, producer_bytes, FieldKind.TEXT),
        Element(1, "filler", end, 109 - end, FieldKind.FILLER),
    )


_REST = (
    Element(1, "south_west", 109, 13, FieldKind.ANGLE, 2),
    Element(1, "process_code", 135, 1, FieldKind.TEXT),
    Element(1, "filler", 136, 1, FieldKind.FILLER),
    Element(1, "sectional", 137, 3, FieldKind.TEXT),
    Element(2, "origin", 140, 4, FieldKind.LEFT_TEXT),
    Element(3, "level", 144, 6, FieldKind.INTEGER),
    Element(4, "pattern", 150, 6, FieldKind.INTEGER),
    Element(5, "system", 156, 6, FieldKind.INTEGER),
    Element(6, "zone", 162, 6, FieldKind.INTEGER),
    Element(7, "projection", 168, 24, FieldKind.REAL, 15),
    Element(8, "ground_unit", 528, 6, FieldKind.INTEGER),
    Element(9, "height_unit", 534, 6, FieldKind.INTEGER),
    Element(10, "sides", 540, 6, FieldKind.INTEGER),
    Element(11, "corners", 546, 24, FieldKind.REAL, 8),
    Element(12, "min_height", 738, 24, FieldKind.REAL),
    Element(12, "max_height", 762, 24, FieldKind.REAL),
    Element(13, "rotation", 786, 24, FieldKind.REAL),
    Element(14, "accuracy", 810, 6, FieldKind.INTEGER),
    Element(15, "resolution", 816, 12, FieldKind.SHORT_REAL, 3),
    Element(16, "rows", 852, 6, FieldKind.INTEGER),
    Element(16, "profiles", 858, 6, FieldKind.INTEGER),
    Element(17, "largest_interval", 864, 5, FieldKind.INTEGER),
    Element(18, "largest_interval_unit", 869, 1, FieldKind.INTEGER),
    Element(19, "smallest_interval", 870, 5, FieldKind.INTEGER),
    Element(20, "smallest_interval_unit", 875, 1, FieldKind.INTEGER),
    Element(21, "source_date", 876, 4, FieldKind.TEXT),
    Element(22, "revision_date", 880, 4, FieldKind.TEXT),
    Element(23, "revision_flag", 884, 1, FieldKind.TEXT),
    Element(24, "validation", 885, 1, FieldKind.INTEGER),
    Element(25, "void_flag", 886, 2, FieldKind.INTEGER),
    Element(26, "vertical_datum", 888, 2, FieldKind.INTEGER),
    Element(27, "horizontal_datum", 890, 2, FieldKind.INTEGER),
    Element(28, "edition", 892, 4, FieldKind.TEXT),
    Element(29, "percent_void", 896, 4, FieldKind.INTEGER),
    Element(30, "edge_match", 900, 2, FieldKind.INTEGER, 4),
    Element(31, "vertical_shift", 908, 7, FieldKind.FIXED),
    Element(0, "filler", 915, 109, FieldKind.FILLER),
)

#: Fields of a type A record, in the order of their bytes, without gaps.
ELEMENTS: dict[Layout, tuple[Element, ...]] = {
    Layout.CDED: _start(60) + _REST,
    Layout.BC: _start(40) + _REST,
}

#: Fields of a type B record before its heights, in the order of their bytes, without gaps.
PROFILE_ELEMENTS = (
    Element(1, "row", 0, 6, FieldKind.INTEGER),
    Element(1, "column", 6, 6, FieldKind.INTEGER),
    Element(2, "points", 12, 6, FieldKind.INTEGER),
    Element(2, "columns", 18, 6, FieldKind.INTEGER),
    Element(3, "x", 24, 24, FieldKind.REAL),
    Element(3, "y", 48, 24, FieldKind.REAL),
    Element(4, "local_datum", 72, 24, FieldKind.REAL),
    Element(5, "min_height", 96, 24, FieldKind.REAL),
    Element(5, "max_height", 120, 24, FieldKind.REAL),
)

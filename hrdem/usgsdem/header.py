"""The type A record: the first of a USGS DEM, which says where its heights lie."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from hrdem.errors import RequestError
from hrdem.runtime.text import to_one_line
from hrdem.usgsdem import fortran
from hrdem.usgsdem.elements import ELEMENTS, RECORD_BYTES, Element, FieldKind, Layout

_MAX_SHOWN = 40  # characters of a field in a message
# Without these the heights cannot be placed; any other that cannot be read is left blank.
_NEEDED = frozenset(
    {"level", "pattern", "system", "ground_unit", "height_unit", "resolution", "rows", "profiles"}
)
_READ_STRICTLY = _NEEDED | {"zone", "projection", "horizontal_datum", "vertical_datum", "accuracy"}
_PAIRS = frozenset({"corners"})

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The elements of a type A record; None or an empty text where the field is blank.

    The defaults are what CDED 2.1, 7.4.2 and BC 2.0, 4.1 both prescribe.

    Attributes:
        file_name: Element 1.
        producer: Element 1, of 60 characters in CDED, of 40 in BC files.
        south_west: Element 1, longitude and latitude of the south-west corner, degrees.
        process_code: Element 1, software that made the heights.
        sectional: Element 1.
        origin: Element 2, source of the data.
        level: Element 3.
        pattern: Element 4: 1 regular, 2 random.
        system: Element 5: 0 geographic, 1 UTM, 2 state plane, 3 Albers.
        zone: Element 6.
        projection: Element 7, 15 parameters.
        ground_unit: Element 8: 0 radians, 1 feet, 2 metres, 3 arc seconds.
        height_unit: Element 9: 1 feet, 2 metres.
        sides: Element 10.
        corners: Element 11, (x, y) of the nodes SW, NW, NE, SE in ground units.
        min_height: Element 12, without voids; -32767 if all are void.
        max_height: Element 12.
        rotation: Element 13, radians.
        accuracy: Element 14: 0 if no type C record follows.
        resolution: Element 15: x and y in ground units, z in height units.
        rows: Element 16, rows of profiles.
        profiles: Element 16, number of profiles.
        largest_interval: Element 17, contour interval.
        largest_interval_unit: Element 18.
        smallest_interval: Element 19.
        smallest_interval_unit: Element 20.
        source_date: Element 21, YYMM.
        revision_date: Element 22, YYMM.
        revision_flag: Element 23.
        validation: Element 24.
        void_flag: Element 25: 0 none, 2 void.
        vertical_datum: Element 26: 1 mean sea level.
        horizontal_datum: Element 27: 1 NAD27, 2 WGS 72, 3 WGS 84, 4 NAD83.
        edition: Element 28, four digits in CDED.
        percent_void: Element 29.
        edge_match: Element 30: west, north, east, south.
        vertical_shift: Element 31.
    """

    file_name: str = ""
    producer: str = ""
    south_west: Pair | None = None
    process_code: str = ""
    sectional: str = ""
    origin: str = ""
    level: int = 1
    pattern: int = 1
    system: int
    zone: int | None = 0
    projection: tuple[float | None, ...] = (0.0,) * 15
    ground_unit: int
    height_unit: int = 2
    sides: int | None = 4
    corners: tuple[Pair, Pair, Pair, Pair] | None
    min_height: float | None
    max_height: float | None
    rotation: float | None = 0.0
    accuracy: int | None = 0
    resolution: tuple[float, float, float]
    rows: int = 1
    profiles: int
    largest_interval: int | None = None
    largest_interval_unit: int | None = None
    smallest_interval: int | None = None
    smallest_interval_unit: int | None = None
    source_date: str = ""
    revision_date: str = ""
    revision_flag: str = ""
    validation: int | None = None
    void_flag: int | None = None
    vertical_datum: int | None = None
    horizontal_datum: int | None = None
    edition: str = ""
    percent_void: int | None = None
    edge_match: tuple[int | None, ...] | None = None
    vertical_shift: float | None = None


_FIELDS = frozenset(field.name for field in fields(Header))


def parse_header(block: bytes, name: str = "The DEM") -> Header:
    """Parse a type A record of either layout.

    A field that does not affect where heights lie is blank if it cannot be read: files of the
    USGS from before 1988 have free text there.

    Args:
        block: The first 1024 bytes of a file.
        name: Name of the file, for messages.

    Raises:
        RequestError: If the record is short, or an element cannot be read that says where the
            heights lie.
    """
    if len(block) < RECORD_BYTES:
        raise RequestError(
            f"{name} is not a USGS DEM: it has {len(block):,} bytes, less than the "
            f"{RECORD_BYTES:,} of a header. Give a whole file."
        )
    values = {
        element.name: _parse_element(element, block, name)
        for element in ELEMENTS[Layout.CDED]
        if element.name in _FIELDS
    }
    return Header(**values)


def _parse_element(element: Element, block: bytes, name: str) -> Any:
    if element.kind in (FieldKind.TEXT, FieldKind.LEFT_TEXT):
        text = element.read(block).decode("latin-1")
        return "".join(each if each.isprintable() else " " for each in text).strip()
    parse = _PARSERS[element.kind]
    try:
        values = tuple(parse(field) for field in element.split(block))
    except ValueError as exc:
        if element.name in _READ_STRICTLY:
            raise _unreadable(element, block, name) from exc
        values = (None,) * element.count
    if element.name in _NEEDED and None in values:
        raise _unreadable(element, block, name)
    if element.count == 1:
        return values[0]
    if element.name == "projection":
        return values
    if element.name == "edge_match":
        return None if all(value is None for value in values) else values
    if None in values:
        return None
    return tuple(zip(values[::2], values[1::2], strict=True)) if element.name in _PAIRS else values


_PARSERS = {
    FieldKind.INTEGER: fortran.parse_integer,
    FieldKind.REAL: fortran.parse_real,
    FieldKind.SHORT_REAL: fortran.parse_real,
    FieldKind.FIXED: fortran.parse_real,
    FieldKind.ANGLE: fortran.parse_dms,
}


def _unreadable(element: Element, block: bytes, name: str) -> RequestError:
    field = element.read(block)
    found = to_one_line(field.decode("latin-1"), _MAX_SHOWN)
    return RequestError(
        f"{name} is not a USGS DEM that can be read: bytes {element.offset + 1} to {element.end} "
        f"of its header, element {element.number} ({element.name.replace('_', ' ')}), are "
        f"{f'{found!r}' if found else 'blank'}. Give a file with a whole header."
    )


def format_header(header: Header, layout: Layout) -> bytes:
    """Format a type A record to the letter of a specification.

    Args:
        header: Values of the elements.
        layout: Specification; it decides the width of the producer's name.

    Returns:
        1024 bytes.

    Raises:
        RequestError: If a value does not fit its columns, or is not ASCII.
    """
    return b"".join(_format_element(element, header) for element in ELEMENTS[layout])


def _format_element(element: Element, header: Header) -> bytes:
    blank = b" " * (element.width * element.count)
    if element.kind is FieldKind.FILLER:
        return blank
    value = getattr(header, element.name)
    if value is None or value == "":
        return blank
    values = value if element.count > 1 else (value,)
    if element.name in _PAIRS:
        values = [number for pair in value for number in pair]
    if len(values) != element.count:
        raise ValueError(f"{element.name} has {len(values)} values, not {element.count}")
    try:
        return "".join(_format_value(element, each) for each in values).encode("ascii")
    except ValueError as exc:  # also a UnicodeEncodeError
        raise RequestError(
            f"{to_one_line(str(value), _MAX_SHOWN)!r} cannot be element {element.number} "
            f"({element.name.replace('_', ' ')}) of a DEM, which has {element.width} columns of "
            "ASCII. Give a shorter or plainer value."
        ) from exc


def _format_value(element: Element, value: Any) -> str:
    width = element.width
    if value is None:
        return " " * width
    match element.kind:
        case FieldKind.INTEGER:
            return fortran.format_i(value, width)
        case FieldKind.REAL:
            return fortran.format_d(value)
        case FieldKind.SHORT_REAL:
            return fortran.format_e(value)
        case FieldKind.FIXED:
            return fortran.format_f(value, width, 2)
        case FieldKind.ANGLE:
            return fortran.format_dms(value)
    if len(value) > width or not value.isprintable():
        raise ValueError(value)
    return (
        str(value).ljust(width) if element.kind is FieldKind.LEFT_TEXT else str(value).rjust(width)
    )

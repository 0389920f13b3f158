"""The beginning of a type B record: a profile's place, size and range."""

from __future__ import annotations

from dataclasses import dataclass

from hrdem.errors import RequestError
from hrdem.runtime.text import to_one_line
from hrdem.usgsdem import fortran
from hrdem.usgsdem.elements import PROFILE_ELEMENTS, Element, FieldKind

_MAX_SHOWN = 24  # characters of a field in a message
_OPTIONAL = frozenset({"local_datum", "min_height", "max_height"})


@dataclass(frozen=True, slots=True)
class Profile:
    """The elements of a type B record before its heights (CDED 2.1, 7.4.3; BC 2.0, 4.1).

    Attributes:
        row: Element 1, always 1.
        column: Element 1, number of the profile from 1.
        points: Element 2, number of heights.
        columns: Element 2, always 1.
        x: Element 3, of the first height, in ground units of the header.
        y: Element 3, likewise.
        local_datum: Element 4, added to each height; in height units.
        min_height: Element 5, without voids; -32767 if all are void; None if blank.
        max_height: Element 5.
    """

    row: int
    column: int
    points: int
    columns: int
    x: float
    y: float
    local_datum: float
    min_height: float | None
    max_height: float | None


def parse_profile(record: bytes, number: int, name: str) -> Profile:
    """Parse the beginning of a type B record.

    Args:
        record: Its first 144 bytes, or more.
        number: Number of the profile in the file, from 1, for messages.
        name: Name of the file, for messages.

    Raises:
        RequestError: If an element is not a number, or the size or place of the profile is missing.
    """
    values: dict[str, float | int | None] = {}
    for element in PROFILE_ELEMENTS:
        field = element.read(record)
        parse = fortran.parse_integer if element.kind is FieldKind.INTEGER else fortran.parse_real
        try:
            value = parse(field)
        except ValueError as exc:
            raise _unreadable(element, field, number, name) from exc
        if value is None and element.name not in _OPTIONAL:
            raise _unreadable(element, field, number, name)
        values[element.name] = value
    values["local_datum"] = values["local_datum"] or 0.0
    return Profile(**values)  # type: ignore[arg-type]  # of the types of their kinds


def _unreadable(element: Element, field: bytes, number: int, name: str) -> RequestError:
    found = to_one_line(field.decode("latin-1"), _MAX_SHOWN)
    return RequestError(
        f"{name} cannot be read: element {element.number} ({element.name.replace('_', ' ')}) of "
        f"profile {number:,} is {f'{found!r}' if found else 'blank'}. The file may be cut off or "
        "changed; give a whole copy."
    )


def format_profile(profile: Profile) -> bytes:
    """Format the beginning of a type B record: 144 bytes.

    Raises:
        ValueError: If a number does not fit its columns.
    """
    return "".join(_format_value(element, profile) for element in PROFILE_ELEMENTS).encode("ascii")


def _format_value(element: Element, profile: Profile) -> str:
    value = getattr(profile, element.name)
    if element.kind is FieldKind.INTEGER:
        return fortran.format_i(value, element.width)
    return fortran.format_d(value)

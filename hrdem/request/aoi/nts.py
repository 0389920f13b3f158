"""Sheets of the National Topographic System (NTS): names and bounds.

A number names a series 4 degrees high, a letter a 1:250,000 sheet in it, a second number a 1:50,000
sheet in that. Bounds follow from the name alone, whether a sheet was published or not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hrdem.errors import RequestError

if TYPE_CHECKING:
    from hrdem.geo.grid import Bounds

_NAME = re.compile(
    r"(?:NTS\s*)?([0-9]{1,3})\s*[/_.-]?\s*([A-Z])(?:\s*[/_.-]?\s*([0-9]{1,2}))?", re.IGNORECASE
)
_POINT = re.compile(r"\s*([-+]?[0-9]+(?:\.[0-9]*)?)\s*[,\s]\s*([-+]?[0-9]+(?:\.[0-9]*)?)\s*")
_COLUMNS = 12  # series 8 degrees wide, westward from 48 W
_HIGH_ARCTIC = (120, 340, 560, 780, 910)  # series 16 degrees wide, westward from 56 W
# letters and numbers of sheets: rows from the south, each from west to east
_SOUTH_LETTERS = ("DCBA", "EFGH", "LKJI", "MNOP")
_ARCTIC_LETTERS = ("BA", "CD", "FE", "GH")
_NUMBERS = ((4, 3, 2, 1), (5, 6, 7, 8), (12, 11, 10, 9), (13, 14, 15, 16))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet at 1:50,000 or 1:250,000.

    Attributes:
        name: Official name, for example ``031G05`` or ``092B``.
        bounds: West, south, east, north in degrees on NAD83.
    """

    name: str
    bounds: Bounds

    @property
    def scale(self) -> int:
        """Denominator of its scale, 50,000 or 250,000."""
        return 250_000 if self.name[-1].isalpha() else 50_000


@dataclass(frozen=True, slots=True)
class _Series:
    """A series: its south-western corner and width in degrees, and the letters of its sheets."""

    west: float
    south: float
    width: float
    letters: tuple[str, ...]


def parse_sheet(text: str) -> Sheet:
    """Return the sheet with a name.

    Args:
        text: Name such as ``031G05``, ``31G/5`` or ``92b``: in upper or lower case, with or
            without leading zeros.

    Raises:
        RequestError: If it is not a name of a sheet, or no sheet has it.
    """
    match = _NAME.fullmatch(text.strip())
    if match is None:
        names = re.split(r"\s*[,;]\s*|\s+", text.strip())
        if len(names) > 1 and all(map(_NAME.fullmatch, names)):
            raise RequestError(
                f"{text!r} names {len(names)} NTS sheets, and an extraction takes one. "
                "`hrdem tile`, in Python hrdem.tile_job, makes a file for each of several."
            )
        raise RequestError(
            f"{text!r} is not the name of an NTS sheet. Give one like 031G05 or 31G/5 (1:50,000), "
            "or like 031G or 31G (1:250,000)."
        )
    series = _get_series(int(match[1]), text)
    letter, known = match[2].upper(), sorted("".join(series.letters))
    if letter not in known:
        raise RequestError(
            f"There is no NTS sheet {text!r}. The sheets of series {int(match[1])} have the "
            f"letters {known[0]} to {known[-1]}."
        )
    row, letters = next(each for each in enumerate(series.letters) if letter in each[1])
    width = series.width / len(letters)
    west, south = series.west + letters.index(letter) * width, series.south + row
    name = f"{int(match[1]):03}{letter}"
    if match[3] is None:
        return Sheet(name, (west, south, west + width, south + 1))
    number = int(match[3])
    if not 1 <= number <= 16:
        raise RequestError(
            f"There is no NTS sheet {text!r}. The 1:50,000 sheets of {name} have the numbers 1 "
            "to 16."
        )
    row, numbers = next(each for each in enumerate(_NUMBERS) if number in each[1])
    west, south = west + numbers.index(number) * width / 4, south + row / 4
    return Sheet(f"{name}{number:02}", (west, south, west + width / 4, south + 0.25))


def parse_sheets(names: str | Sequence[str]) -> tuple[Sheet, ...]:
    """Return the sheets with some names, each once, in the order of the names.

    Args:
        names: Names as `parse_sheet` takes them, with commas or semicolons between, or in a
            sequence.

    Raises:
        RequestError: If one is not a name of a sheet or no sheet has it, if a point was given, or
            nothing.
    """
    if isinstance(names, str):
        if (point := _POINT.fullmatch(names)) is not None:
            raise _point_error(names.strip(), float(point[1]), float(point[2]))
        names = re.split("[,;]", names)
    if not names:
        raise RequestError("No NTS sheet was requested. Name one or several, as 031G05,031G06.")
    return tuple(dict.fromkeys(map(parse_sheet, names)))


def find_sheet(longitude: float, latitude: float, scale: int = 50_000) -> Sheet | None:
    """Return the sheet that holds a point; on an edge, the one to the north and east of it.

    Args:
        longitude: Degrees on NAD83, west negative.
        latitude: Degrees on NAD83.
        scale: Denominator of the scale, 50,000 or 250,000.

    Returns:
        The sheet; None where no sheet has a name.
    """
    number = _find_number(longitude, latitude)
    if number is None:
        return None
    series = _get_series(number, str(number))
    row, east = int(latitude - series.south), longitude - series.west
    letters = series.letters[row]
    width = series.width / len(letters)
    column = int(east / width)
    name = f"{number:03}{letters[column]}"
    if scale == 50_000:
        numbers = _NUMBERS[int((latitude - series.south - row) * 4)]
        name += f"{numbers[int((east - column * width) / width * 4)]:02}"
    return parse_sheet(name)


def _find_number(longitude: float, latitude: float) -> int | None:
    """Return the number of the series that holds a point; None where there is none."""
    row = math.floor(latitude / 4) - 10
    if 0 <= row < 10:
        column = math.ceil((-48 - longitude) / 8) - 1
        return 10 * column + row if 0 <= column < _COLUMNS else None
    column = math.ceil((-56 - longitude) / 16) - 1
    if row in (10, 11) and 0 <= column < len(_HIGH_ARCTIC):
        return _HIGH_ARCTIC[column] + row - 10
    return None


def _point_error(text: str, first: float, second: float) -> RequestError:
    """Return the error for a point in place of a name, with the sheets that hold it."""
    for longitude, latitude in ((first, second), (second, first)):
        small = find_sheet(longitude, latitude)
        if small is not None:
            return RequestError(
                f"{text!r} is a point, and `nts` takes names of NTS sheets. The point is on "
                f"{small.name} (1:50,000), a part of {small.name[:-2]} (1:250,000)."
            )
    return RequestError(
        f"{text!r} is a point, and `nts` takes names of NTS sheets, such as 031G05 or 031G."
    )


def _get_series(number: int, text: str) -> _Series:
    column, row = divmod(number, 10)
    if column < _COLUMNS:
        letters = _SOUTH_LETTERS if row < 7 else _ARCTIC_LETTERS  # from 68 degrees
        return _Series(-56 - 8 * column, 40 + 4 * row, 8, letters)
    if row < 2 and number - row in _HIGH_ARCTIC:
        west = -72 - 16 * _HIGH_ARCTIC.index(number - row)
        return _Series(west, 80 + 4 * row, 16, _ARCTIC_LETTERS)
    last = 10 * _COLUMNS - 1
    north = ", ".join(f"{first} and {first + 1}" for first in _HIGH_ARCTIC)
    raise RequestError(
        f"There is no NTS sheet {text!r}, because there is no series {number}. The series go up to "
        f"{last} south of 80 degrees, and are {north} north of that."
    )

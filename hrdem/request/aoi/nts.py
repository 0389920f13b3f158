"""Sheets of the National Topographic System (NTS): names and bounds.

A number names a series 4 degrees high, a letter a 1:250,000 sheet in it, a second number a 1:50,000
sheet in that. Bounds follow from the name alone, whether a sheet was published or not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hrdem.errors import RequestError
from hrdem.geo.grid import Bounds

_NAME = re.compile(
    r"(?:NTS\s*)?([0-9]{1,3})\s*[/_.-]?\s*([A-Z])(?:\s*[/_.-]?\s*([0-9]{1,2}))?", re.IGNORECASE
)
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

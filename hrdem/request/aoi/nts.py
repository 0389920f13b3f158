"""Sheets of the National Topographic System: their names and what they cover.

A number stands for a series of sheets 4 degrees high, a letter for a 1:250,000 sheet in it, a
second number for a 1:50,000 sheet in that. Nothing is looked up: the names follow from the
numbering, whether a sheet was ever published or not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hrdem.errors import RequestError
from hrdem.geo.grid import Bounds

_NAME = re.compile(r"([0-9]{1,3})[ /-]?([A-Z])[ /-]?([0-9]{1,2})?", re.IGNORECASE)
_COLUMNS = 12  # of series 8 degrees wide, from 48 W to the west
_HIGH_ARCTIC = (120, 340, 560, 780, 910)  # of series 16 degrees wide, from 56 W to the west
# rows from the south, each from west to east
_SOUTH_LETTERS = ("DCBA", "EFGH", "LKJI", "MNOP")
_ARCTIC_LETTERS = ("BA", "CD", "FE", "GH")
_NUMBERS = ((4, 3, 2, 1), (5, 6, 7, 8), (12, 11, 10, 9), (13, 14, 15, 16))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of the scale 1:50,000 or 1:250,000.

    Attributes:
        name: As the agency writes it, for example ``031G05`` or ``092B``.
        bounds: West, south, east, north in degrees on NAD83.
    """

    name: str
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class _Series:
    """The sheets of one number: its south-western corner and width in degrees, and its letters."""

    west: float
    south: float
    width: float
    letters: tuple[str, ...]


def parse_sheet(text: str) -> Sheet:
    """Return the sheet of a name.

    Args:
        text: Such as ``031G05``, ``31G/5`` or ``92b``: in any case, with or without zeros in front.

    Raises:
        RequestError: If it is no name of a sheet, or none of the numbering.
    """
    found = _NAME.fullmatch(text.strip())
    if found is None:
        raise RequestError(
            f"{text!r} is no name of an NTS sheet. They look like 031G05 or 31G/5 (1:50,000) and "
            "031G or 31G (1:250,000)."
        )
    series = _series(int(found[1]), text)
    letter, known = found[2].upper(), sorted("".join(series.letters))
    if letter not in known:
        raise RequestError(
            f"There is no NTS sheet {text!r}: the letters of series {int(found[1])} are {known[0]} "
            f"to {known[-1]}."
        )
    row, letters = next(each for each in enumerate(series.letters) if letter in each[1])
    width = series.width / len(letters)
    west, south = series.west + letters.index(letter) * width, series.south + row
    name = f"{int(found[1]):03}{letter}"
    if found[3] is None:
        return Sheet(name, (west, south, west + width, south + 1))
    number = int(found[3])
    if not 1 <= number <= 16:
        raise RequestError(
            f"There is no NTS sheet {text!r}: the 1:50,000 sheets of {name} have the numbers 1 to "
            "16."
        )
    row, numbers = next(each for each in enumerate(_NUMBERS) if number in each[1])
    west, south = west + numbers.index(number) * width / 4, south + row / 4
    return Sheet(f"{name}{number:02}", (west, south, west + width / 4, south + 0.25))


def _series(number: int, text: str) -> _Series:
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
        f"There is no NTS sheet {text!r}: its number {number} is outside the numbering, which goes "
        f"to {last} south of 80 degrees, and is {north} north of that."
    )

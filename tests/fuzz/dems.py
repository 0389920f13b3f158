"""Fuzz target for USGS DEMs, which are read whole or end in an error message."""

from __future__ import annotations

import io
import random
import warnings
from dataclasses import replace
from functools import cache

import numpy as np
from rasterio.crs import CRS

from hrdem.errors import RequestError
from hrdem.usgsdem.grid import MAX_POINTS
from hrdem.usgsdem.read import read_dem, read_dem_header
from tests.fuzz.findings import FindingError, check_place, check_shown, check_told
from tests.fuzz.mutation import mutate
from tests.usgs_dems import ALBERS, BC_ALBERS, GEOGRAPHIC, UTM, TextDem, print_d

_NAME = "a.dem"
_MOST_MESSAGE = 400  # characters
_MOST_METRES = 32_767

_WEST, _SOUTH = -241_200, 176_400
_CELL = TextDem(
    GEOGRAPHIC | {"producer": "CFS-SSM", "edition": "1020"},
    [(_WEST + 3 * number, _SOUTH, [number, -32767, 5]) for number in range(3)],
)
_BLOCK = TextDem(UTM, [(25 * number, 50, [7 * number, 8]) for number in range(2)], real=print_d)
SEEDS = {
    "cell": bytes(_CELL),
    "lines": bytes(replace(_CELL, delimiter=b"\n")),
    "trimmed": bytes(replace(_CELL, delimiter=b"\r\n", is_trimmed=True, real=print_d)),
    "excerpt": bytes(TextDem(GEOGRAPHIC | {"profiles": 1201}, [(_WEST, _SOUTH, [1] * 148)])),
    "UTM": bytes(_BLOCK),
    "Albers": bytes(replace(_BLOCK, header=ALBERS, projection=BC_ALBERS)),
    "ragged": bytes(TextDem(UTM | {"height_unit": 1}, [(0, 75, [1]), (25, 0, [2, 3])])),
    "tenths": bytes(replace(_BLOCK, header=UTM | {"dz": 0.1}, datums=(10, -0.5))),
    "no datum": bytes(replace(_CELL, header=GEOGRAPHIC | {"datum": ""})),
    "state plane": bytes(replace(_BLOCK, header=UTM | {"system": 2, "ground_unit": 1})),
    "cut": bytes(_CELL)[:-865],
}


def attempt_dem(content: bytes) -> str:
    """Read a DEM, and check that its parts agree.

    Returns:
        The outcome.

    Raises:
        FindingError: If heights, grid and header do not fit each other, or an error message or a
            text of the header cannot be displayed.
        Exception: Any other exception that the reader fails to handle.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            dem = read_dem(io.BytesIO(content), _NAME)
        except RequestError as exc:
            return check_told(exc, _MOST_MESSAGE)
        if read_dem_header(io.BytesIO(content), _NAME) != (dem.header, dem.grid):
            raise FindingError("the header is another without the heights")
    for text in (dem.header.file_name, dem.header.producer, dem.header.edition):
        check_shown(text, 60)
    grid, heights = dem.grid, dem.heights
    if heights.shape != (grid.height, grid.width) or heights.size > MAX_POINTS:
        raise FindingError(f"heights of {heights.shape} on {grid}")
    check_place(grid)
    if not (np.isfinite(heights).all() and np.abs(heights).max() <= _MOST_METRES):
        raise FindingError("a height that is none on Earth")
    _check_crs(grid.crs)
    return f"read {heights.dtype}"


@cache
def _check_crs(crs: str) -> None:
    if CRS.from_user_input(crs).to_epsg() is None:
        raise FindingError(f"{crs} is no CRS")


# Where fields begin, of the header and of a profile, and their widths.
_FIELDS = (
    (0, 40), (40, 60), (109, 13), (144, 6), (150, 6), (156, 6), (162, 6), (168, 24), (216, 24),
    (528, 6), (534, 6), (546, 24), (738, 24), (786, 24), (810, 6), (816, 12), (828, 12), (840, 12),
    (852, 6), (858, 6), (886, 2), (890, 2), (892, 4), (896, 4), (908, 7),
)  # fmt: skip
_PROFILE_FIELDS = ((0, 6), (6, 6), (12, 6), (18, 6), (24, 24), (48, 24), (72, 24), (96, 24))
_VALUES = (
    b"", b"0", b"1", b"2", b"3", b"4", b"-1", b"9", b"12", b"148", b"1201", b"32768", b"999999",
    b"-99999", b"nan", b"inf", b"1e300", b"-1e300", b"1e-300", b"1e999", b"1d5", b"0.D+00", b".",
    b"-", b"+", b"1 2", b"1.5", b"25", b"-25", b"1e7", b"90000000", b"0.1", b"\x00", b"\xff\xfe",
    b"\x1b[31m", b"\n", b"\r\n", b"*", b"x" * 30, b"-32767", b"-32768", b"99999", b"324000",
)  # fmt: skip


def mutated_dem(content: bytes, seed: int) -> bytes:
    """Mutate fields, records and line ends of a DEM, sometimes with records of another seed."""
    return mutate(content, seed, _changed)


def _changed(content: bytes, chance: random.Random) -> bytes:
    size = 1024 + content[1000:1026].count(b"\n") + content[1000:1026].count(b"\r")
    record = size * chance.randrange(max(1, len(content) // size))
    match chance.randrange(10):
        case 0 | 1 | 2:
            return _put(content, *chance.choice(_FIELDS), chance)
        case 3 | 4 | 5:
            offset, width = chance.choice(_PROFILE_FIELDS)
            return _put(content, record + offset, width, chance)
        case 6:
            return _put(content, record + 144 + 6 * chance.randrange(4), 6, chance)
        case 7:
            other = chance.choice(list(SEEDS.values()))
            return (
                content[:record]
                + other[chance.randrange(4) * 1024 :][: 1024 * 2]
                + content[record:]
            )
        case 8:
            return content[:record] + content[record + chance.choice((1, 6, size)) :]
        case _:
            end = chance.choice((b"\n", b"\r\n", b" ", b"\x1a"))
            return content[: record + 1024] + end + content[record + 1024 :]


def _put(content: bytes, offset: int, width: int, chance: random.Random) -> bytes:
    value = chance.choice(_VALUES).rjust(width)[:width]
    return content[:offset] + value + content[offset + width :]

"""Fuzz target for the texts beside DEMs: ESRI ASCII grids, world files, .prj files."""

from __future__ import annotations

import io
import math
import random
import re
import warnings

import numpy as np
from rasterio.crs import CRS

from hrdem.errors import RequestError
from hrdem.geo.crs import normalize_crs
from hrdem.geo.grid import Pixels
from hrdem.geo.nodata import VOID
from hrdem.request.aoi.ascii_crs import place_ascii_grid, read_prj
from hrdem.usgsdem.ascii_grid import MAX_PIXELS, AsciiGrid, read_ascii_header
from hrdem.usgsdem.ascii_pixels import read_ascii_pixels
from hrdem.usgsdem.world_file import parse_world_file
from tests.fuzz.findings import FindingError, check_place, check_told
from tests.fuzz.mutation import mutate

_NAME = "92b-albers-elevation.asc"
_MOST_MESSAGE = 400  # characters
_GRID = b"ncols 3\nnrows 2\nxllcorner 12.5\nyllcorner 37.5\ncellsize 25\nNODATA_value -9999\n"
SEEDS = {
    "whole": _GRID + b"1 2 -9999\n-7 5959 6\n",
    "lines": (_GRID + b"1 2 3 4\n5\t6").replace(b"\n", b"\r\n"),
    "tenths": _GRID + b"1.5 2e1 -.5\n+7. 8 9\n",
    "centre": _GRID.replace(b"corner", b"center") + b"1 2 3\n4 5 6",
    "oblong": _GRID.replace(b"cellsize 25", b"DX 0.5\nDY 0.25") + b"1 2 3\n4 5 6\n",
    "nan": _GRID.replace(b"-9999", b"nan") + b"nan nan 0\n1 2 3e38\n",
    "multiple": _GRID.replace(b".5", b"") + b"1 2 3\n4 5 6\n",
    "large": _GRID + b"40000 2 3\n4 5 6\n",
    "cut": _GRID + b"1 2 3\n4 5",
    "more": _GRID + b"1 2 3\n4 5 6\n7",
    "infinite": _GRID + b"1 2 3\n4 inf 6\n",
    "world": b"25\n0.0\n0.0\n-25\n1223600\n1683050\n",
    "esri": CRS.from_epsg(3005).to_wkt(version="WKT1_ESRI").encode(),
    "degrees": CRS.from_epsg(4269).to_wkt(version="WKT2_2019").encode(),
    "sphere": b'LOCAL_CS["site",UNIT["metre",1]]',
}


def attempt_ascii(content: bytes) -> str:
    """Read a text as each of the three kinds of file.

    Returns:
        The outcome of the first that is read.

    Raises:
        FindingError: If pixels are not the numbers in the text, or a grid is nowhere, or an error
            message cannot be displayed.
        Exception: Any other exception that a reader fails to handle.
    """
    ends = [_attempt(read, content) for read in (_read_grid, _read_world, _read_prj)]
    return next((end for end in ends if end != "told"), "told")


def _attempt(read, content: bytes) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return read(content)
    except RequestError as exc:
        return check_told(exc, _MOST_MESSAGE)


def _read_grid(content: bytes) -> str:
    file = io.BytesIO(content)
    header = read_ascii_header(file, _NAME)
    grid = place_ascii_grid(header, _NAME, None)
    if header.pixels > MAX_PIXELS or (grid.width, grid.height) != (header.columns, header.rows):
        raise FindingError(f"{header} on {grid}")
    check_place(grid)
    pixels = read_ascii_pixels(file, header, _NAME)
    if pixels.shape != (header.rows, header.columns) or not np.isfinite(pixels).all():
        raise FindingError(f"pixels of {pixels.shape}")
    _check_pixels(content, header, pixels)
    return f"read {pixels.dtype}"


def _check_pixels(content: bytes, header: AsciiGrid, pixels: Pixels) -> None:
    """Check pixels by Python's own numbers."""
    numbers = [float(word) for word in content[header.start :].split()]
    void = [math.isnan(each) or each == header.nodata for each in numbers]
    with np.errstate(over="ignore"):
        expected = np.where(void, VOID, numbers).astype(pixels.dtype).reshape(pixels.shape)
    if not np.array_equal(pixels, expected):
        raise FindingError("pixels that are not the numbers in the text")


def _read_world(content: bytes) -> str:
    transform = parse_world_file(content, "a.tfw")
    if not all(map(math.isfinite, transform)) or not transform.determinant:
        raise FindingError(f"{transform} is nowhere")
    return "world file"


def _read_prj(content: bytes) -> str:
    crs = read_prj(content, "a.prj")
    normalize_crs(crs)  # as every user of a grid does
    return "CRS"


_VALUES = (
    b"0", b"1", b"2", b"3", b"-1", b"99999", b"16777216", b"67108865", b"1e300", b"-1e300",
    b"1e-300", b"1e999", b"5e-324", b"nan", b"-inf", b"inf", b"infinity", b"1_0", b"--5", b"5-3",
    b"-", b"+", b".", b"1e", b"0x10", b"1,5", b"\x00", b"5\x00", b"\xff", b"\x1b[31m", b"\x0b",
    b"\x0c", b"\xc2\xa0", b"\xd9\xa3", b"9" * 20, b"9" * 400, b"-9999", b"-32767", b"32768",
    b"-32769", b"3.4028235e38", b"3.5e38", b"25", b"12.5", b"", b" ", b"\n", b"\r", b"\t",
)  # fmt: skip
_WORD = re.compile(rb"[^\s,\[\]]+")
_KEYS = (
    b"ncols", b"nrows", b"xllcorner", b"xllcenter", b"yllcorner", b"yllcenter", b"cellsize",
    b"dx", b"DY", b"NODATA_value", b"byteorder", b"PROJCS", b"GEOGCS", b"UNIT", b"AXIS",
)  # fmt: skip


def mutated_ascii(content: bytes, seed: int) -> bytes:
    """Mutate words and lines of a text."""
    return mutate(content, seed, _changed)


def _changed(content: bytes, chance: random.Random) -> bytes:
    words = list(_WORD.finditer(content))
    if not words:
        return chance.choice(_VALUES)
    word = chance.choice(words)
    start, end = word.span()
    is_key = word[0][:1].isalpha()
    match chance.randrange(6):
        case 0:
            new = chance.choice(_KEYS) if is_key else chance.choice(_VALUES)
        case 1 if not is_key:
            new = word[0] + chance.choice(_VALUES)
        case 2:
            new = word[0].swapcase()
        case 3 if not is_key:
            new = word[0] + b" " + chance.choice(_VALUES)
        case 4 if not is_key:
            new = b""
        case _:
            new = chance.choice((b"", b"\r", b"\t ", b"\n")) + word[0]
    return content[:start] + new + content[end:]

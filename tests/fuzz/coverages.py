"""Fuzz target for WCS coverages, which match the request or end in an error message."""

from __future__ import annotations

import math
import random
import re
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from hrdem.errors import WcsError
from hrdem.geo.grid import Grid
from hrdem.http.retry import RetryableError
from hrdem.sources.wcs.response import check_coverage, extract_tiff, is_placeholder
from tests.fuzz.answers import SEEDS as WORDS
from tests.fuzz.findings import FindingError, check_shown
from tests.fuzz.mutation import mutated

GRID = Grid("EPSG:3979", Affine(2, 0, 1_500_000, 0, -2, -160_000), 43, 37)
NODATA = -32767.0
_MOST_MESSAGE = 1_200  # characters


def attempt_coverage(body: bytes) -> str:
    """Extract the coverage from a response and check it.

    Returns:
        The outcome.

    Raises:
        FindingError: If a raster that does not match the request is accepted, or an error message
            cannot be displayed.
        Exception: Any other exception that is not handled.
    """
    answer, coverage = _room() / "answer", _room() / "coverage.tif"
    answer.write_bytes(body)
    coverage.unlink(missing_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # also reported as an error
        try:
            extract_tiff(answer, coverage)
            check_coverage(coverage, GRID, "float32", NODATA, "metre")
        except (RetryableError, WcsError) as exc:
            check_shown(str(exc), _MOST_MESSAGE)
            return f"told {type(exc).__name__}"
    if answer.exists():
        raise FindingError("the answer is left behind")
    return _looked_at(coverage)


def _looked_at(coverage: Path) -> str:
    """Read an accepted coverage and check it."""
    with rasterio.open(coverage, driver="GTiff") as dataset:
        if is_placeholder(dataset, GRID):
            return "placeholder"
        if dataset.shape != (GRID.height, GRID.width) or dataset.dtypes != ("float32",):
            raise FindingError(f"{dataset.shape} pixels of {dataset.dtypes} have passed")
        apart = np.abs(np.subtract(dataset.bounds, GRID.bounds))
        if not (apart < 1e-3 * GRID.resolution[0]).all() or dataset.nodata != NODATA:
            raise FindingError(f"{dataset.bounds} with nodata {dataset.nodata} have passed")
        dataset.read(1)
    return "read"


@cache
def _room() -> Path:
    """Return a temporary directory for all attempts, deleted at exit."""
    _kept.append(tempfile.TemporaryDirectory(prefix="hrdem-fuzz-"))
    return Path(_kept[0].name)


_kept: list[tempfile.TemporaryDirectory[str]] = []


def _tiff(
    grid: Grid = GRID, dtype: str = "float32", value: float | None = None, **options
) -> bytes:
    rows, columns = np.indices((grid.height, grid.width))
    pixels = np.round(40 + 9 * np.sin(columns / 9) * np.cos(rows / 9)).astype(dtype)
    if value is not None:
        pixels[:] = value
    settings = {
        "driver": "GTiff", "width": grid.width, "height": grid.height, "count": 1, "dtype": dtype,
        "nodata": NODATA, "crs": grid.crs, "transform": grid.transform,
        "tiled": True, "blockxsize": 16, "blockysize": 16,
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**settings | options) as dataset:
            for band in range(1, dataset.count + 1):
                dataset.write(pixels, band)
        return bytes(memory.read())


def _multipart(tiff: bytes, boundary: bytes = b"wcs", end: bytes = b"\r\n") -> bytes:
    """Return a description followed by the coverage, in MapServer's format."""
    opening = end + b"--" + boundary + end
    xml = b"Content-Type: text/xml" + end * 2 + b"<?xml version='1.0'?>\n<Coverages/>\n"
    head = b"Content-Type: image/geotiff" + end * 2
    return opening + xml + opening + head + tiff + end + b"--" + boundary + b"--" + end


@cache
def seeds() -> dict[str, bytes]:
    """Return one response of each known kind."""
    left, bottom, right, top = GRID.bounds
    whole = Grid(GRID.crs, Affine(right - left, 0, left, 0, bottom - top, top), 1, 1)
    plain, packed = _tiff(), _tiff(compress="lzw")
    half = Grid(GRID.crs, Affine(2, 0, left + 1, 0, -2, top), GRID.width, GRID.height)
    return {
        "bare": plain,
        "packed": packed,
        "stripes": _tiff(tiled=False, blockxsize=None, blockysize=8, compress="deflate"),
        "big": _tiff(BIGTIFF="YES", compress="lzw"),
        "motorola": _tiff(ENDIANNESS="BIG", compress="deflate", predictor=3),
        "multipart": _multipart(packed),
        "lines": _multipart(packed, b"----=_Part_7.1", b"\n"),
        "nested": _multipart(_multipart(packed, b"inner"), b"outer"),
        "placeholder": _tiff(whole, value=NODATA, tiled=False, blockxsize=None),
        "three bands": _tiff(whole, "int32", 0, count=3, nodata=None),
        "moved": _tiff(half, compress="lzw"),
        "cut": _multipart(packed)[:900],
        "refused": _multipart(WORDS["report"]),
        **{name: WORDS[name] for name in ("report", "twice", "page", "stack", "json")},
    }


_PIECES = (
    b"", b"\r\n", b"\n", b"\n\n", b"--", b"--wcs", b"--wcs--", b"\r\n--wcs\r\n", b"\n--wcs--\n",
    b"\r\n\r\n", b"II*\0", b"MM\0*", b"II+\0", b"null", b" ", b"\0" * 9,
    b"--" + b"a" * 300 + b"\r\n", b"\r\n--" * 400, b"Content-Type: image/tiff\r\n\r\n", b"\xff\xfe",
)  # fmt: skip


def mutated_coverage(body: bytes, seed: int) -> bytes:
    """Mutate the coverage in a response, the surrounding parts, or its end."""
    chance = random.Random(seed)
    begin = re.search(rb"II[*+]\0|MM\0[*+]", body)
    if begin is not None and chance.random() < 0.6:
        end = body.rfind(b"--", begin.start())
        stop = len(body) if end < 0 or begin.start() == 0 else end
        body = body[: begin.start()] + mutated(body[begin.start() : stop], seed) + body[stop:]
        if chance.random() < 0.7:
            return body
    for _ in range(chance.choice((1, 1, 2, 3))):
        body = _edited(body, chance)
    return body


def _edited(body: bytes, chance: random.Random) -> bytes:
    """Insert a piece, usually near the start or end, where parts meet."""
    near = chance.choice((40, 200, math.inf))
    start = chance.randrange(min(near, len(body)) + 1)
    if chance.random() < 0.4:
        start = len(body) - start
    other = chance.choice(list(seeds().values()))
    at = chance.randrange(len(other))
    piece = chance.choice((*_PIECES, other, other[at : at + 100], chance.randbytes(3)))
    stop = start + chance.choice((0, 0, 1, 4, 30, len(body)))
    return body[:start] + piece + body[stop:]
